// Command development shows the log of an application in development mode: why
// a request was refused, and the fix.
//
// Use it only in development: the hook gets requests with their bodies, and
// anyone who can reach the endpoint can cause expensive work.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/memstore"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "development:", err)
		os.Exit(1)
	}
}

// run starts a server on loopback, sends it one correct message and three
// messages with a mistake each, and prints the log and the responses.
func run() error {
	secret := core.GenerateSecret()
	keys := core.Secrets(secret)
	config := &core.Config{}
	if os.Getenv("APP_ENV") != "production" {
		config.DangerouslyShowRefused = explain.Hook(slog.New(slog.NewTextHandler(os.Stdout, nil)), nil)
	}
	v, err := core.New(keys, memstore.New(), config)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /hook", nethttp.New(v)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))

	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(ln) }()
	defer srv.Close()

	signer, err := core.NewSigner(secret)
	if err != nil {
		return err
	}
	const signed = `{"type":"order.paid","total":12.5}`
	for _, c := range []struct {
		what, arrives string
		late          time.Duration
	}{
		{"as it was signed", signed, 0},
		{"parsed and written again by something in front", `{ "type": "order.paid", "total": 12.5 }`, 0},
		{"with a newline at its end", signed + "\n", 0},
		{"an hour late", signed, time.Hour},
	} {
		status, err := send(signer, "http://"+ln.Addr().String()+"/hook", signed, c.arrives, c.late)
		if err != nil {
			return err
		}
		fmt.Printf("%d  %s\n\n", status, c.what)
	}
	return nil
}

// send signs one body and sends another, as if a proxy had changed it.
func send(signer *core.Signer, url, signed, arrives string, late time.Duration) (int, error) {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader([]byte(arrives)))
	if err != nil {
		return 0, err
	}
	if err := signer.Sign(r.Header, core.NewID(), time.Now().Add(-late), []byte(signed)); err != nil {
		return 0, err
	}
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Do(r)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}
