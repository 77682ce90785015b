package whtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/whtest"
)

// inExample replaces the t of a test, which an example does not have.
type inExample struct{ testing.TB }

func (inExample) Helper()                  {}
func (inExample) Context() context.Context { return context.Background() }

// A signed request reaches the handler. The same request again is a replay.
func ExampleNewRequest() {
	var t testing.TB = inExample{} // in a test: func TestHook(t *testing.T)

	secret := core.GenerateSecret()
	signer, err := core.NewSigner(secret)
	if err != nil {
		panic(err)
	}
	v := core.Must(core.New(core.Secrets(secret), memstore.New(), nil))
	hook := nethttp.New(v)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("handling", nethttp.Message(r).ID)
	}))

	sentAt := time.Now()
	for range 2 {
		rec := httptest.NewRecorder()
		hook.ServeHTTP(rec, whtest.NewRequest(t, signer, "/hook", `{"type":"invoice.paid"}`,
			whtest.ID("msg_1"), whtest.At(sentAt)))
		fmt.Println(rec.Code)
	}
	// Output:
	// handling msg_1
	// 200
	// 409
}

// The clock moves only when the test moves it.
func ExampleClock() {
	clock := whtest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	secret := core.GenerateSecret()
	v := core.Must(core.New(core.Secrets(secret), memstore.New(), &core.Config{Clock: clock.Now}))
	signer, err := core.NewSigner(secret)
	if err != nil {
		panic(err)
	}

	header, body := make(http.Header), []byte(`{"type":"invoice.paid"}`)
	if err := signer.Sign(header, "msg_1", clock.Now(), body); err != nil {
		panic(err)
	}
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: header, Body: body}
	_, err = v.Verify(context.Background(), r)
	fmt.Println(err)

	clock.Advance(6 * time.Minute)
	_, err = v.Verify(context.Background(), r)
	fmt.Println(err != nil)
	// Output:
	// <nil>
	// true
}

// The suite runs from a test of the store.
func ExampleTestSeenStore() { //nolint:testableexamples // a suite needs go test
	testStore := func(t *testing.T) { // func TestStore(t *testing.T)
		whtest.TestSeenStore(t, func(testing.TB) core.SeenStore { return memstore.New() })
	}
	_ = testStore
}
