// Command hookonce signs, sends, verifies and receives webhooks, and says why one was refused.
//
// hookonce --help lists the commands, hookonce help COMMAND says more of one. The exit status is 0 for success or an authentic request, 1 for a
// refused request or a message that was not delivered, 2 for wrong usage.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv)
	stop()
	os.Exit(code)
}
