// Command hookonce signs, sends, verifies and receives webhooks, and explains
// why one was refused.
//
// hookonce --help lists the commands; hookonce help COMMAND describes one. The
// exit status is 0 for success or an authentic request; 1 for a refused
// request, a message that was not delivered, or a system failure; 2 for a usage
// error.
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
// that the command can report its result; the second one ends the program. The
// first signal ends all other commands, even while they read standard input.
func untilSignal(ctx context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
