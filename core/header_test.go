package core_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/memstore"
)

// wire is the header of a framework that keeps lines instead of a map, and
// reuses them for the next request.
type wire struct {
	t     *testing.T
	lines [][2]string
	gone  bool
}

func (w *wire) Values(name string) (values []string) {
	if w.gone {
		w.t.Errorf("%s was asked for after the request", name)
	}
	for _, line := range w.lines {
		if strings.EqualFold(line[0], name) {
			values = append(values, line[1])
		}
	}
	return values
}

func (w *wire) Get(name string) string {
	if values := w.Values(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

func (w *wire) Clone() http.Header {
	if w.gone {
		w.t.Errorf("all headers were asked for after the request")
	}
	h := make(http.Header)
	for _, line := range w.lines {
		h.Add(line[0], line[1])
	}
	return h
}

// onTheWire returns r in the form of such a framework.
func onTheWire(t *testing.T, r *core.Request) (*core.Request, *wire) {
	t.Helper()
	w := &wire{t: t}
	for name, values := range lines(r.Header) {
		for _, value := range values {
			w.lines = append(w.lines, [2]string{strings.ToLower(name), value})
		}
	}
	return &core.Request{Method: r.Method, URL: r.URL, Header: w, Body: r.Body}, w
}

func TestAHeaderNeedNotBeAMap(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	v := newVerifier(t, core.Secrets(secret), &core.Config{Clock: at(now)})
	r, w := onTheWire(t, signed(t, secret, "msg_1", now, `{}`))
	if m, err := v.Verify(t.Context(), r); err != nil || m.ID != "msg_1" {
		t.Errorf("%+v, %v", m, err)
	}
	w.lines = append(w.lines, [2]string{"WEBHOOK-ID", "msg_1"})
	if _, err := v.Verify(t.Context(), r); !errors.Is(err, core.ErrMalformed) {
		t.Errorf("with a repeated id: %v, want malformed", err)
	}
}

func TestARequestWithoutHeadersIsRefusedLikeOneThatLacksThem(t *testing.T) {
	t.Parallel()
	asked := false
	keys := core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) {
		asked = true
		return "", nil, core.ErrUnknownSource
	})
	v := newVerifier(t, keys, &core.Config{Clock: at(now)})
	r := &core.Request{Method: http.MethodPost, URL: "/hook"}
	if _, err := v.Verify(t.Context(), r); !errors.Is(err, core.ErrMissingHeader) {
		t.Errorf("Verify: %v, want missing-header", err)
	}
	if r.Header != nil {
		t.Errorf("Verify changed the request: %+v", r)
	}
	if d := v.Admit(t.Context(), r, given("{}")); !errors.Is(d.Err(), core.ErrMissingHeader) || asked {
		t.Errorf("Admit: %v, want missing-header before any key source", d.Err())
	}
}

func TestARequestWithoutHeadersGetsItsBody(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	genuine := signed(t, secret, "msg_1", now, `{}`)
	v := newVerifier(t, core.Secrets(secret), &core.Config{Clock: at(now), Scheme: elsewhere{header: genuine.Header}})
	for name, judge := range map[string]func(*core.Request) error{
		"ReadAndVerify": func(r *core.Request) error {
			_, err := v.ReadAndVerify(t.Context(), r, given(`{}`))
			return err
		},
		"Admit": func(r *core.Request) error {
			if err := v.Admit(t.Context(), r, given(`{}`)).Err(); err != nil {
				return err
			}
			return nil
		},
	} {
		r := &core.Request{Method: http.MethodPost, URL: "/hook"}
		if err := judge(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if string(r.Body) != `{}` || r.Header != nil {
			t.Errorf("%s: the body is %q, the header %v", name, r.Body, r.Header)
		}
	}
}

// elsewhere is a scheme that needs no header of the request.
type elsewhere struct {
	core.StandardWebhooks

	header core.Header
}

func (e elsewhere) ReadHeader(_ *core.Request, a *core.Attempt) error {
	return e.StandardWebhooks.ReadHeader(&core.Request{Header: e.header}, a)
}

func TestWhatOutlivesARequestHasHeadersOfItsOwn(t *testing.T) {
	t.Parallel()
	const timeout = 20 * time.Millisecond
	gone, looked := make(chan struct{}), make(chan []string)
	slow := core.KeySourceFunc(func(_ context.Context, r *core.Request) (string, *core.Keys, error) {
		<-gone // after Config.KeyTimeout: the request belongs to another client
		looked <- r.Header.Values("Webhook-Id")
		return "", nil, core.ErrUnknownSource
	})
	var shown core.Refused
	v := core.Must(core.New(slow, memstore.New(), &core.Config{
		Clock: at(now), KeyTimeout: timeout, DangerouslyShowRefused: func(_ context.Context, r core.Refused) { shown = r },
	}))
	r, w := onTheWire(t, signed(t, core.GenerateSecret(), "msg_1", now, `{}`))
	d := v.Admit(t.Context(), r, given("{}"))
	w.gone, w.lines = true, nil
	close(gone)
	if got := <-looked; !slices.Equal(got, []string{"msg_1"}) {
		t.Errorf("an abandoned key source sees the id %q, want msg_1", got)
	}
	if !errors.Is(d.Err(), core.ErrKeysUnavailable) {
		t.Errorf("%v, want keys-unavailable", d.Err())
	}
	if got := shown.Request.Header.Values("Webhook-Id"); !slices.Equal(got, []string{"msg_1"}) {
		t.Errorf("what was shown has the id %q, want msg_1", got)
	}
}
