package core_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

func ExampleNew() {
	_, err := core.New(core.Secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), memstore.New(), &core.Config{
		Observe: core.SlogObserver(slog.Default()),
	})
	fmt.Println(err)

	// Every mistake is reported at once, when the program starts.
	_, err = core.New(core.Secrets("changeme"), memstore.New(), &core.Config{Past: -1})
	fmt.Println(strings.Count(err.Error(), "\n")+1, "mistakes")
	// Output:
	// <nil>
	// 2 mistakes
}

func ExampleVerifier_Verify() {
	secret := core.GenerateSecret()
	v := core.Must(core.New(core.Secrets(secret), memstore.New(), nil))

	signer, err := core.NewSigner(secret)
	if err != nil {
		panic(err)
	}
	body := []byte(`{"type":"order.paid"}`)
	header := make(http.Header)
	if err := signer.Sign(header, "msg_1", time.Now(), body); err != nil {
		panic(err)
	}

	msg, err := v.Verify(context.Background(), &core.Request{Method: "POST", URL: "/hook", Header: header, Body: body})
	fmt.Println(msg.ID, err)

	_, err = v.Verify(context.Background(), &core.Request{Method: "POST", URL: "/hook", Header: header, Body: []byte(`{"type":"order.refunded"}`)})
	fmt.Println(errors.Is(err, core.ErrNoMatch))
	// Output:
	// msg_1 <nil>
	// true
}

// A key source finds the keys of a tenant before the body is read.
func ExampleKeySourceFunc() {
	tenants := map[string]*core.Keys{ // keep the *core.Keys: it holds the decoded keys
		"acme": core.Secrets(core.GenerateSecret()),
	}
	keys := core.KeySourceFunc(func(_ context.Context, r *core.Request) (string, *core.Keys, error) {
		name := strings.TrimPrefix(r.Path(), "/hook/")
		k, ok := tenants[name]
		if !ok {
			return "", nil, core.ErrUnknownSource // the sender gets the same 401 as for a wrong signature
		}
		return name, k, nil
	})
	_, err := core.New(keys, memstore.New(), nil)
	fmt.Println(err)
	// Output: <nil>
}

// Secrets takes several secrets during a rotation, newest first.
func ExampleSecrets_rotation() {
	keys := core.Secrets(os.Getenv("NEW_SECRET"), os.Getenv("OLD_SECRET"))
	_, err := core.New(keys, memstore.New(), nil)
	fmt.Println(err == nil)
	// Output: false
}

// The handler records its message itself. With an SQL store, pass
// store.Tx(tx): the effect and the record are then one transaction.
func ExampleCommit() {
	secret := core.GenerateSecret()
	store := memstore.New()
	v := core.Must(core.New(core.Secrets(secret), store, nil))
	hook := nethttp.New(v)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		err := core.Commit(r.Context(), store)
		fmt.Println(nethttp.Message(r).ID, err)
	}))
	hook.ServeHTTP(httptest.NewRecorder(), signedRequest(secret, "msg_1"))

	// Outside a handler there is no message.
	err := core.Commit(context.Background(), store)
	fmt.Println(errors.Is(err, core.ErrMisconfigured))
	// Output:
	// msg_1 <nil>
	// true
}

// The handler writes its effect and the message's record in one transaction.
func ExampleCommit_transaction() { //nolint:testableexamples // it needs a database
	var (
		db    *sql.DB // the database that the handler writes to
		store = sqlstore.New("orders", db, sqlstore.Postgres)
	)
	handler := func(w http.ResponseWriter, r *http.Request) {
		tx, err := db.BeginTx(r.Context(), nil)
		if err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		defer tx.Rollback() //nolint:errcheck // after a commit, Rollback does nothing
		_, err = tx.ExecContext(r.Context(), "INSERT INTO orders (event) VALUES ($1)", nethttp.Message(r).ID)
		if err == nil {
			err = core.Commit(r.Context(), store.Tx(tx))
		}
		if err == nil {
			err = tx.Commit()
		}
		if err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable) // the handler runs again on the sender's next attempt
		}
	}
	_ = handler
}

// FromContext finds the message if only a context is available, in every
// framework.
func ExampleFromContext() {
	save := func(ctx context.Context) {
		msg, ok := core.FromContext(ctx)
		fmt.Println(msg.ID, ok)
	}
	secret := core.GenerateSecret()
	v := core.Must(core.New(core.Secrets(secret), memstore.New(), nil))
	hook := nethttp.New(v)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { save(r.Context()) }))
	hook.ServeHTTP(httptest.NewRecorder(), signedRequest(secret, "msg_1"))
	// Output: msg_1 true
}

func ExampleConfig_observe() {
	toLog := core.SlogObserver(slog.New(slog.DiscardHandler))
	secret := core.GenerateSecret()
	v := core.Must(core.New(core.Secrets(secret), memstore.New(), &core.Config{
		Observe: func(ctx context.Context, e core.Event) {
			toLog(ctx, e)
			fmt.Println(e.Reason) // or a metric of your own: reasons are a closed set
		},
	}))
	hook := nethttp.New(v)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	hook.ServeHTTP(httptest.NewRecorder(), signedRequest(secret, "msg_1"))
	hook.ServeHTTP(httptest.NewRecorder(), signedRequest(core.GenerateSecret(), "msg_2"))
	// Output:
	// handled
	// no-match
}

// signedRequest returns a request as a sender would send it. In a test, use whtest.NewRequest.
func signedRequest(secret, id string) *http.Request {
	signer, err := core.NewSigner(secret)
	if err != nil {
		panic(err)
	}
	const body = `{"type":"order.paid"}`
	r := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(body))
	if err := signer.Sign(r.Header, id, time.Now(), []byte(body)); err != nil {
		panic(err)
	}
	return r
}
