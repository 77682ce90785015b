package core_test

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"math"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

const now = 1_700_000_000

// signed returns a genuine request, signed at the current time.
func signed(tb testing.TB, secret, id string, stamp int64, body string) *core.Request {
	tb.Helper()
	s, err := core.NewSigner(secret)
	if err != nil {
		tb.Fatal(err)
	}
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{}, Body: []byte(body)}
	if err := s.Sign(lines(r.Header), id, time.Unix(stamp, 0), r.Body); err != nil {
		tb.Fatal(err)
	}
	return r
}

// counting counts the bytes that its keys hash.
type counting struct {
	core.StandardWebhooks

	hashed, checks *atomic.Int64
}

func (s counting) ParseKey(text string) (core.VerifyKey, error) {
	k, err := s.StandardWebhooks.ParseKey(text)
	return countingKey{k, s}, err
}

type countingKey struct {
	core.VerifyKey

	counting
}

func (k countingKey) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	n, _ := a.Content.WriteTo(discard{})
	k.hashed.Add(n)
	k.checks.Add(1)
	return k.VerifyKey.Verify(ctx, a)
}

// countingHash counts the bytes that are written to it.
type countingHash struct {
	hash.Hash

	n *atomic.Int64
}

func (h countingHash) Write(p []byte) (int, error) {
	h.n.Add(int64(len(p)))
	return h.Hash.Write(p)
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// Each of these was a bug in a published library or application. The names say which.
func TestEveryOneOfTheseWasSomebodysBug(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	v := newVerifier(t, core.Secrets(secret), &core.Config{Clock: at(now)})
	genuine := func(t *testing.T) *core.Request { return signed(t, secret, "msg_1", now, `{"a":1}`) }
	want := func(t *testing.T, r *core.Request, reason core.Reason) {
		t.Helper()
		m, err := v.Verify(t.Context(), r)
		if reason == "" && err != nil || reason != "" && !errors.Is(err, reason) {
			t.Errorf("got %v, want %q", err, reason)
		}
		if err != nil && (m.ID != "" || m.Body != nil) {
			t.Errorf("a refused message is handed over all the same: %+v", m)
		}
	}
	header := func(name string, values ...string) func(*testing.T) *core.Request {
		return func(t *testing.T) *core.Request {
			r := genuine(t)
			lines(r.Header)[name] = values
			return r
		}
	}
	sig := lines(genuine(t).Header).Get("Webhook-Signature")
	text := strings.TrimPrefix(sig, "v1,")
	junk := "v1," + strings.Repeat("A", 43) + "="

	for _, tt := range []struct {
		name    string
		request func(*testing.T) *core.Request
		reason  core.Reason
	}{
		{"nothing changed", genuine, ""},
		{"far future accepted", func(t *testing.T) *core.Request { return signed(t, secret, "msg_1", now+301, "") }, core.ErrOutsideWindow},
		{"as far ahead as the tolerance", func(t *testing.T) *core.Request { return signed(t, secret, "msg_1", now+300, "") }, ""},
		{"stale", func(t *testing.T) *core.Request { return signed(t, secret, "msg_1", now-301, "") }, core.ErrOutsideWindow},
		{"as old as the tolerance", func(t *testing.T) *core.Request { return signed(t, secret, "msg_1", now-300, "") }, ""},
		{"sixteen digits, the farthest future", func(t *testing.T) *core.Request { return signed(t, secret, "msg_1", 9_999_999_999_999_999, "") }, core.ErrOutsideWindow},
		{"one second after 1970", func(t *testing.T) *core.Request { return signed(t, secret, "msg_1", 1, "") }, core.ErrOutsideWindow},
		{"a skew of MinInt64 is still negative", header("Webhook-Timestamp", strconv.FormatInt(math.MinInt64, 10)), core.ErrMalformed},
		{"MaxInt64", header("Webhook-Timestamp", strconv.FormatInt(math.MaxInt64, 10)), core.ErrMalformed},
		{"+1… timestamp", header("Webhook-Timestamp", "+1700000000"), core.ErrMalformed},
		{"0001… timestamp", header("Webhook-Timestamp", "0001700000000"), core.ErrMalformed},
		{"1e9 timestamp", header("Webhook-Timestamp", "1e9"), core.ErrMalformed},
		{"1_700_000_000 timestamp", header("Webhook-Timestamp", "1_700_000_000"), core.ErrMalformed},
		{"a float for a timestamp", header("Webhook-Timestamp", "1700000000.0"), core.ErrMalformed},
		{"digits of another script", header("Webhook-Timestamp", "１７００００００００"), core.ErrMalformed},
		{". in the id", header("Webhook-Id", "msg_1.1700000000"), core.ErrMalformed},
		{"an id of 257 bytes", header("Webhook-Id", strings.Repeat("a", 257)), core.ErrMalformed},
		{"a line break in the id", header("Webhook-Id", "msg_1\n"), core.ErrMalformed},
		{"an id that is not ASCII", header("Webhook-Id", "msg_é"), core.ErrMalformed},
		{"id header repeated, equal", header("Webhook-Id", "msg_1", "msg_1"), core.ErrMalformed},
		{"id header repeated, conflicting", header("Webhook-Id", "msg_1", "msg_2"), core.ErrMalformed},
		{"timestamp header repeated, equal", header("Webhook-Timestamp", "1700000000", "1700000000"), core.ErrMalformed},
		{"timestamp header repeated, conflicting", header("Webhook-Timestamp", "1700000000", "1700000001"), core.ErrMalformed},
		{"signature header repeated is one list", header("Webhook-Signature", junk, sig), ""},
		{"a list split at its comma by a gateway", header("Webhook-Signature", "v1", text), ""},
		{"two lists split at their commas", header("Webhook-Signature", "v1", strings.TrimPrefix(junk, "v1,")+" v1", text), ""},
		{"two lines joined by a proxy, the last genuine", header("Webhook-Signature", junk+", "+sig), ""},
		{"two lines joined by a proxy, the first genuine", header("Webhook-Signature", sig+", "+junk), ""},
		{"two lines joined without a space, the first genuine", header("Webhook-Signature", sig+","+junk), ""},
		{"two lines joined with spaces on both sides", header("Webhook-Signature", sig+" , "+junk), ""},
		{"three lines joined, the middle one genuine", header("Webhook-Signature", junk+", "+sig+", "+junk), ""},
		{"a comma behind a signature and nothing after it", header("Webhook-Signature", sig+","), core.ErrNoMatch},
		{"a signature in three pieces", header("Webhook-Signature", sig+",v1"), core.ErrNoMatch},
		{"seventeen signatures, joined", header("Webhook-Signature", strings.Repeat(junk+",", 16)+sig), core.ErrMalformed},
		{"svix and webhook headers that differ", header("Svix-Id", "msg_2"), core.ErrMalformed},
		{"two spaces between signatures", header("Webhook-Signature", junk+"  "+sig), ""},
		{"trailing space", header("Webhook-Signature", sig+" "), ""},
		{"missing comma", header("Webhook-Signature", "v1"+text), core.ErrMalformed},
		{"missing comma before a genuine one", header("Webhook-Signature", "v1"+text+" "+sig), ""},
		{"only a comma", header("Webhook-Signature", ","), core.ErrNoMatch},
		{"only spaces", header("Webhook-Signature", "   "), core.ErrMalformed},
		{"100 000 signatures", header("Webhook-Signature", strings.Repeat("v1,A ", 100_000)), core.ErrMalformed},
		{"sixteen signatures, the last genuine", header("Webhook-Signature", strings.Repeat(junk+" ", 15)+sig), ""},
		{"seventeen signatures", header("Webhook-Signature", strings.Repeat(junk+" ", 16)+sig), core.ErrMalformed},
		{"non-ASCII signature", header("Webhook-Signature", "v1,ééé\xff"), core.ErrNoMatch},
		{"another padding of the same signature", header("Webhook-Signature", "v1,"+strings.TrimRight(text, "=")), core.ErrNoMatch},
		{"a line break in the signature", header("Webhook-Signature", "v1,"+text[:8]+"\r\n"+text[8:]), core.ErrNoMatch},
		{"algorithm taken from the sender's header: v2", header("Webhook-Signature", "v2,"+text), core.ErrNoMatch},
		{"algorithm taken from the sender's header: v1a", header("Webhook-Signature", "v1a,"+text), core.ErrNoMatch},
		{"algorithm taken from the sender's header: none", header("Webhook-Signature", ","+text), core.ErrNoMatch},
		{"algorithm taken from the sender's header: v2, beside a wrong v1", header("Webhook-Signature", "v2,"+text+" "+junk), core.ErrNoMatch},
		{"x[7:] on a short header", header("Webhook-Signature", "v"), core.ErrMalformed},
		{"an empty signature header", header("Webhook-Signature", ""), core.ErrMalformed},
		{"no signature header", header("Webhook-Signature"), core.ErrMissingHeader},
		{"an empty id header", header("Webhook-Id", ""), core.ErrMissingHeader},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want(t, tt.request(t), tt.reason)
		})
	}

	for _, text := range []string{"", "whsec_", "whsec_AA==", "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))} {
		t.Run("empty, nil or one-byte secret accepts a forgery: "+strconv.Quote(text), func(t *testing.T) {
			t.Parallel()
			if _, err := core.New(core.Secrets(text), &memory{}, nil); !errors.Is(err, core.ErrMisconfigured) {
				t.Errorf("accepted: %v", err)
			}
		})
	}
	for name, keys := range map[string]core.KeySource{
		"no key at all": core.Secrets(), "a nil list": (*core.Keys)(nil), "the zero list": new(core.Keys), "the zero secret": core.SecretList(core.Secret{}),
		"no source": nil, "a nil function": core.KeySourceFunc(nil),
	} {
		t.Run("empty, nil or one-byte secret accepts a forgery: "+name, func(t *testing.T) {
			t.Parallel()
			if _, err := core.New(keys, &memory{}, nil); !errors.Is(err, core.ErrMisconfigured) {
				t.Errorf("accepted: %v", err)
			}
		})
	}
	t.Run("empty, nil or one-byte secret accepts a forgery: from a key source at run time", func(t *testing.T) {
		t.Parallel()
		for _, keys := range []*core.Keys{core.Secrets(""), core.Secrets(), new(core.Keys), core.Secrets("whsec_AA==")} {
			v := newVerifier(t, core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) { return "acme", keys, nil }), &core.Config{Clock: at(now)})
			if _, err := v.Verify(t.Context(), genuine(t)); !errors.Is(err, core.ErrMisconfigured) {
				t.Errorf("got %v", err)
			}
		}
	})
	t.Run("secret slice aliased", func(t *testing.T) {
		t.Parallel()
		raw := []byte("a secret of at least 24 bytes")
		key, err := core.HMACKey("v1", sha256.New, raw, core.Hex)
		if err != nil {
			t.Fatal(err)
		}
		a := &core.Attempt{Signatures: []core.Signature{{Label: "v1", Text: hexMAC(string(raw), "x")}}}
		a.Content.WriteString("x")
		clear(raw)
		if ok, err := key.Verify(t.Context(), a); !ok || err != nil {
			t.Errorf("the key changed with the caller's slice: %t, %v", ok, err)
		}
		secrets := []core.Secret{core.NewSecret(secret)}
		list := core.SecretList(secrets...)
		secrets[0] = core.NewSecret("")
		if _, err := core.New(list, &memory{}, nil); err != nil {
			t.Errorf("the list changed with the caller's slice: %v", err)
		}
	})
	t.Run("wrong-length ed25519 key panics", func(t *testing.T) {
		t.Parallel()
		for _, n := range []int{0, 1, 31, 33, 64} {
			if _, err := core.Ed25519Key("v1a", make([]byte, n), core.Base64); err == nil {
				t.Errorf("%d bytes are accepted", n)
			}
			if _, err := core.New(core.Secrets("whpk_"+base64.StdEncoding.EncodeToString([]byte(strings.Repeat("ab", 32))[:n])), &memory{}, nil); err == nil {
				t.Errorf("whpk_ of %d bytes is accepted", n)
			}
		}
	})
	t.Run("wrong-length ed25519 signature", func(t *testing.T) {
		t.Parallel()
		signing, public := core.GenerateKeyPair()
		v := newVerifier(t, core.Secrets(public), &core.Config{Clock: at(now)})
		r := signed(t, signing, "msg_1", now, "")
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines(r.Header).Get("Webhook-Signature"), "v1a,"))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range [][]byte{nil, raw[:1], raw[:63], append(raw[:64:64], 0), append(raw[:64:64], raw...)} {
			lines(r.Header).Set("Webhook-Signature", "v1a,"+base64.StdEncoding.EncodeToString(b))
			if _, err := v.Verify(t.Context(), r); !errors.Is(err, core.ErrNoMatch) {
				t.Errorf("%d bytes: %v", len(b), err)
			}
		}
	})
	t.Run("computed MAC in an error text", func(t *testing.T) {
		t.Parallel()
		r := genuine(t)
		lines(r.Header).Set("Webhook-Signature", junk)
		_, err := v.Verify(t.Context(), r)
		if err == nil || strings.Contains(err.Error(), text) || strings.Contains(err.Error(), text[:10]) || strings.Contains(err.Error(), `"a"`) {
			t.Errorf("%v", err)
		}
		d := v.Admit(t.Context(), r, given(r.Body))
		if strings.Contains(string(d.Answer().Body), text) || strings.Contains(string(d.Answer().Body), "msg_1") {
			t.Errorf("%s", d.Answer().Body)
		}
	})
	t.Run("one hash of the body per presented signature", func(t *testing.T) {
		t.Parallel()
		body := strings.Repeat("x", 1<<20)
		for _, n := range []int{1, 16} {
			var hashed atomic.Int64
			key, err := core.HMACKey("v1", func() hash.Hash { return countingHash{sha256.New(), &hashed} }, []byte("a secret of at least 24 bytes"), core.Base64)
			if err != nil {
				t.Fatal(err)
			}
			a := new(core.Attempt)
			for range n {
				a.Signatures = append(a.Signatures, core.Signature{Label: "v1", Text: strings.Repeat("A", 43) + "="})
			}
			a.Content.WriteBody([]byte(body))
			if ok, _ := key.Verify(t.Context(), a); ok {
				t.Error("junk is accepted")
			}
			if got := hashed.Load(); got > 1<<20+1024 {
				t.Errorf("%d bytes hashed for %d signatures", got, n)
			}
		}
	})
	t.Run("key not scoped to the source", func(t *testing.T) {
		t.Parallel()
		other := core.GenerateSecret()
		keys := map[string]*core.Keys{"acme": core.Secrets(secret), "globex": core.Secrets(other)}
		v := newVerifier(t, core.KeySourceFunc(func(_ context.Context, r *core.Request) (string, *core.Keys, error) {
			name := strings.TrimPrefix(r.Path(), "/")
			return name, keys[name], nil
		}), &core.Config{Clock: at(now)})
		to := func(path string, r *core.Request) *core.Delivery {
			r.URL = path
			d := v.Admit(t.Context(), r, given(r.Body))
			d.Settle(http.StatusOK)
			return d
		}
		if d := to("/globex", genuine(t)); !errors.Is(d.Err(), core.ErrNoMatch) {
			t.Errorf("acme's message at globex: %v", d.Err())
		}
		if d := to("/globex", signed(t, other, "msg_1", now, "")); d.Err() != nil {
			t.Errorf("globex's message: %v", d.Err())
		}
		if d := to("/acme", genuine(t)); d.Err() != nil {
			t.Errorf("globex burned acme's id: %v", d.Err())
		}
	})
	t.Run("unsigned delivery id as the key", func(t *testing.T) {
		t.Parallel()
		const secret = "4f1c2a9e-6b7d-4e8f"
		v := newVerifier(t, core.Secrets(secret), &core.Config{Scheme: github{}})
		for i, delivery := range []string{"1", "2"} {
			d := v.Admit(t.Context(), &core.Request{Method: http.MethodPost, URL: "/", Header: http.Header{
				"X-Hub-Signature-256": {"sha256=" + hexMAC(secret, "{}")}, "X-Github-Delivery": {delivery},
			}}, given("{}"))
			d.Settle(http.StatusOK)
			if ran := d.Answer() == nil; ran != (i == 0) {
				t.Errorf("delivery %d ran: %t", i+1, ran)
			}
		}
	})
	t.Run("claim before verify: anyone burns ids", func(t *testing.T) {
		t.Parallel()
		store := &memory{}
		v, err := core.New(core.Secrets(secret), store, &core.Config{Clock: at(now)})
		if err != nil {
			t.Fatal(err)
		}
		r := genuine(t)
		lines(r.Header).Set("Webhook-Signature", junk)
		if v.Admit(t.Context(), r, given(r.Body)); len(store.live) != 0 {
			t.Error("a forgery touched the store")
		}
	})
	t.Run("stripping one signature during a rotation makes another message", func(t *testing.T) {
		t.Parallel()
		signing, public := core.GenerateKeyPair()
		s, err := core.NewSigner(secret, signing)
		if err != nil {
			t.Fatal(err)
		}
		v := newVerifier(t, core.Secrets(secret, public), &core.Config{Clock: at(now)})
		h := http.Header{}
		if err := s.Sign(h, "msg_1", time.Unix(now, 0), []byte("{}")); err != nil {
			t.Fatal(err)
		}
		both := strings.Fields(h.Get("Webhook-Signature"))
		for i, list := range []string{strings.Join(both, " "), both[0], both[1], both[1] + " " + both[0]} {
			r := &core.Request{Method: http.MethodPost, URL: "/", Header: h.Clone()}
			lines(r.Header).Set("Webhook-Signature", list)
			d := v.Admit(t.Context(), r, given("{}"))
			d.Settle(http.StatusOK)
			if i == 0 && d.Err() != nil || i > 0 && !errors.Is(d.Err(), core.ErrReplay) {
				t.Errorf("%d: %v", i, d.Err())
			}
		}
	})
}

