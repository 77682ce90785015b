package adapter_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/hookonce/hookonce/adapter"
	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/memstore"
)

// A handler of the framework returns an error, and the framework renders it.
type handler func(w http.ResponseWriter, r *http.Request) error

// New is the middleware of a framework whose handlers return errors.
func New(v *core.Verifier) func(next handler) handler {
	return func(next handler) handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			x := adapter.Begin(v, w, r)
			if x.Answer() != nil {
				x.Refuse(w, nil)
				return nil
			}
			defer x.Finish(core.Failed) // after a panic or an error
			rec := x.Record(w)
			if err := next(rec, x.Request); err != nil {
				return err
			}
			if status := x.Finish(rec.Status()); rec.Status() == 0 {
				w.WriteHeader(status)
			}
			return nil
		}
	}
}

// Begin, Refuse, Record and Finish are the main part of an adapter.
// docs/writing-an-adapter.md has a complete one.
func Example() {
	v := core.Must(core.New(core.Secrets(core.GenerateSecret()), memstore.New(), nil))
	hook := New(v)(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusNoContent)
		return nil
	})

	// An unsigned request does not reach the handler.
	rec := httptest.NewRecorder()
	if err := hook(rec, httptest.NewRequest(http.MethodPost, "/hook", nil)); err != nil {
		panic(err)
	}
	fmt.Println(rec.Code)
	// Output: 400
}
