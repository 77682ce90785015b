// Command hookonce signs, sends, verifies and receives webhooks, and says why
// one was refused.
//
// hookonce --help lists the commands, hookonce help COMMAND says more of one.
// The exit status is 0 for success or an authentic request; 1 for a refused
// request, a message that was not delivered, or a failure of the system; 2 for
// wrong usage.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv))
}

// untilSignal is for commands that run on: a first signal ends ctx, so that
// they say what became of it, and a second one the program. Other commands end
// with the first one, also while they wait for standard input.
func untilSignal(ctx context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
