package core_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// vector is a published test vector. An unknown field is fatal, because it may
// require something.
type vector struct {
	Name       string            `json:"name"`
	Provider   string            `json:"provider"`
	Source     string            `json:"source"`
	Method     string            `json:"method"`
	URL        string            `json:"url"`
	Headers    map[string]string `json:"headers"`
	BodyBase64 []byte            `json:"body_base64"`
	Secret     string            `json:"secret"`
	PublicKey  string            `json:"public_key"`
	NowUnix    int64             `json:"now_unix"`
	Expect     string            `json:"expect"`
	Note       string            `json:"note"`
}

func vectors(t *testing.T, provider string) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/official.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		About   string   `json:"about"`
		Vectors []vector `json:"vectors"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		t.Fatal(err)
	}
	var found []vector
	for _, v := range file.Vectors {
		if v.Provider == provider {
			found = append(found, v)
		}
	}
	if len(found) == 0 {
		t.Fatalf("no vector of %q", provider)
	}
	return found
}

func (v vector) request() *core.Request {
	h := http.Header{}
	for name, value := range v.Headers {
		h.Set(name, value)
	}
	return &core.Request{Method: v.Method, URL: v.URL, Header: h, Body: v.BodyBase64}
}

// run verifies v with scheme, without the checks of secrets in New: published
// secrets look like placeholders.
func (v vector) run(t *testing.T, scheme core.Scheme) *core.Attempt {
	t.Helper()
	if v.Expect != "accept" {
		t.Fatalf("%s: expect is %q, which this test does not know", v.Name, v.Expect)
	}
	key, err := scheme.ParseKey(v.Secret + v.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	a, ok, err := check(t.Context(), scheme, key, v.request())
	if err != nil || !ok {
		t.Errorf("%s (%s): %t, %v", v.Name, v.Source, ok, err)
	}
	for i := range v.BodyBase64 {
		r := v.request()
		r.Body = bytes.Clone(r.Body)
		r.Body[i] ^= 1
		if _, ok, _ := check(t.Context(), scheme, key, r); ok {
			t.Errorf("%s: accepted with byte %d of the body changed", v.Name, i)
		}
	}
	return a
}

// check does what the pipeline does between headers and signature.
func check(ctx context.Context, s core.Scheme, k core.VerifyKey, r *core.Request) (*core.Attempt, bool, error) {
	a := new(core.Attempt)
	if err := s.ReadHeader(r, a); err != nil {
		return a, false, err
	}
	if err := s.ReadBody(r, a); err != nil {
		return a, false, err
	}
	ok, err := k.Verify(ctx, a)
	return a, ok, err
}

// memory is a store that keeps everything.
type memory struct {
	mu   sync.Mutex
	live map[core.Key]core.Value
}

func (m *memory) Swap(_ context.Context, key core.Key, old, next core.Value, _ time.Duration) (core.Value, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.live == nil {
		m.live = make(map[core.Key]core.Value)
	}
	if m.live[key] == old {
		m.live[key] = next
	}
	return m.live[key], nil
}

// at returns a clock that stands still.
func at(unix int64) func() time.Time { return func() time.Time { return time.Unix(unix, 0) } }

func newVerifier(tb testing.TB, keys core.KeySource, cfg *core.Config) *core.Verifier {
	tb.Helper()
	v, err := core.New(keys, &memory{}, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func TestPublishedVectorsOfStandardWebhooks(t *testing.T) {
	t.Parallel()
	for _, vec := range vectors(t, "standard") {
		t.Run(vec.Name, func(t *testing.T) {
			t.Parallel()
			vec.run(t, core.StandardWebhooks{})
			v := newVerifier(t, core.Secrets(vec.Secret), &core.Config{Clock: at(vec.NowUnix)})
			m, err := v.Verify(t.Context(), vec.request())
			if err != nil {
				t.Fatal(err)
			}
			if m.ID != "msg_p5jXN8AQM9LWM0D4loKWxJek" || m.Timestamp.Unix() != vec.NowUnix || m.KeyID != "key-1" || m.Scheme != "standard" ||
				!m.IDSigned || !m.BodySigned || !bytes.Equal(m.Body, vec.BodyBase64) {
				t.Errorf("got %+v", m)
			}
			if _, err := newVerifier(t, core.Secrets(core.GenerateSecret()), &core.Config{Clock: at(vec.NowUnix)}).
				Verify(t.Context(), vec.request()); err == nil {
				t.Error("accepted under another secret")
			}
		})
	}
}

// The published v1a vector comes with its signing key in Svix's 64-byte form: signing must give the
// published text.
func TestSigningGivesThePublishedVectors(t *testing.T) {
	t.Parallel()
	for _, vec := range vectors(t, "standard") {
		secrets := []string{vec.Secret}
		if strings.HasPrefix(vec.Secret, "whpk_") {
			i := strings.Index(vec.Note, "whsk_")
			if i < 0 {
				t.Fatalf("%s has no signing key", vec.Name)
			}
			full, _, _ := strings.Cut(vec.Note[i:], " ")
			raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(full, "whsk_"))
			if err != nil || len(raw) != 64 {
				t.Fatalf("%d bytes, %v", len(raw), err)
			}
			secrets = []string{full, "whsk_" + base64.StdEncoding.EncodeToString(raw[:32])}
		}
		for _, secret := range secrets {
			signer, err := core.NewSigner(secret)
			if err != nil {
				t.Fatal(err)
			}
			h := http.Header{}
			if err := signer.Sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(vec.NowUnix, 0), vec.BodyBase64); err != nil {
				t.Fatal(err)
			}
			want := vec.Headers["webhook-signature"] + vec.Headers["svix-signature"]
			if got := h.Get("webhook-signature"); !strings.Contains(" "+want+" ", " "+got+" ") {
				t.Errorf("%s: signed %q, want one of %q", vec.Name, got, want)
			}
		}
	}
}
