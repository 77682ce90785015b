package core_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/whtest"
)

func TestASecretThatCannotBeRightIsRefusedWithWhatToDo(t *testing.T) {
	t.Parallel()
	good := core.GenerateSecret()
	signing, _ := core.GenerateKeyPair()
	_, public := core.GenerateKeyPair()
	raw := strings.TrimPrefix(good, "whsec_")
	for _, tt := range []struct{ name, secret, says string }{
		{"empty", "", "environment variable"},
		{"a space in front", " " + good, "white space"},
		{"a newline behind", good + "\n", "white space"},
		{"a tab inside", good[:12] + "\t" + good[12:], "white space"},
		{"two in one variable", good + " " + good, "strings.Fields"},
		{"two in one variable, a line each", good + "\n" + core.GenerateSecret(), "strings.Fields"},
		{"a PEM file", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n", "between the BEGIN and END lines"},
		{"a wrapped key", strings.Repeat("Ab3+", 16) + "\n" + strings.Repeat("Zx9/", 12), "join the lines"},
		{"a wrapped key with a label", "whsec_" + strings.Repeat("Ab3+", 19) + "\n" + strings.Repeat("Zx9/", 12), "join the lines"},
		{"a certificate behind whsec_", "whsec_MIICojCCAYqgAwIBAgIGAQAAAAAAMA0GCSqGSIb3DQEBCwUA", "certificate"},
		{"a public key in base64", "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=", "whpk_ before a public key"},
		{"a no-break space", good + "\u00a0", "white space"},
		{"a zero byte", good + "\x00", "control character"},
		{"double quotes", `"` + good + `"`, "quotes"},
		{"single quotes", "'" + good + "'", "quotes"},
		{"changeme", "changeme", "placeholder"},
		{"whsec_ and nothing", "whsec_", "placeholder"},
		{"whsec_ and dots", "whsec_...", "placeholder"},
		{"your-webhook-secret", "your-webhook-secret", "placeholder"},
		{"<your secret>", "<your-secret-here>", "placeholder"},
		{"an unexpanded variable", "${WEBHOOK_SECRET}", "placeholder"},
		{"one character repeated", "xxxxxxxxxxxxxxxx", "placeholder"},
		{"zero bytes", "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32)), "placeholder"},
		{"pasted with the label of a signature", "v1," + good, "label of a signature"},
		{"pasted with the label of an asymmetric signature", "v1a," + public, "label of a signature"},
		{"without a prefix", raw, "prefix"},
		{"another prefix", "sk_" + raw, "whsec_"},
		{"cut off", good[:20], "base64"},
		{"too short", "whsec_" + base64.StdEncoding.EncodeToString([]byte("23 bytes, one too few!!")), "at least 24"},
		{"base64url", "whsec_" + strings.Repeat("ab-_", 8), "base64"},
		{"the sender's private key", signing, "private key"},
		{"a public key of 31 bytes", "whpk_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("ab", 16)[:31])), "has 31 bytes, but an ed25519 public key has 32"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := core.New(core.Secrets(tt.secret), &memory{}, nil)
			if !errors.Is(err, core.ErrMisconfigured) || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("got %v, want it to say %q", err, tt.says)
			}
			if body := strings.Trim(tt.secret, "\"' \n\t\x00"); len(body) > 12 && strings.Contains(err.Error(), body[len(body)-8:]) {
				t.Errorf("quotes the secret: %v", err)
			}
		})
	}
}

func TestAGoodSecretIsTaken(t *testing.T) {
	t.Parallel()
	_, public := core.GenerateKeyPair()
	for _, secret := range []string{
		core.GenerateSecret(), public,
		"whsec_" + base64.StdEncoding.EncodeToString([]byte("exactly 24 bytes, enough")),
		"whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("seventy-five by", 5))),
	} {
		if _, err := core.New(core.Secrets(secret), &memory{}, nil); err != nil {
			t.Error(err)
		}
	}
}

