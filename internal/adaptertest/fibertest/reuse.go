package fibertest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/stores/memstore"
)

// Serve starts an application with v upstream of every method of /hook, and
// returns the address of /hook. The handler calls handle with the message.
type Serve func(tb testing.TB, v *core.Verifier, handle func(m core.Message)) (target string)

// The memory of a request is reused for another one. Applications write schemes: whatever a scheme
// does with the memory must not affect the other request.

// renaming is Standard Webhooks with another sender's header names: it changes
// the headers.
type renaming struct{ core.StandardWebhooks }

func (s renaming) ReadHeader(r *core.Request, a *core.Attempt) error {
	h := r.Header.Clone()
	for _, part := range []string{"Id", "Timestamp", "Signature"} {
		h["Webhook-"+part] = h["Acme-"+part]
	}
	r.Header = h
	return s.StandardWebhooks.ReadHeader(r, a)
}

// TestWhatASchemeDoesToARequestIsGoneForTheNext is a test of every adapter for
// fiber.
func TestWhatASchemeDoesToARequestIsGoneForTheNext(t *testing.T, serve Serve) {
	t.Parallel()
	k := adaptertest.NewKit(t, core.Config{})
	var ran []string
	v := core.Must(core.New(core.Secrets(adaptertest.Secret), memstore.New(), &core.Config{Scheme: renaming{}}))
	target := serve(t, v, func(m core.Message) { ran = append(ran, m.ID) })
	for i := range 20 {
		id := fmt.Sprintf("msg_%d", i)
		r := k.Request(t, target, id, 0, adaptertest.Event)
		for _, part := range []string{"Id", "Timestamp", "Signature"} {
			r.Header.Set("Acme-"+part, r.Header.Get("Webhook-"+part))
			r.Header.Del("Webhook-" + part)
		}
		want := http.StatusOK
		if i%2 == 1 { // forged, with the same header lines
			r.Header.Set("Acme-Signature", "v1,"+strings.Repeat("A", 43)+"=")
			want = http.StatusUnauthorized
		}
		if got := adaptertest.Do(t, r); got.Status != want {
			t.Errorf("%s: %d, want %d", id, got.Status, want)
		}
		if want == http.StatusOK && (len(ran) == 0 || ran[len(ran)-1] != id) {
			t.Errorf("%s ran as %q", id, ran)
		}
	}
	if len(ran) != 10 {
		t.Errorf("%d messages ran, want 10", len(ran))
	}
}

// echoing responds to handshakes with parts of the request.
type echoing struct{ core.StandardWebhooks }

func (echoing) Facts() core.Facts {
	return core.Facts{Handshake: func(r *core.Request) *core.Answer {
		if r.Method != http.MethodOptions {
			return nil
		}
		return &core.Answer{Status: http.StatusOK, Header: http.Header{"X-Allowed": r.Header.Values("X-Origin")}}
	}}
}

// TestAnAnswerMayHoldPartsOfItsRequest is a test of every adapter for fiber.
func TestAnAnswerMayHoldPartsOfItsRequest(t *testing.T, serve Serve) {
	t.Parallel()
	v := core.Must(core.New(core.Secrets(adaptertest.Secret), memstore.New(), &core.Config{Scheme: echoing{}}))
	target := serve(t, v, nil)
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	t.Cleanup(client.CloseIdleConnections)
	var senders sync.WaitGroup
	for s := range 8 {
		senders.Go(func() {
			for i := range 100 {
				origin := fmt.Sprintf("sender-%d-%d", s, i)
				r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, target, nil)
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("X-Origin", origin)
				res, err := client.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if got := res.Header.Get("X-Allowed"); got != origin {
					t.Errorf("%s was answered %q", origin, got)
					return
				}
			}
		})
	}
	senders.Wait()
}
