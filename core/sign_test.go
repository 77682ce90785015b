package core_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

func TestWhatIsSignedIsVerified(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	signing, public := core.GenerateKeyPair()
	s, err := core.NewSigner(secret, signing)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{"Webhook-Signature": {"left over", "twice"}, "X-Other": {"kept"}}
	if err := s.Sign(h, "msg_1", time.Unix(now, 999_999_999), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if got := h["Webhook-Signature"]; len(got) != 1 || !regexp.MustCompile(`^v1,\S{44} v1a,\S{88}$`).MatchString(got[0]) {
		t.Errorf("signatures %q", got)
	}
	if h.Get("Webhook-Timestamp") != "1700000000" || h.Get("Webhook-Id") != "msg_1" || h.Get("X-Other") != "kept" {
		t.Errorf("headers %v", h)
	}
	for _, key := range []string{secret, public} {
		v := newVerifier(t, core.Secrets(key), &core.Config{Clock: at(now)})
		if _, err := v.Verify(t.Context(), &core.Request{Header: h, Body: []byte("{}")}); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatCannotBeSignedLeavesTheHeaderAlone(t *testing.T) {
	t.Parallel()
	s, err := core.NewSigner(core.GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, id string
		at       time.Time
	}{
		{"no id", "", time.Unix(now, 0)},
		{"a dot in the id", "a.b", time.Unix(now, 0)},
		{"a space in the id", "a b", time.Unix(now, 0)},
		{"a line break in the id", "a\r\nb", time.Unix(now, 0)},
		{"an id that is not ASCII", "é", time.Unix(now, 0)},
		{"an id of 257 bytes", strings.Repeat("a", 257), time.Unix(now, 0)},
		{"the zero time", "a", time.Time{}},
		{"1970 itself", "a", time.Unix(0, 0)},
		{"before 1970", "a", time.Unix(-1, 0)},
		{"seventeen digits", "a", time.Unix(10_000_000_000_000_000, 0)},
	} {
		h := http.Header{}
		if err := s.Sign(h, tt.id, tt.at, nil); !errors.Is(err, core.ErrMalformed) || len(h) != 0 {
			t.Errorf("%s: %v, headers %v", tt.name, err, h)
		}
	}
	if err := s.Sign(http.Header{}, strings.Repeat("~", 256), time.Unix(1, 0), nil); err != nil {
		t.Errorf("the longest id: %v", err)
	}
}

func TestNewSignerReportsEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	signing, public := core.GenerateKeyPair()
	_, strangers := core.GenerateKeyPair()
	seed, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signing, "whsk_"))
	if err != nil {
		t.Fatal(err)
	}
	half, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strangers, "whpk_"))
	if err != nil {
		t.Fatal(err)
	}
	mixed := "whsk_" + base64.StdEncoding.EncodeToString(append(seed, half...))
	_, err = core.NewSigner("changeme", public, mixed, core.GenerateSecret()+"\n", "whsk_AAECAw==")
	if !errors.Is(err, core.ErrMisconfigured) {
		t.Fatal(err)
	}
	for _, say := range []string{
		"secret 1 of 5: the text is a placeholder", "secret 2 of 5: whpk_ is a public key", "secret 3 of 5: the public half", "secret 4 of 5: the text has white space",
		"secret 5 of 5: this key has 4 bytes, but an ed25519 signing key has 32",
	} {
		if !strings.Contains(err.Error(), say) {
			t.Errorf("%v does not say %q", err, say)
		}
	}
	if strings.Contains(err.Error(), mixed[10:]) {
		t.Error("quotes a key")
	}
	if _, err := core.NewSigner(); !errors.Is(err, core.ErrMisconfigured) {
		t.Errorf("a signer without a key: %v", err)
	}
}

func TestNewIDAndGeneratedKeysAreFreshAndWellFormed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	form := regexp.MustCompile(`^msg_[0-9A-Za-z]{27}$`)
	for range 10_000 {
		id := core.NewID()
		if !form.MatchString(id) || seen[id] {
			t.Fatalf("id %q, seen before: %t", id, seen[id])
		}
		seen[id] = true
	}
	for range 100 {
		secret := core.GenerateSecret()
		signing, public := core.GenerateKeyPair()
		for _, text := range []string{secret, signing, public} {
			if seen[text] || !regexp.MustCompile(`^wh(sec|sk|pk)_\S{44}$`).MatchString(text) {
				t.Fatalf("%q, seen before: %t", text[:6], seen[text])
			}
			seen[text] = true
		}
		if _, err := core.NewSigner(secret, signing); err != nil {
			t.Error(err)
		}
		if _, err := core.New(core.Secrets(secret, public), &memory{}, nil); err != nil {
			t.Error(err)
		}
	}
}

func ExampleSigner() {
	signer, err := core.NewSigner("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		panic(err)
	}
	h := http.Header{}
	if err := signer.Sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)); err != nil {
		panic(err)
	}
	fmt.Println(h.Get("webhook-signature"))
	// Output: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
}
