package nethttp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/memstore"
)

func ExampleNew() {
	secret := core.GenerateSecret() // os.Getenv("WEBHOOK_SECRET")
	v := core.Must(core.New(core.Secrets(secret), memstore.New(), nil))

	mux := http.NewServeMux()
	mux.Handle("POST /hook", nethttp.New(v)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		msg := nethttp.Message(r)
		fmt.Printf("handling %s\n", msg.Body)
		w.WriteHeader(http.StatusNoContent)
	})))
	server := httptest.NewServer(mux)
	defer server.Close()

	// An attacker without the secret, then the sender.
	signer, err := core.NewSigner(secret)
	if err != nil {
		panic(err)
	}
	sender := &http.Client{Transport: nethttp.NewTransport(signer, nil)}
	for _, client := range []*http.Client{http.DefaultClient, sender} {
		resp, err := client.Post(server.URL+"/hook", "application/json", strings.NewReader(`{"type":"order.paid"}`))
		if err != nil {
			panic(err)
		}
		_ = resp.Body.Close()
		fmt.Println(resp.StatusCode)
	}
	// Output:
	// 400
	// handling {"type":"order.paid"}
	// 204
}

func ExampleVerify() {
	secret := core.GenerateSecret() // os.Getenv("WEBHOOK_SECRET")
	v := core.Must(core.New(core.Secrets(secret), memstore.New(), nil))

	handler := func(w http.ResponseWriter, r *http.Request) {
		msg, err := nethttp.Verify(v, r) // no replay protection: see New
		var refused *core.Error
		if errors.As(err, &refused) {
			w.WriteHeader(refused.Answer().Status)
			return
		}
		fmt.Printf("%s\n", msg.Body)
	}
	w := httptest.NewRecorder()
	handler(w, httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader("{}")))
	fmt.Println(w.Code)
	// Output: 400
}

func ExampleNewTransport() {
	secret := core.GenerateSecret() // shared with the receiver
	signer, err := core.NewSigner(secret)
	if err != nil {
		panic(err)
	}
	client := &http.Client{Transport: nethttp.NewTransport(signer, nil)}

	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Signature")[:3])
	}))
	defer receiver.Close()

	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, receiver.URL, strings.NewReader("{}"))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Webhook-Id", "msg_order42") // the same for each attempt of this message
	resp, err := client.Do(req)
	if err != nil {
		panic(err)
	}
	_ = resp.Body.Close()
	// Output: msg_order42 v1,
}

func ExampleDeny() {
	v := core.Must(core.New(core.Secrets(core.GenerateSecret()), memstore.New(), nil))
	deny := nethttp.Deny(func(w http.ResponseWriter, _ *http.Request, err *core.Error) {
		a := err.Answer() // keep the status and Retry-After: they decide whether the sender retries
		if after := a.Header.Get("Retry-After"); after != "" {
			w.Header().Set("Retry-After", after)
		}
		http.Error(w, "not taken", a.Status)
	})
	h := nethttp.New(v, deny)(http.NotFoundHandler())

	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader("{}")))
	fmt.Print(w.Code, " ", w.Body)
	// Output: 400 not taken
}
