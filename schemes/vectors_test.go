package schemes_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

// vector is a published request with its source, or one that the sender's own
// library accepted.
type vector struct {
	Name      string            `json:"name"`
	Provider  string            `json:"provider"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      []byte            `json:"body_base64"`
	Secret    string            `json:"secret"`
	PublicKey string            `json:"public_key"`
	NowUnix   int64             `json:"now_unix"`
	Expect    string            `json:"expect"`
}

func vectors(t *testing.T) []vector {
	t.Helper()
	var all []vector
	for _, name := range []string{"official.json", "libraries.json"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		var file struct{ Vectors []vector }
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		if len(file.Vectors) == 0 {
			t.Fatalf("%s has no vectors", name)
		}
		all = append(all, file.Vectors...)
	}
	for i := range all {
		if v := &all[i]; v.Provider == "rfc9421" && v.Secret != "" {
			v.Secret = "hmac-sha256:" + v.Secret // the RFC has it without a word of what it is
		}
	}
	return all
}

func (v vector) request() *core.Request {
	r := &core.Request{Method: v.Method, Header: http.Header{}, Body: bytes.Clone(v.Body)}
	for name, value := range v.Headers {
		asMap(r.Header).Set(name, value)
	}
	if u, err := url.Parse(v.URL); err == nil {
		r.URL = u.RequestURI()
	}
	return r
}

func (v vector) verifier(t *testing.T) *core.Verifier {
	t.Helper()
	scheme, err := schemes.New(v.Provider, schemes.Settings{URL: v.URL, DangerouslyReplayable: v.Provider == "rfc9421"})
	if err != nil {
		t.Fatal(err)
	}
	key := v.Secret + v.PublicKey // one of them
	verifier, err := core.New(core.Secrets(key), memstore.New(), &core.Config{
		Scheme: scheme, Clock: func() time.Time { return time.Unix(max(v.NowUnix, 1), 0) }, DangerouslyReplayableAfterRestart: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

func TestEveryPublishedVectorIsAccepted(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			if v.Expect != "accept" {
				t.Fatalf("expect is %q", v.Expect)
			}
			verifier := v.verifier(t)
			if _, err := verifier.Verify(context.Background(), v.request()); err != nil {
				t.Error(err)
			}
			changed := v.request()
			changed.Body = append(changed.Body, ' ')
			if m, err := verifier.Verify(context.Background(), changed); err == nil && m.BodySigned {
				t.Error("accepted with a byte more in the body")
			}
		})
	}
}
