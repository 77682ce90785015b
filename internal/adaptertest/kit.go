// Package adaptertest is the shared code of the tests of the adapters. Only
// tests import it.
package adaptertest

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/whtest"
)

const (
	// Secret is the secret of every [Kit].
	Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	// Event is a body.
	Event = `{"type":"invoice.paid"}`
)

// Kit is a verifier, its observed events, and its sender.
type Kit struct {
	*core.Verifier

	Signer *core.Signer

	mu     sync.Mutex
	events []core.Event
}

// NewKit returns a kit whose verifier has cfg, except Observe, and a store of
// its own.
func NewKit(tb testing.TB, cfg core.Config) *Kit {
	tb.Helper()
	k := new(Kit)
	cfg.Observe = k.Observe
	var err error
	if k.Verifier, err = core.New(core.Secrets(Secret), memstore.New(), &cfg); err != nil {
		tb.Fatal(err)
	}
	if k.Signer, err = core.NewSigner(Secret); err != nil {
		tb.Fatal(err)
	}
	return k
}

// Observe is the observer of the kit's verifier.
func (k *Kit) Observe(_ context.Context, e core.Event) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.events = append(k.events, e)
}

// Events returns the events until now.
func (k *Kit) Events() []core.Event {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]core.Event(nil), k.events...)
}

// patience is how long Last waits for the first event.
const patience = 10 * time.Second

// Last waits for an event, which may follow the response, and returns the
// newest. It returns the zero Event if there is none.
func (k *Kit) Last() core.Event {
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if events := k.Events(); len(events) > 0 {
			return events[len(events)-1]
		}
		if time.Now().After(end) {
			return core.Event{}
		}
	}
}

// Request returns a signed attempt of this age. The path of target is /hook if
// it has none.
func (k *Kit) Request(tb testing.TB, target, id string, age time.Duration, body string) *http.Request {
	tb.Helper()
	u, err := url.Parse(target)
	if err != nil {
		tb.Fatal(err)
	}
	if u.Path == "" {
		target += "/hook"
	}
	return whtest.NewRequest(tb, k.Signer, target, body, whtest.ID(id), whtest.At(time.Now().Add(-age)))
}

// Head returns the signed headers of a raw request to /hook, without those of
// the length of the body.
func (k *Kit) Head(tb testing.TB, id, body string) string {
	tb.Helper()
	var b bytes.Buffer
	b.WriteString("POST /hook HTTP/1.1\r\nHost: a\r\n")
	h := http.Header{"Content-Type": {"application/json"}}
	if err := k.Signer.Sign(h, id, time.Now(), []byte(body)); err != nil {
		tb.Fatal(err)
	}
	if err := h.Write(&b); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}