func TestAPlaceholderIsTakenWhereThatIsNamed(t *testing.T) {
	t.Parallel()
	zeros := make([]byte, 32)
	secret := "whsec_" + base64.StdEncoding.EncodeToString(zeros)
	v := newVerifier(t, core.Secrets(secret), &core.Config{DangerouslyAcceptPlaceholders: true, Clock: at(1760000000)})
	mac := hmac.New(sha256.New, zeros)
	mac.Write([]byte("msg_1.1760000000.{}"))
	h := http.Header{}
	h.Set("Webhook-Id", "msg_1")
	h.Set("Webhook-Timestamp", "1760000000")
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	if _, err := v.Verify(t.Context(), &core.Request{Method: "POST", URL: "/", Header: h, Body: []byte("{}")}); err != nil {
		t.Error(err)
	}
	if _, err := core.NewSigner(secret); !errors.Is(err, core.ErrMisconfigured) {
		t.Errorf("a signer takes it: %v", err)
	}
	for _, still := range []string{"", "whsec_ ", `"secret"`, "whsec_AAAA", "secret"} { // the last two are not keys of this scheme
		if _, err := core.New(core.Secrets(still), &memory{}, &core.Config{DangerouslyAcceptPlaceholders: true}); !errors.Is(err, core.ErrMisconfigured) {
			t.Errorf("%q: %v", still, err)
		}
	}
}

func TestEveryMistakeIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := core.New(core.Secrets("changeme", core.GenerateSecret()+"\n", ""), (*memory)(nil), &core.Config{
		Past: -1, Future: -time.Second, Skew: -1, BodyTimeout: -1, Lease: -1, Remember: -1, StoreTimeout: -1, KeyTimeout: -1, MaxBody: -1, Reruns: 64,
	})
	if !errors.Is(err, core.ErrMisconfigured) {
		t.Fatal(err)
	}
	for _, say := range []string{
		"secret 1 of 3 (key-1)", "secret 2 of 3 (key-2)", "secret 3 of 3 (key-3)", "the seen-id store is nil", "Config.Past", "Config.Future", "Config.Skew",
		"Config.BodyTimeout", "Config.Lease", "Config.Remember", "Config.StoreTimeout", "Config.KeyTimeout", "Config.MaxBody", "Config.Reruns",
	} {
		if !strings.Contains(err.Error(), say) {
			t.Errorf("does not mention %q", say)
		}
	}
	_, err = core.New(nil, nil, &core.Config{Lease: 60, Remember: 100 * 365 * 24 * time.Hour})
	for _, say := range []string{"the keys are nil", "the seen-id store is nil", "unit missing", "unit wrong"} {
		if err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%v does not mention %q", err, say)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("Must does not panic")
		}
	}()
	core.Must(nil, err)
}

