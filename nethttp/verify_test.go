package nethttp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/whtest"
)

// verifying returns a verifier with a body limit of 100 bytes, and a signer.
func verifying(t *testing.T) (*core.Verifier, *core.Signer) {
	t.Helper()
	secret := core.GenerateSecret()
	signer, err := core.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	observe := func(context.Context, core.Event) { t.Error("the observer was called") }
	return core.Must(core.New(core.Secrets(secret), memstore.New(), &core.Config{MaxBody: 100, Observe: observe})), signer
}

func readAll(t *testing.T, body io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(body)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

func TestVerifyReturnsTheMessageAndLeavesTheBodyToRead(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*http.Request){
		"of known length": func(*http.Request) {},
		"chunked":         func(r *http.Request) { r.ContentLength, r.TransferEncoding = -1, []string{"chunked"} },
		"not of a server": func(r *http.Request) { r.RequestURI = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, signer := verifying(t)
			r := whtest.NewRequest(t, signer, "/hook", `{"n":1}`, whtest.ID("msg_1"))
			change(r)
			msg, err := nethttp.Verify(v, r)
			if err != nil || msg.ID != "msg_1" || string(msg.Body) != `{"n":1}` || msg.KeyID != "key-1" {
				t.Fatalf("%+v, %v", msg, err)
			}
			again, err := r.GetBody()
			if err != nil {
				t.Fatal(err)
			}
			if body, second := readAll(t, r.Body), readAll(t, again); body != `{"n":1}` || second != body || r.ContentLength != 7 {
				t.Errorf("the body is %q, then %q, of length %d", body, second, r.ContentLength)
			}
		})
	}
}

func TestVerifyClaimsNothing(t *testing.T) {
	t.Parallel()
	v, signer := verifying(t)
	r := whtest.NewRequest(t, signer, "/hook", `{}`)
	for range 2 {
		if _, err := nethttp.Verify(v, r); err != nil {
			t.Error(err)
		}
	}
}

func TestVerifySaysWhyAndLeavesTheBodyToRead(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 150)
	for _, c := range []struct {
		name, body string
		change     func(*http.Request)
		reason     core.Reason
		status     int
		rest       string
	}{
		{"no signature", "{}", func(r *http.Request) { r.Header.Del("Webhook-Signature") }, core.ErrMissingHeader, 400, "{}"},
		{"another body", "{}", func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("[]")) }, core.ErrNoMatch, 401, "[]"},
		{"too large", long, func(*http.Request) {}, core.ErrBodyTooLarge, 413, long},
		{"too large, of unknown length", long, func(r *http.Request) { r.ContentLength = -1 }, core.ErrBodyTooLarge, 413, long},
		{"read in part before", "{}", func(r *http.Request) { _, _ = r.Body.Read(make([]byte, 1)) }, core.ErrBodyConsumed, 500, "}"},
		{"no body at all", "", func(r *http.Request) { r.Body = nil }, "", 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, signer := verifying(t)
			r := whtest.NewRequest(t, signer, "/hook", c.body)
			c.change(r)
			for range 2 { // the first leaves the body for the second
				_, err := nethttp.Verify(v, r)
				if c.reason == "" {
					if err != nil {
						t.Error(err)
					}
					continue
				}
				var refused *core.Error
				if !errors.As(err, &refused) || refused.Reason != c.reason || refused.Answer().Status != c.status {
					t.Errorf("%v, want %s", err, c.reason)
				}
			}
			if body := readAll(t, r.Body); body != c.rest {
				t.Errorf("the body is %q", body)
			}
		})
	}
}

// counting is an endless body.
type counting struct{ read int }

func (c *counting) Read(p []byte) (int, error) {
	c.read += len(p)
	return len(p), nil
}

func TestVerifyReadsNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*http.Request)
		read   int
	}{
		"a missing header": {func(r *http.Request) { r.Header.Del("Webhook-Id") }, 0},
		"an old timestamp": {func(r *http.Request) { r.Header.Set("Webhook-Timestamp", "1700000000") }, 0},
		"an endless body":  {func(*http.Request) {}, 101}, // to see that there is more
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, signer := verifying(t)
			r := whtest.NewRequest(t, signer, "/hook", `{}`)
			body := new(counting)
			r.Body, r.ContentLength = io.NopCloser(body), -1
			c.change(r)
			if _, err := nethttp.Verify(v, r); err == nil || body.read != c.read {
				t.Errorf("read %d bytes, want %d: %v", body.read, c.read, err)
			}
		})
	}
}

func TestVerifyTellsABrokenBody(t *testing.T) {
	t.Parallel()
	v, signer := verifying(t)
	r := whtest.NewRequest(t, signer, "/hook", `{}`)
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), iotest.ErrReader(io.ErrUnexpectedEOF)))
	if _, err := nethttp.Verify(v, r); !errors.Is(err, core.ErrMalformed) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	got, err := io.ReadAll(r.Body)
	if string(got) != "{" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("then %q, %v", got, err)
	}
}

// TestAServerGoesOnAfterVerify sends one connection genuine messages, forged ones and bodies
// over the limit.
func TestAServerGoesOnAfterVerify(t *testing.T) {
	t.Parallel()
	v, signer := verifying(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := nethttp.Verify(v, r)
		var refused *core.Error
		if errors.As(err, &refused) {
			w.WriteHeader(refused.Answer().Status)
		}
	}))
	server.Config.ReadTimeout = 5 * time.Second
	server.Start()
	defer server.Close()
	for range 2 {
		for _, c := range []struct {
			body, sent string
			status     int
		}{{"{}", "{}", 200}, {"{}", "[]", 401}, {"", "", 200}, {"{}", strings.Repeat("x", 200), 413}} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, bytes.NewReader([]byte(c.sent)))
			if err != nil {
				t.Fatal(err)
			}
			if err := signer.Sign(r.Header, core.NewID(), time.Now(), []byte(c.body)); err != nil {
				t.Fatal(err)
			}
			resp, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Errorf("%q signed, %q sent: %d", c.body, c.sent, resp.StatusCode)
			}
		}
	}
}
