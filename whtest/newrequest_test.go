package whtest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/whtest"
)

// nowhere is a store for verification only, which never calls it.
type nowhere struct{}

func (nowhere) Swap(context.Context, core.Key, core.Value, core.Value, time.Duration) (core.Value, error) {
	return core.Value{}, errors.New("the store was touched")
}

func newSigner(t *testing.T, secret string) *core.Signer {
	t.Helper()
	s, err := core.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// toCore reads r as an adapter does.
func toCore(t *testing.T, r *http.Request) *core.Request {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return &core.Request{Method: r.Method, URL: r.URL.String(), Header: r.Header, Body: body}
}

func TestNewRequest(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	signer := newSigner(t, secret)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	clock := whtest.NewClock(at)
	fixed := core.Must(core.New(core.Secrets(secret), nowhere{}, &core.Config{Clock: clock.Now}))
	now := core.Must(core.New(core.Secrets(secret), nowhere{}, nil))

	t.Run("the default is accepted now and has a fresh id each time", func(t *testing.T) {
		t.Parallel()
		a, err := now.Verify(t.Context(), toCore(t, whtest.NewRequest(t, signer, "/hook", `{"a":1}`)))
		if err != nil {
			t.Fatal(err)
		}
		b, err := now.Verify(t.Context(), toCore(t, whtest.NewRequest(t, signer, "/hook", []byte(`{"a":1}`))))
		if err != nil {
			t.Fatal(err)
		}
		if a.ID == b.ID || string(a.Body) != `{"a":1}` || string(b.Body) != string(a.Body) {
			t.Errorf("got %q with %q and %q with %q", a.ID, a.Body, b.ID, b.Body)
		}
	})
	t.Run("id and time are those asked for", func(t *testing.T) {
		t.Parallel()
		m, err := fixed.Verify(t.Context(), toCore(t, whtest.NewRequest(t, signer, "/hook", "", whtest.ID("msg_1"), whtest.At(at))))
		if err != nil || m.ID != "msg_1" || !m.Timestamp.Equal(at) {
			t.Errorf("got id %q at %v, %v", m.ID, m.Timestamp, err)
		}
	})
	t.Run("a header may replace a signed one", func(t *testing.T) {
		t.Parallel()
		r := whtest.NewRequest(t, signer, "/hook", "{}", whtest.At(at), whtest.Header("webhook-id", "msg_other"), whtest.Header("content-type", "text/plain"))
		if got := r.Header.Get("Content-Type"); got != "text/plain" {
			t.Errorf("Content-Type %q", got)
		}
		if _, err := fixed.Verify(t.Context(), toCore(t, r)); !errors.Is(err, core.ErrNoMatch) {
			t.Errorf("got %v, want no-match", err)
		}
	})
	t.Run("an absolute target makes a request for a real client", func(t *testing.T) {
		t.Parallel()
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := now.Verify(r.Context(), toCore(t, r)); err != nil {
				t.Error(err)
			}
			w.WriteHeader(http.StatusNoContent)
		}))
		defer srv.Close()
		resp, err := srv.Client().Do(whtest.NewRequest(t, signer, srv.URL+"/hook?x=1", "{}"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusNoContent {
			t.Error(resp.Status)
		}
	})
	t.Run("the body is copied", func(t *testing.T) {
		t.Parallel()
		body := []byte("{}")
		r := whtest.NewRequest(t, signer, "/hook", body)
		body[0] = 'x'
		if _, err := now.Verify(t.Context(), toCore(t, r)); err != nil {
			t.Error(err)
		}
	})
}

// fatal records that a test was ended, and ends the goroutine as package testing does.
type fatal struct {
	testing.TB
	called bool
}

func (f *fatal) Helper() {}
func (f *fatal) Fatalf(string, ...any) {
	f.called = true
	panic(f)
}

func TestNewRequestEndsTheTestWhenTheMessageCannotBeSigned(t *testing.T) {
	t.Parallel()
	f := &fatal{TB: t}
	defer func() {
		if recover() == nil || !f.called {
			t.Error("a dotted id was signed")
		}
	}()
	whtest.NewRequest(f, newSigner(t, core.GenerateSecret()), "/hook", "{}", whtest.ID("a.b"))
}

