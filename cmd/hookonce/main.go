// Command hookonce signs, sends, verifies and receives webhooks, and explains
// why a webhook was refused.
//
// hookonce --help lists the commands. hookonce help COMMAND describes a
// command. The exit status is 0 for success or an authentic request. It is 1
// for a refused request, a message that was not delivered, or a system failure.
// It is 2 for a usage error.
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

// untilSignal is for long-running commands. The first signal cancels ctx, so
// that the command can report its result. The second signal ends the program.
// All other commands end on the first signal, even while they read standard
// input.
func untilSignal(ctx context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
