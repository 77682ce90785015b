package nethttp_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/memstore"
)

// roundTripper is a base transport that is a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// closing records that a body was closed.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

func outgoing(t *testing.T, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://receiver.example/hook", body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTransportSignsWhatVerifies(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	signer, err := core.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	v := core.Must(core.New(core.Secrets(secret), memstore.New(), nil))
	for name, c := range map[string]struct {
		body io.Reader
		want string
	}{
		"a body": {strings.NewReader("{}"), "{}"}, "a body of unknown length": {io.MultiReader(strings.NewReader("{}")), "{}"},
		"none": {nil, ""}, "an empty one": {strings.NewReader(""), ""},
	} {
		r := outgoing(t, c.body)
		r.Header.Set("Webhook-Id", "msg_kept")
		before := r.Header.Clone()
		tr := nethttp.NewTransport(signer, roundTripper(func(s *http.Request) (*http.Response, error) {
			for range 2 { // the first time, and when an http.Transport sends it again
				body, err := io.ReadAll(s.Body)
				if err != nil || string(body) != c.want || s.ContentLength != int64(len(c.want)) {
					t.Errorf("%s: body %q (%v), ContentLength %d", name, body, err, s.ContentLength)
				}
				m, err := v.Verify(s.Context(), &core.Request{Method: s.Method, URL: "/hook", Header: s.Header, Body: body})
				if err != nil || m.ID != "msg_kept" {
					t.Errorf("%s: verified as %+v, %v", name, m, err)
				}
				if s.Body, err = s.GetBody(); err != nil {
					t.Error(err)
				}
			}
			return nil, http.ErrServerClosed
		}))
		if _, err := tr.RoundTrip(r); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("%s: %v", name, err)
		}
		if len(r.Header) != len(before) {
			t.Errorf("%s: the caller's request has new headers: %v", name, r.Header)
		}
	}
}

func TestTransportGivesEachMessageAnIDAndEachAttemptATime(t *testing.T) {
	t.Parallel()
	signer, err := core.NewSigner(core.GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	ids, stamps := map[string]bool{}, map[string]bool{}
	tr := nethttp.NewTransport(signer, roundTripper(func(s *http.Request) (*http.Response, error) {
		ids[s.Header.Get("Webhook-Id")], stamps[s.Header.Get("Webhook-Timestamp")] = true, true
		return nil, http.ErrServerClosed
	}))
	r := outgoing(t, nil)
	_, _ = tr.RoundTrip(r)
	time.Sleep(time.Second) // timestamps are in whole seconds
	_, _ = tr.RoundTrip(r)
	if len(ids) != 2 || len(stamps) != 2 {
		t.Errorf("ids %v, stamps %v: want two of each", ids, stamps)
	}
}

func TestTransportClosesTheBodyInEveryCase(t *testing.T) {
	t.Parallel()
	signer, err := core.NewSigner(core.GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	tr := nethttp.NewTransport(signer, roundTripper(func(*http.Request) (*http.Response, error) {
		sent++
		return nil, http.ErrServerClosed
	}))
	for name, c := range map[string]struct {
		body  io.Reader
		spoil func(*http.Request)
		says  string
	}{
		"a body that fails":    {iotest.ErrReader(errors.New("disk on fire")), func(*http.Request) {}, "disk on fire"},
		"a body without end":   {endless{}, func(*http.Request) {}, "exceeds"},
		"an id with a dot":     {strings.NewReader("{}"), func(r *http.Request) { r.Header.Set("Webhook-Id", "a.b") }, "without spaces or dots"},
		"a redirected request": {strings.NewReader("{}"), func(r *http.Request) { r.Response = new(http.Response) }, "final URL"},
	} {
		body := &closing{Reader: c.body}
		r := outgoing(t, body)
		c.spoil(r)
		if _, err := tr.RoundTrip(r); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error that says %q", name, err, c.says)
		}
		if !body.closed {
			t.Errorf("%s: the body was not closed, as a RoundTripper must", name)
		}
	}
	if sent != 0 {
		t.Errorf("%d requests were sent all the same", sent)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestTransportDoesNotFollowRedirects(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []string
	base := adaptertest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.URL.Path)
		mu.Unlock()
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	signer, err := core.NewSigner(core.GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: nethttp.NewTransport(signer, nil)}
	resp, err := client.Post(base+"/hook", "text/plain", strings.NewReader("x"))
	if err == nil || !strings.Contains(err.Error(), "redirects a signed message") {
		t.Errorf("%v", err)
	}
	if resp != nil {
		_ = resp.Body.Close()
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 1 {
		t.Errorf("the message went to %v", seen)
	}
}
