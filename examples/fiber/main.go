// Command fiber is a webhook endpoint on fiber v2, ready to copy.
//
//	ADDR            where to listen, default 127.0.0.1:8080
//	WEBHOOK_SECRET  one or more secrets, separated by spaces, newest first;
//	                unset: one is generated and printed
//
// It handles POST /hook. It responds 500 to an event of type "example.fail", so
// that you can see the sender's retries.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/stores/memstore"
)

func main() {
	flag.Usage = func() {
		fmt.Fprint(os.Stderr, "usage: [ADDR=host:port] [WEBHOOK_SECRET=\"newest older\"] fiber\n\nServes POST /hook until it is interrupted.\n")
	}
	if flag.Parse(); flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "fiber:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	text, set := os.LookupEnv("WEBHOOK_SECRET")
	if !set {
		text = core.GenerateSecret()
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	v, err := core.New(core.Secrets(strings.Fields(text)...), memstore.New(), &core.Config{Observe: core.SlogObserver(logger)})
	if err != nil {
		return fmt.Errorf("WEBHOOK_SECRET: %w", err)
	}

	app := fiber.New(fiber.Config{
		// fiber reads the whole body before any middleware runs, so fiber's own limits protect the
		// server.
		ReadTimeout:           10 * time.Second,
		BodyLimit:             1 << 20,
		DisableStartupMessage: true,
	})
	app.Use(recover.New()) // without this middleware a panic ends the process
	app.Post("/hook", fiberwh.New(v), handle)

	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080"))
	if err != nil {
		return fmt.Errorf("ADDR: %w", err)
	}
	fmt.Printf("fiber: listening on http://%s/hook\n", ln.Addr())
	if !set {
		fmt.Printf("send a signed message with:\nADDR=%s WEBHOOK_SECRET=%s go run ./examples/sender\n", ln.Addr(), text)
	}

	// Without Listener, fiber allocates BodyLimit for every client that announces a body of that
	// size, and senders miss refusals of large bodies.
	serving := fiberwh.Listener(app, ln)
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the program at once
		// Running handlers may finish, which settles their messages.
		stopped <- app.ShutdownWithTimeout(time.Minute)
	}()
	if err := app.Listener(serving); err != nil {
		return err
	}
	return <-stopped
}

// answer is the body of the response to a handled message.
type answer struct {
	Framework string `json:"framework"`
	ID        string `json:"id"`
	Type      string `json:"type"`
	Timestamp int64  `json:"timestamp"`
	Bytes     int    `json:"bytes"`
}

// handle runs once for each message that is authentic, fresh and new.
func handle(c *fiber.Ctx) error {
	msg := fiberwh.Message(c)
	var event struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(msg.Body, &event) // the type stays empty if the body is not JSON
	if event.Type == "example.fail" {
		return fiber.NewError(fiber.StatusInternalServerError, "failing as asked")
	}
	return c.JSON(answer{"fiber", msg.ID, event.Type, msg.Timestamp.Unix(), len(msg.Body)})
}
