package schemes_test

import (
	"context"
	"crypto/elliptic"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

// atHand is a body that was read.
type atHand []byte

func (b atHand) ReadBody(int64, time.Duration) ([]byte, error) { return b, nil }

// runs passes r through v and reports whether its handler would run. The
// handler then succeeds.
func runs(v *core.Verifier, r *core.Request) bool {
	d := v.Admit(context.Background(), r, atHand(r.Body))
	if d.Answer() != nil {
		return false
	}
	d.Settle(http.StatusOK)
	return true
}

func verifier(t *testing.T, scheme core.Scheme, now time.Time, secrets ...string) *core.Verifier {
	t.Helper()
	v, err := core.New(core.Secrets(secrets...), memstore.New(), &core.Config{
		Scheme: scheme, Clock: func() time.Time { return now }, DangerouslyReplayableAfterRestart: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// wantSame checks that changed verifies, which cannot be prevented, and that it
// counts as the handled message.
func wantSame(t *testing.T, v *core.Verifier, genuine, changed *core.Request) {
	t.Helper()
	if !runs(v, genuine) {
		t.Fatal("the genuine message is not handled")
	}
	if _, err := v.Verify(t.Context(), changed); err != nil {
		t.Errorf("the changed message is refused (%v): does it still show what it should?", err)
	}
	if runs(v, changed) {
		t.Error("the changed message is handled as another one")
	}
}

func TestARewrittenECDSASignatureIsTheSameMessage(t *testing.T) {
	t.Parallel()
	i := slices.IndexFunc(vectors(t), func(v vector) bool { return v.Provider == "sendgrid" })
	v := vectors(t)[i]
	changed := v.request()
	const header = "X-Twilio-Email-Event-Webhook-Signature"
	der, err := base64.StdEncoding.DecodeString(asMap(changed.Header).Get(header))
	if err != nil {
		t.Fatal(err)
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		t.Fatal(err)
	}
	rs.S.Sub(elliptic.P256().Params().N, rs.S)
	if der, err = asn1.Marshal(rs); err != nil {
		t.Fatal(err)
	}
	asMap(changed.Header).Set(header, base64.StdEncoding.EncodeToString(der))
	wantSame(t, v.verifier(t), v.request(), changed)
}

func TestATwilioFormThatIsCutElsewhereIsTheSameMessage(t *testing.T) {
	t.Parallel()
	i := slices.IndexFunc(vectors(t), func(v vector) bool { return v.Name == "twilio form" })
	v := vectors(t)[i]
	changed := v.request()
	changed.Body = []byte(strings.Replace(string(changed.Body), "To=%2B1800", "T=o%2B1800", 1))
	if slices.Equal(changed.Body, v.Body) {
		t.Fatal("nothing was changed")
	}
	// The message is a call, which runs again and is counted. With no repeats allowed, that exceeds
	// the bound.
	s, err := schemes.New("twilio", schemes.Settings{URL: v.URL})
	if err != nil {
		t.Fatal(err)
	}
	never, err := core.New(core.Secrets(v.Secret), memstore.New(), &core.Config{Scheme: s, Repeats: -1, DangerouslyReplayableAfterRestart: true})
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, never, v.request(), changed)
	if m, err := v.verifier(t).Verify(t.Context(), changed); err != nil || m.BodySigned {
		t.Errorf("BodySigned is %t: %v", m.BodySigned, err)
	}

	signed := "https://example.com/hookMessageSidSM1To+1800"
	form := func(body string) *core.Request {
		return request(body, "Content-Type", "application/x-www-form-urlencoded", "X-Twilio-Signature",
			base64.StdEncoding.EncodeToString(mac(sha1.New, secret, signed)))
	}
	wantSame(t, verifier(t, schemes.Twilio(public), time.Now(), secret), form("MessageSid=SM1&To=%2B1800"), form("MessageSid=SM1&T=o%2B1800"))
}

func TestATwilioBodyIsOnlyTakenWithItsDigest(t *testing.T) {
	t.Parallel()
	i := slices.IndexFunc(vectors(t), func(v vector) bool { return v.Name == "twilio json" })
	v := vectors(t)[i]
	for name, change := range map[string]func(*core.Request){
		"another body": func(r *core.Request) { r.Body = []byte(`{}`) },
		"no body":      func(r *core.Request) { r.Body = nil },
		"said to be a form": func(r *core.Request) {
			asMap(r.Header).Set("Content-Type", "application/x-www-form-urlencoded")
			r.Body = nil
		},
		"a form said to be something else":  func(r *core.Request) { r.URL = "/myapp.php?foo=1&bar=2" },
		"a digest of its own beside theirs": func(r *core.Request) { r.URL += "&bodySHA256=x" },
	} {
		r := v.request()
		change(r)
		s, err := schemes.New("twilio", schemes.Settings{URL: "https://mycompany.com"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifier(t, s, time.Now(), v.Secret).Verify(t.Context(), r); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestMailgunWithAnotherEventIsTheSameMessageAndNotBodySigned(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := subjects()["mailgun"]
	v := verifier(t, s.scheme, now, secret)
	changed := s.sign(secret, "x", now, []byte(`{"event":"forged"}`))
	wantSame(t, v, s.sign(secret, "x", now, []byte(`{"event":"delivered"}`)), changed)
	if m, err := v.Verify(t.Context(), changed); err != nil || m.BodySigned {
		t.Errorf("BodySigned is %t: %v", m.BodySigned, err)
	}
}

func TestPartsCannotBeCutElsewhere(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0).UTC()
	tests := []struct {
		name, subject, content string
		shift                  func(r *core.Request)
	}{
		{"discord: the last digit of the time to the body", "sendgrid", "1", func(r *core.Request) {
			asMap(r.Header).Set("X-Twilio-Email-Event-Webhook-Timestamp", "170000000")
			r.Body = append([]byte("0"), r.Body...)
		}},
		{"box: the last byte of the body to the time", "box without an id", "12", func(r *core.Request) {
			asMap(r.Header).Set("Box-Delivery-Timestamp", "2"+asMap(r.Header).Get("Box-Delivery-Timestamp"))
			r.Body = r.Body[:1]
		}},
		{"twitch: the last byte of the id to the time", "twitch", "{}", func(r *core.Request) {
			id := asMap(r.Header).Get("Twitch-Eventsub-Message-Id")
			asMap(r.Header).Set("Twitch-Eventsub-Message-Id", id[:35])
			asMap(r.Header).Set("Twitch-Eventsub-Message-Timestamp", id[35:]+asMap(r.Header).Get("Twitch-Eventsub-Message-Timestamp"))
		}},
		{"hook0: a part of the body to the last header", "hook0", `"a.b"`, func(r *core.Request) {
			head, tail, _ := strings.Cut(string(r.Body), ".")
			asMap(r.Header).Set("X-Kind", asMap(r.Header).Get("X-Kind")+"."+head)
			r.Body = []byte(tail)
		}},
		{"hook0: a part of the last header to the body", "hook0", `"a.b"`, func(r *core.Request) {
			asMap(r.Header).Set("X-Kind", "a")
			r.Body = append([]byte("b."), r.Body...)
		}},
		{"square: a part of the body to the query", "square", `"a"`, func(r *core.Request) {
			r.URL += "?" + url.QueryEscape(string(r.Body[:4]))
			r.Body = r.Body[4:]
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := subjects()[tt.subject]
			genuine := func() *core.Request { return s.sign(s.secret, "id", now, []byte(tt.content)) }
			v := verifier(t, s.scheme, now, s.secret)
			if _, err := v.Verify(t.Context(), genuine()); err != nil {
				t.Fatal(err)
			}
			r := genuine()
			tt.shift(r)
			if _, err := v.Verify(t.Context(), r); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestAnAddressInTheQueryIsNoAbsoluteForm(t *testing.T) {
	t.Parallel()
	s := schemes.Twilio("https://example.com")
	sign := func(url string) *core.Request {
		r := request("", "X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac(sha1.New, secret, "https://example.com"+url)))
		r.Method, r.URL = http.MethodGet, url
		return r
	}
	v := verifier(t, s, time.Now(), secret)
	r := sign("/hook?next=https://a/b?c=1")
	if _, err := v.Verify(t.Context(), r); err != nil {
		t.Error(err)
	}
	r.URL = "/b?c=1"
	if _, err := v.Verify(t.Context(), r); err == nil {
		t.Error("another query is accepted")
	}
	r = sign("/hook?c=1")
	r.URL = "http://example.net/hook?c=1" // as a proxy gets it
	if _, err := v.Verify(t.Context(), r); err != nil {
		t.Error(err)
	}
}

// TestATargetCannotRunIntoTheHost: where only the origin is configured, a
// target without a slash would make another host of it, and a signature for an
// endpoint at that host would fit.
func TestATargetCannotRunIntoTheHost(t *testing.T) {
	t.Parallel()
	s, err := schemes.Template{
		Name: "acme", Signature: schemes.Header("X-Signature"), URL: "https://example.com", Content: "{url}\n{body}",
	}.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	verify := func(target, signed string) error {
		r := request("{}", "X-Signature", hexMAC(secret, signed+"\n{}"))
		r.URL = target
		_, err := verifier(t, s, remoteNow, secret).Verify(t.Context(), r)
		return err
	}
	for target, signed := range map[string]string{
		"/hook": "https://example.com/hook", "http://10.0.0.1/hook?a=b": "https://example.com/hook?a=b",
		"http://10.0.0.1": "https://example.com/", "http://10.0.0.1?a=b": "https://example.com/?a=b",
	} {
		if err := verify(target, signed); err != nil {
			t.Errorf("%s: %v", target, err)
		}
	}
	for _, rest := range []string{".example.net", "@example.net", ":8080", ".example.net/hook"} {
		for _, target := range []string{rest, "http://" + rest} {
			if err := verify(target, "https://example.com"+rest); err == nil {
				t.Errorf("%s: a signature for https://example.com%s is accepted", target, rest)
			}
		}
	}
}

func TestOnlyTheStrongVersionOfASignatureCounts(t *testing.T) {
	t.Parallel()
	now := time.Now()
	stamp := seconds(now)
	for name, r := range map[string]struct {
		subject string
		request *core.Request
	}{
		"stripe v0 alone": {"stripe", request("{}", "Stripe-Signature", "t="+stamp+",v0="+hexMAC(secret, stamp+".{}"))},
		"hook0 v0 alone":  {"hook0", request("{}", "X-Hook0-Signature", "t="+stamp+",v0="+hexMAC(secret, stamp+".{}"))},
		"github sha1":     {"github", request("{}", "X-Hub-Signature", "sha1="+hexSHA1(secret, "{}"))},
		"hubspot v1": {"hubspot", request("{}", "X-HubSpot-Signature", func() string {
			sum := sha256.Sum256([]byte(secret + "{}"))
			return base64.StdEncoding.EncodeToString(sum[:])
		}())},
	} {
		_, err := verifier(t, subjects()[r.subject].scheme, now, secret).Verify(t.Context(), r.request)
		if !errors.Is(err, core.ErrMissingHeader) && !errors.Is(err, core.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAStrippedSignatureOfARotationIsTheSameMessage(t *testing.T) {
	t.Parallel()
	now := time.Now()
	body := around("evt_1", nil, "id")
	stamp := seconds(now)
	next, old := "v1="+hexMAC(secret, stamp+"."+body), "v1="+hexMAC(stranger, stamp+"."+body)
	v := verifier(t, schemes.Stripe(), now, secret, stranger)
	wantSame(t, v, request(body, "Stripe-Signature", "t="+stamp+","+next+","+old), request(body, "Stripe-Signature", "t="+stamp+","+old))
}

// TestAValueOfPayOSBecomesNoOtherMember splits one signed text in two ways. The
// payer chose the description.
func TestAValueOfPayOSBecomesNoOtherMember(t *testing.T) {
	t.Parallel()
	sign := func(data, text string) *core.Request {
		return request(`{"code":"00","data":` + data + `,"signature":"` + hexMAC(secret, text) + `"}`)
	}
	v := verifier(t, schemes.PayOS(), time.Now(), secret)
	const text = "amount=1&description=x&orderCode=9&reference=r"
	for name, data := range map[string]string{
		"as it was cut by the sender": `{"amount":1,"description":"x","orderCode":9,"reference":"r"}`,
		"a number as text":            `{"amount":"1","description":"x","orderCode":9,"reference":"r"}`,
		"the body may say more":       `{"amount":1,"description":"x","orderCode":9,"reference":"r"},"success":false`,
	} {
		if _, err := v.Verify(t.Context(), sign(data, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantSame(t, v, sign(`{"amount":1,"description":"x","orderCode":9,"reference":"r"}`, text), sign(`{"amount":"1","description":"x","orderCode":9,"reference":"r"}`, text))
	for name, data := range map[string]string{
		"a member in a value":        `{"amount":1,"description":"x&orderCode=9","reference":"r"}`,
		"a member behind another":    `{"amount":"1&description=x","orderCode":9,"reference":"r"}`,
		"a name that is no name":     `{"amount":1,"description":"x","orderCode":9,"refer&ence":"r"}`,
		"a name that is there twice": `{"amount":1,"amount":1,"description":"x","orderCode":9,"reference":"r"}`,
		"a number has a fraction":    `{"amount":1.0,"description":"x","orderCode":9,"reference":"r"}`,
		"an exponent":                `{"amount":1e0,"description":"x","orderCode":9,"reference":"r"}`,
		"an object":                  `{"amount":{},"description":"x","orderCode":9,"reference":"r"}`,
	} {
		if _, err := v.Verify(t.Context(), sign(data, text)); !errors.Is(err, core.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, value := range []string{"a & b & c=d", "https://x.example/?a=1&amount=2", "Q&über=1"} {
		if _, err := v.Verify(t.Context(), sign(`{"description":"`+value+`"}`, "description="+value)); err != nil {
			t.Errorf("%q, whose ampersand begins no later member: %v", value, err)
		}
	}
}