func TestClock(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := whtest.NewClock(at)
	if !c.Now().Equal(at) {
		t.Errorf("shows %v, want %v", c.Now(), at)
	}
	if got := c.Advance(-time.Hour); !got.Equal(at.Add(-time.Hour)) || !c.Now().Equal(got) {
		t.Errorf("advanced to %v", got)
	}
	c.Set(at)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() { c.Advance(time.Second) })
	}
	wg.Wait()
	if want := at.Add(100 * time.Second); !c.Now().Equal(want) {
		t.Errorf("shows %v after 100 concurrent seconds, want %v", c.Now(), want)
	}
	if zero := new(whtest.Clock); !zero.Now().IsZero() {
		t.Errorf("the zero clock shows %v", zero.Now())
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	signer := newSigner(t, secret)
	verify := func(src *whtest.Source, target string, opts ...whtest.Option) (core.Message, error) {
		v := core.Must(core.New(src, nowhere{}, nil))
		return v.Verify(t.Context(), toCore(t, whtest.NewRequest(t, signer, target, "{}", opts...)))
	}
	t.Run("the last element of the path is the tenant", func(t *testing.T) {
		t.Parallel()
		var src whtest.Source
		src.Set("acme", core.Secrets(secret))
		if m, err := verify(&src, "/hooks/acme?x=/globex"); err != nil || m.Source != "acme" {
			t.Errorf("source %q, %v", m.Source, err)
		}
		if _, err := verify(&src, "/hooks/globex"); !errors.Is(err, core.ErrUnknownSource) {
			t.Errorf("an unknown tenant gave %v", err)
		}
		src.Set("acme", nil)
		if _, err := verify(&src, "/hooks/acme"); !errors.Is(err, core.ErrUnknownSource) {
			t.Errorf("a removed tenant gave %v", err)
		}
		if n := src.Lookups(); n != 3 {
			t.Errorf("%d look-ups, want 3", n)
		}
	})
	t.Run("the header is the tenant if it has a name", func(t *testing.T) {
		t.Parallel()
		src := whtest.Source{Header: "X-Tenant"}
		src.Set("acme", core.Secrets(secret))
		if m, err := verify(&src, "/hook", whtest.Header("X-Tenant", "acme")); err != nil || m.Source != "acme" {
			t.Errorf("source %q, %v", m.Source, err)
		}
	})
	t.Run("failing is an outage, and ends", func(t *testing.T) {
		t.Parallel()
		var src whtest.Source
		src.Set("acme", core.Secrets(secret))
		src.Fail(errors.New("connection refused"))
		if _, err := verify(&src, "/acme"); !errors.Is(err, core.ErrKeysUnavailable) {
			t.Errorf("got %v", err)
		}
		src.Fail(nil)
		if _, err := verify(&src, "/acme"); err != nil {
			t.Error(err)
		}
	})
}

func TestSourceStallsUntilTheKeyTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var src whtest.Source
		src.Stall(true)
		v := core.Must(core.New(&src, nowhere{}, &core.Config{KeyTimeout: 3 * time.Second}))
		began := time.Now()
		r := whtest.NewRequest(t, newSigner(t, core.GenerateSecret()), "/acme", "{}")
		if _, err := v.Verify(t.Context(), toCore(t, r)); !errors.Is(err, core.ErrKeysUnavailable) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("took %v, want the KeyTimeout of 3s", took)
		}
		src.Stall(false)
		if _, _, err := src.Keys(t.Context(), &core.Request{URL: "/acme"}); !errors.Is(err, core.ErrUnknownSource) {
			t.Errorf("still stalled: %v", err)
		}
	})
}

func TestNewRequestWithoutABodyIsSentWithALength(t *testing.T) {
	t.Parallel()
	signer := newSigner(t, core.GenerateSecret())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			w.WriteHeader(http.StatusLengthRequired)
		}
	}))
	defer server.Close()
	res, err := server.Client().Do(whtest.NewRequest(t, signer, server.URL, ""))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("status %d: the empty body was sent without a length", res.StatusCode)
	}
}
