// Command tenants gives each tenant an endpoint with its own key and source,
// and then attacks one endpoint.
//
// The attack: a platform sends webhooks for all its customers. Mallory, a
// customer, registers the address of Acme's endpoint as hers, so the platform
// sends her events there. Suppose that the platform authenticates with its IP
// addresses, or with a client certificate that all its customers share. Then
// Acme's endpoint accepts Mallory's event, because it does come from the
// platform. But a signature with the key of Mallory's endpoint does not verify
// with Acme's key.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/memstore"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "tenants:", err)
		os.Exit(1)
	}
}

// tenant is a row of the table of endpoints. Keep one *core.Keys for each row:
// it keeps the decoded keys.
type tenant struct {
	name string
	keys *core.Keys
}

// keySource finds the tenant by the path. The source that it returns is the
// stored name, never text from the request.
func keySource(byPath map[string]tenant) core.KeySourceFunc {
	return func(_ context.Context, r *core.Request) (string, *core.Keys, error) {
		t, ok := byPath[r.Path()] // in an application this is a query, which uses the context
		if !ok {
			return "", nil, core.ErrUnknownSource
		}
		return t.name, t.keys, nil
	}
}

func run() error {
	acme, mallory := core.GenerateSecret(), core.GenerateSecret()
	v, err := core.New(keySource(map[string]tenant{
		"/hooks/acme":    {"acme", core.Secrets(acme)},
		"/hooks/mallory": {"mallory", core.Secrets(mallory)},
	}), memstore.New(), nil)
	if err != nil {
		return err
	}

	mux := http.NewServeMux()
	mux.Handle("POST /hooks/{tenant}", nethttp.New(v)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		msg := nethttp.Message(r)
		fmt.Printf("    handled for %s: %s\n", msg.Source, msg.Body)
	})))
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(ln) }()
	defer srv.Close()
	endpoint := "http://" + ln.Addr().String() + "/hooks/"

	id := core.NewID()
	for _, step := range []struct {
		what, path, key, id string
		want                int
	}{
		{"the platform sends Acme's event to Acme", "acme", acme, core.NewID(), http.StatusOK},
		{"Mallory registered Acme's address: her event goes to Acme", "acme", mallory, core.NewID(), http.StatusUnauthorized},
		{"she takes the id of Acme's next event, in her own endpoint", "mallory", mallory, id, http.StatusOK},
		{"Acme's next event is handled all the same", "acme", acme, id, http.StatusOK},
		{"an endpoint that does not exist cannot be told from a wrong key", "nobody", mallory, core.NewID(), http.StatusUnauthorized},
	} {
		fmt.Println(step.what)
		got, err := send(endpoint+step.path, step.key, step.id)
		if err != nil {
			return err
		}
		fmt.Println("    answered", got)
		if got != step.want {
			return fmt.Errorf("expected %d: %w", step.want, errAttack)
		}
	}
	fmt.Println("The attack failed.")
	return nil
}

var errAttack = errors.New("the endpoints are not separated")

// send acts as the platform for the customer whose endpoint has this key.
func send(url, key, id string) (int, error) {
	signer, err := core.NewSigner(key)
	if err != nil {
		return 0, err
	}
	client := &http.Client{Transport: nethttp.NewTransport(signer, nil), Timeout: 10 * time.Second}
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader([]byte(`{"type":"invoice.paid"}`)))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Webhook-Id", id)
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}
