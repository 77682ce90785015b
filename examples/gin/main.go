// Command gin is a webhook endpoint on gin, ready to copy.
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
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/stores/memstore"
)

func main() {
	flag.Usage = func() {
		fmt.Fprint(os.Stderr, "usage: [ADDR=host:port] [WEBHOOK_SECRET=\"newest older\"] gin\n\nServes POST /hook until it is interrupted.\n")
	}
	if flag.Parse(); flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gin:", err)
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

	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery())
	router.POST("/hook", ginwh.New(v), handle)

	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080"))
	if err != nil {
		return fmt.Errorf("ADDR: %w", err)
	}
	fmt.Printf("gin: listening on http://%s/hook\n", ln.Addr())
	if !set {
		fmt.Printf("send a signed message with:\nADDR=%s WEBHOOK_SECRET=%s go run ./examples/sender\n", ln.Addr(), text)
	}

	stopped := make(chan error, 1)
	srv := &http.Server{Handler: router, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the program at once
		// Running handlers may finish, which settles their messages.
		finish, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		stopped <- srv.Shutdown(finish)
	}()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
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
func handle(c *gin.Context) {
	msg := ginwh.Message(c)
	var event struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(msg.Body, &event) // the type stays empty if the body is not JSON
	if event.Type == "example.fail" {
		c.String(http.StatusInternalServerError, "failing as asked")
		return
	}
	c.JSON(http.StatusOK, answer{"gin", msg.ID, event.Type, msg.Timestamp.Unix(), len(msg.Body)})
}