func TestNoSecretIsEverPrinted(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	signing, _ := core.GenerateKeyPair()
	s := core.NewSecret(secret)
	s.ID = "prod"
	keys := core.SecretList(s)
	signer, err := core.NewSigner(secret, signing)
	if err != nil {
		t.Fatal(err)
	}
	type foreign struct {
		Public core.Secret
		hidden core.Secret
		Signer *core.Signer
		signer core.Signer
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	seed, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signing, "whsk_"))
	if err != nil {
		t.Fatal(err)
	}
	var leaks []string
	for _, b := range [][]byte{raw, seed} {
		digits := hex.EncodeToString(b[:8])
		leaks = append(leaks, base64.StdEncoding.EncodeToString(b), string(b), digits, strings.ToUpper(digits), strings.Trim(fmt.Sprintf("%d", b[:8]), "[]"),
			strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b[:8]), "[]byte{"), "}"))
	}
	leaks = append(leaks, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret))
	clean := func(how, text string) {
		for _, l := range leaks {
			if strings.Contains(text, l) {
				t.Errorf("%s leaks: %s", how, text)
				return
			}
		}
	}
	values := map[string]any{
		"Secret": s, "*Secret": &s, "[]Secret": []core.Secret{s}, "map": map[string]core.Secret{"a": s}, "*Keys": keys, "Signer": *signer, "*Signer": signer,
		"Verifier": newVerifier(t, keys, nil), "foreign": foreign{Public: s, hidden: s, Signer: signer, signer: *signer},
		"*foreign": &foreign{Public: s, hidden: s, Signer: signer, signer: *signer}, "any": []any{s, keys, signer},
	}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%T", "%10s", "% x"} {
			clean(verb+" of "+name, fmt.Sprintf(verb, v))
		}
		text, _ := json.Marshal(v) // some values cannot be encoded
		clean("JSON of "+name, string(text))
		var buf bytes.Buffer
		slog.New(slog.NewTextHandler(&buf, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&buf, nil)).Info("x", "v", v)
		clean("slog of "+name, buf.String())
	}
	if got := fmt.Sprint(s); got != `secret "prod" [redacted]` {
		t.Errorf("printed %q", got)
	}
	if s.Reveal() != secret || (core.Secret{}).Reveal() != "" {
		t.Error("Reveal does not give the text")
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	oldSecret, next := core.GenerateSecret(), core.GenerateSecret()
	signing, public := core.GenerateKeyPair()
	clock := whtest.NewClock(time.Unix(now, 0))
	named := func(text, id string) core.Secret {
		s := core.NewSecret(text)
		s.ID = id
		return s
	}
	outgoing := named(oldSecret, "2025")
	outgoing.NotAfter = time.Unix(now+60, 0)
	incoming := named(next, "2026")
	incoming.NotBefore = time.Unix(now+30, 0)
	v := newVerifier(t, core.SecretList(incoming, outgoing, named(public, "asymmetric"), core.NewSecret(core.GenerateSecret())), &core.Config{Clock: clock.Now})

	for _, tt := range []struct {
		name, secret string
		after        int64
		key          string // "" if refused
	}{
		{"the old key before the new one begins", oldSecret, 0, "2025"},
		{"the new key before it begins", next, 29, ""},
		{"the new key from its first moment", next, 30, "2026"},
		{"the old key until its last moment", oldSecret, 59, "2025"},
		{"the old key when it has ended", oldSecret, 60, ""},
		{"the new key then", next, 60, "2026"},
		{"a v1a key beside v1 keys", signing, 60, "asymmetric"},
	} {
		clock.Set(time.Unix(now+tt.after, 0))
		m, err := v.Verify(t.Context(), signed(t, tt.secret, "msg_1", now+tt.after, "{}"))
		if tt.key == "" && !errors.Is(err, core.ErrNoMatch) || tt.key != "" && (err != nil || m.KeyID != tt.key) {
			t.Errorf("%s: key %q, %v", tt.name, m.KeyID, err)
		}
	}
	never := core.NewSecret(next)
	never.NotBefore, never.NotAfter = time.Unix(now, 0), time.Unix(now, 0)
	if _, err := core.New(core.SecretList(never), &memory{}, nil); !errors.Is(err, core.ErrMisconfigured) {
		t.Errorf("a key that is never accepted: %v", err)
	}
	v = newVerifier(t, core.Secrets(next, oldSecret), &core.Config{Clock: at(now)})
	if m, err := v.Verify(t.Context(), signed(t, oldSecret, "msg_1", now, "{}")); err != nil || m.KeyID != "key-2" {
		t.Errorf("key %q, %v", m.KeyID, err)
	}
}

// counted is Standard Webhooks with keys that count their calls.
type counted struct {
	core.StandardWebhooks
	asked *atomic.Int64
}

func (s counted) ParseKey(text string) (core.VerifyKey, error) {
	key, err := s.StandardWebhooks.ParseKey(text)
	return countedKey{key, s.asked}, err
}

type countedKey struct {
	core.VerifyKey
	asked *atomic.Int64
}

func (k countedKey) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	k.asked.Add(1)
	return k.VerifyKey.Verify(ctx, a)
}

func TestOfTwoSignaturesTheNewestKeyIsNamed(t *testing.T) {
	t.Parallel()
	next, old := core.GenerateSecret(), core.GenerateSecret()
	v := newVerifier(t, core.Secrets(next, old), &core.Config{Clock: at(now)})
	for _, tt := range []struct {
		name    string
		secrets []string
		key     string
	}{
		{"the old key alone", []string{old}, "key-2"},
		{"both", []string{old, next}, "key-1"},
		{"the old key alone again", []string{old}, "key-2"},
	} {
		signer, err := core.NewSigner(tt.secrets...)
		if err != nil {
			t.Fatal(err)
		}
		h := make(http.Header)
		if err := signer.Sign(h, "msg_1", time.Unix(now, 0), []byte("{}")); err != nil {
			t.Fatal(err)
		}
		m, err := v.Verify(t.Context(), &core.Request{Method: http.MethodPost, URL: "/hook", Header: h, Body: []byte("{}")})
		if err != nil || m.KeyID != tt.key {
			t.Errorf("%s: key %q, want %q (%v)", tt.name, m.KeyID, tt.key, err)
		}
	}
}

