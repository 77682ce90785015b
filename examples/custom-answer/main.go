// Command custom-answer responds to refused attempts in an application's own
// format.
//
// Core still determines the status and the headers: they decide whether a
// sender retries, gives up, or disables the endpoint. The response does not say
// whether the key, the timestamp or the tenant was wrong. That belongs in the
// log: it would help an attacker.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/memstore"
)

// deny writes {"error": …} instead of the problem details. It is not called for
// acknowledged redeliveries.
func deny(w http.ResponseWriter, _ *http.Request, err *core.Error) {
	a := err.Answer()
	maps.Copy(w.Header(), a.Header) // Retry-After, Cache-Control, Connection
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.Status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": strings.ToLower(http.StatusText(a.Status))})
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "custom-answer:", err)
		os.Exit(1)
	}
}

// run sends one unsigned request to a server on loopback and prints the
// response.
func run() error {
	v, err := core.New(core.Secrets(core.GenerateSecret()), memstore.New(), nil)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /hook", nethttp.New(v, nethttp.Deny(deny))(http.NotFoundHandler()))

	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(ln) }()
	defer srv.Close()

	client := &http.Client{Timeout: 10 * time.Second}
	resp, err := client.Post("http://"+ln.Addr().String()+"/hook", "application/json", strings.NewReader(`{"type":"forged"}`))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return resp.Write(os.Stdout)
}