// fips140=only panics in hmac.New for keys under 112 bits and for SHA-1. It is
// a mode of the whole program, so the test runs itself in a second process.
func TestFIPSOnlyRefusesShortKeysAndSHA1AtBootInsteadOfPanicking(t *testing.T) {
	t.Parallel()
	const again = "HOOKONCE_TEST_FIPS"
	if os.Getenv(again) == "" {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), exe, "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), again+"=1", "GODEBUG=fips140=only")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "fips140=only was tested") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if _, err := core.HMACKey("v1", sha256.New, []byte("thirteen byte"), core.Hex); err == nil || !strings.Contains(err.Error(), "112 bits") {
		t.Errorf("a key of 104 bits: %v", err)
	}
	if _, err := core.HMACKey("v1", sha1.New, []byte("fourteen bytes"), core.Hex); err == nil || !strings.Contains(err.Error(), "crypto mode") {
		t.Errorf("SHA-1: %v", err)
	}
	secret := core.GenerateSecret()
	v := newVerifier(t, core.Secrets(secret), &core.Config{Clock: at(now)})
	if _, err := v.Verify(t.Context(), signed(t, secret, "msg_1", now, "{}")); err != nil {
		t.Errorf("v1: %v", err)
	}
	signing, public := core.GenerateKeyPair()
	v = newVerifier(t, core.Secrets(public), &core.Config{Clock: at(now)})
	if _, err := v.Verify(t.Context(), signed(t, signing, "msg_1", now, "{}")); err != nil {
		t.Errorf("v1a: %v", err)
	}
	t.Log("fips140=only was tested")
}

// lines returns the header of a request that a test made.
func lines(h core.Header) http.Header {
	m, _ := h.(http.Header)
	return m
}