func TestTheKeyThatMatchedLastIsTriedFirst(t *testing.T) {
	t.Parallel()
	texts := make([]string, 16)
	secrets := make([]core.Secret, len(texts))
	for i := range texts {
		texts[i] = core.GenerateSecret()
		secrets[i] = core.NewSecret(texts[i])
	}
	secrets[15].NotAfter = time.Unix(now+60, 0)
	var asked atomic.Int64
	clock := whtest.NewClock(time.Unix(now, 0))
	v := newVerifier(t, core.SecretList(secrets...), &core.Config{Clock: clock.Now, Scheme: counted{asked: &asked}})
	for _, tt := range []struct {
		name   string
		secret string
		after  int64
		asked  int64
		key    string // "" if refused
	}{
		{"the last key of sixteen, at its first message", texts[15], 0, 16, "key-16"},
		{"the same key again", texts[15], 1, 1, "key-16"},
		{"a key that is none of them", core.GenerateSecret(), 2, 16, ""},
		{"the same key after a forged message", texts[15], 3, 1, "key-16"},
		{"the first key", texts[0], 4, 2, "key-1"},
		{"the first key again", texts[0], 5, 1, "key-1"},
		{"a key in the middle", texts[7], 6, 8, "key-8"},
		{"the last key, from the middle", texts[15], 7, 16, "key-16"},
		{"the last key when it has ended", texts[15], 60, 15, ""},
		{"the first key then", texts[0], 61, 1, "key-1"},
	} {
		clock.Set(time.Unix(now+tt.after, 0))
		asked.Store(0)
		m, err := v.Verify(t.Context(), signed(t, tt.secret, "msg_1", now+tt.after, "{}"))
		if tt.key == "" && !errors.Is(err, core.ErrNoMatch) || tt.key != "" && (err != nil || m.KeyID != tt.key) {
			t.Errorf("%s: key %q, %v", tt.name, m.KeyID, err)
		}
		if asked.Load() != tt.asked {
			t.Errorf("%s: asks %d keys, not %d", tt.name, asked.Load(), tt.asked)
		}
	}
}

func TestAKeySourceSeesMethodPathAndHeadersButNoBody(t *testing.T) {
	t.Parallel()
	type ctxKey struct{}
	secret := core.GenerateSecret()
	keys := core.Secrets(secret)
	v := newVerifier(t, core.KeySourceFunc(func(ctx context.Context, r *core.Request) (string, *core.Keys, error) {
		if r.Method != http.MethodPost || r.Path() != "/hook/a b" || lines(r.Header).Get("X-Tenant") != "acme" || r.Body != nil || ctx.Value(ctxKey{}) != 1 {
			t.Errorf("sees %+v with %v", r, ctx.Value(ctxKey{}))
		}
		if _, ok := ctx.Deadline(); !ok {
			t.Error("has no deadline")
		}
		return "acme", keys, nil
	}), &core.Config{Clock: at(now)})
	r := signed(t, secret, "msg_1", now, "{}")
	r.URL = "/hook/a%20b?x=1"
	lines(r.Header).Set("X-Tenant", "acme")
	m, err := v.Verify(context.WithValue(t.Context(), ctxKey{}, 1), r)
	if err != nil || m.Source != "acme" || string(r.Body) != "{}" {
		t.Errorf("source %q, %v", m.Source, err)
	}
}

func TestKeySourceAnswers(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	for _, tt := range []struct {
		name   string
		source string
		keys   *core.Keys
		err    error
		reason core.Reason
		status int
	}{
		{"an error is an outage", "acme", nil, errors.New("connection refused"), core.ErrKeysUnavailable, 503},
		{"an error with keys is an outage all the same", "acme", core.Secrets(secret), errors.New("stale"), core.ErrKeysUnavailable, 503},
		{"a cancelled look-up is an outage", "", nil, context.Canceled, core.ErrKeysUnavailable, 503},
		{"unknown", "", nil, core.ErrUnknownSource, core.ErrUnknownSource, 401},
		{"unknown, wrapped", "", nil, fmt.Errorf("tenant 7: %w", core.ErrUnknownSource), core.ErrUnknownSource, 401},
		{"no keys and no error is unknown", "acme", nil, nil, core.ErrUnknownSource, 401},
		{"a source without a name", "", core.Secrets(secret), nil, core.ErrMisconfigured, 500},
		{"keys that cannot be right", "acme", core.Secrets("changeme"), nil, core.ErrMisconfigured, 500},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) {
				return tt.source, tt.keys, tt.err
			}), &core.Config{Clock: at(now)})
			r := signed(t, secret, "msg_1", now, "{}")
			d := v.Admit(t.Context(), r, given(r.Body))
			if !errors.Is(d.Err(), tt.reason) || d.Answer() == nil || d.Answer().Status != tt.status {
				t.Errorf("got %v, answered %+v", d.Err(), d.Answer())
			}
		})
	}
}

func TestAKeySourceThatStallsIsCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var src whtest.Source
		src.Stall(true)
		v := newVerifier(t, &src, nil)
		began := time.Now()
		_, err := v.Verify(t.Context(), signed(t, core.GenerateSecret(), "msg_1", began.Unix(), "{}"))
		if !errors.Is(err, core.ErrKeysUnavailable) || time.Since(began) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestAnUnknownSourceCannotBeToldFromAWrongSignature(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	var src whtest.Source
	src.Set("acme", core.Secrets(secret))
	scheme := counting{hashed: new(atomic.Int64), checks: new(atomic.Int64)}
	v := newVerifier(t, &src, &core.Config{Clock: at(now), Scheme: scheme})
	try := func(path, secret string) (string, int64, int64) {
		hashed, checks := scheme.hashed.Load(), scheme.checks.Load()
		r := signed(t, secret, "msg_1", now, strings.Repeat("x", 10_000))
		r.URL = path
		d := v.Admit(t.Context(), r, given(r.Body))
		if d.Answer() == nil {
			d.Settle(http.StatusOK)
			return "", 0, 0
		}
		return fmt.Sprint(d.Answer().Status, d.Answer().Header, string(d.Answer().Body)), scheme.hashed.Load() - hashed, scheme.checks.Load() - checks
	}
	if answer, _, _ := try("/acme", secret); answer != "" {
		t.Fatal(answer)
	}
	stranger := core.GenerateSecret()
	wrong, hashed, checks := try("/acme", stranger)
	for _, secret := range []string{stranger, secret} { // the second secret is known to an attacker too
		unknown, hashed2, checks2 := try("/nobody", secret)
		if unknown != wrong || hashed2 != hashed || checks2 != checks {
			t.Errorf("wrong signature: %s after %d checks of %d bytes\nunknown source: %s after %d of %d", wrong, checks, hashed, unknown, checks2, hashed2)
		}
	}
	if hashed < 10_000 {
		t.Errorf("only %d bytes were hashed", hashed)
	}
}

func TestKeysAreDecodedOnce(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	scheme := parsing{parsed: new(atomic.Int64)}
	var src whtest.Source
	src.Set("acme", core.Secrets(secret))
	v := newVerifier(t, &src, &core.Config{Clock: at(now), Scheme: scheme})
	for range 10 {
		r := signed(t, secret, "msg_1", now, "{}")
		r.URL = "/acme"
		if _, err := v.Verify(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if n := scheme.parsed.Load(); n != 1 || src.Lookups() != 10 {
		t.Errorf("decoded %d times in %d look-ups", n, src.Lookups())
	}
}

func TestKeysThatVerifiersShareAreDecodedOnceForEach(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	scheme := parsing{parsed: new(atomic.Int64)}
	var src whtest.Source
	src.Set("acme", core.Secrets(secret))
	verifiers := make([]*core.Verifier, 8)
	for i := range verifiers {
		verifiers[i] = newVerifier(t, &src, &core.Config{Clock: at(now), Scheme: scheme})
	}
	for range 10 {
		for _, v := range verifiers {
			r := signed(t, secret, "msg_1", now, "{}")
			r.URL = "/acme"
			if _, err := v.Verify(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := scheme.parsed.Load(); n != int64(len(verifiers)) {
		t.Errorf("decoded %d times for %d verifiers", n, len(verifiers))
	}
}

// parsing counts the keys that are decoded.
type parsing struct {
	core.StandardWebhooks

	parsed *atomic.Int64
}

func (s parsing) ParseKey(text string) (core.VerifyKey, error) {
	s.parsed.Add(1)
	return s.StandardWebhooks.ParseKey(text)
}

func TestTheListOfKeysIsACopy(t *testing.T) {
	t.Parallel()
	if got := (*core.Keys)(nil).List(); got != nil {
		t.Errorf("nil has the keys %v", got)
	}
	named := core.NewSecret("second")
	named.ID = "old"
	keys := core.SecretList(core.NewSecret("first"), named).From("tenant")
	got := keys.List()
	if len(got) != 2 || got[0].Reveal() != "first" || got[1].Reveal() != "second" || got[1].ID != "old" {
		t.Fatalf("the list is not what was configured: %v", got)
	}
	got[0] = core.NewSecret("changed")
	if again := keys.List(); again[0].Reveal() != "first" {
		t.Error("a caller can change the keys")
	}
}
