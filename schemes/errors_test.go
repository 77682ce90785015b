package schemes_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

func adyenBody(amount string) string {
	return `{"notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":"AAAA"},"amount":` + amount + `}}]}`
}

// Each text must be true for the condition that returned it.
func TestEachConditionHasATrueText(t *testing.T) {
	t.Parallel()
	at := func(url string, headers ...string) *core.Request {
		r := request(`{}`, headers...)
		r.URL = url
		return r
	}
	template := func(t schemes.Template) core.Scheme {
		s, err := t.Scheme()
		if err != nil {
			panic(err)
		}
		return s
	}
	signedURL := []string{"X-Square-Hmacsha256-Signature", "AAAA"}
	for name, tt := range map[string]struct {
		scheme core.Scheme
		r      *core.Request
		want   string
	}{
		"one notification without clientState": {
			schemes.DangerouslyReplayableGraph(schemes.IgnoreHandshakes), request(`{"value":[{}]}`), "a notification has no clientState",
		},
		"a query that is no query": {schemes.DangerouslyReplayableEventGrid("key"), at("/hook?key=%zz"), "invalid URL encoding"},
		"no such parameter":        {schemes.DangerouslyReplayableEventGrid("key"), at("/hook"), "the parameter key occurs 0 times in the URL"},
		"a target that is no path": {schemes.Square("https://example.com/hook?a=1"), at("evil?a=1", signedURL...), "the request target must be a path"},
		"another query":            {schemes.Square("https://example.com/hook?a=1"), at("/hook?a=2", signedURL...), "differs from the query of the configured URL"},
		"an X body":                {schemes.X(schemes.IgnoreHandshakes), request("token", "X-Twitter-Webhooks-Signature", "sha256=AAAA"), `does not start with "{"`},
		"SNS without an id": {
			schemes.SNS(schemes.SNSOptions{}),
			request(`{"Type":"Notification","Timestamp":"2026-11-01T00:00:00.000Z","MessageId":"1","Signature":"AAAA","SignatureVersion":"2","Message":"m"}`),
			"TopicArn in the body is missing or is not a string",
		},
		"Hygraph with a space in env": {
			schemes.Hygraph(), request("{}", "Gcms-Signature", "sign=AAAA, env=a b, t=1700000000000"), "env in Gcms-Signature must be 1 to 256",
		},
		"a Hygraph body that is not UTF-8": {schemes.Hygraph(), request("\xff", "Gcms-Signature", "sign=AAAA, env=master, t=1700000000000"), "the body is not UTF-8"},
		"a signed header with a space at its end": {
			template(schemes.Template{Name: "x", Content: "{header:X-Topic}.{body}", Signature: schemes.Header("X-S")}),
			request("{}", "X-S", "AAAA", "X-Topic", "order created "), "no space at either end",
		},
		"two names in a body that differ in case": {
			schemes.SNS(schemes.SNSOptions{}), request(`{"Type":"Notification","type":"x"}`), "are equal or differ only in case",
		},
		"a time that is in neither unit": {
			template(schemes.Template{
				Name: "x", Content: "{timestamp}:{body}", Signature: schemes.Header("X-S"), Timestamp: schemes.Header("X-T"), Unit: schemes.UnixTime,
				Stamping: core.StampedOnce,
			}),
			request("{}", "X-S", "AAAA", "X-T", "now"), "in seconds or milliseconds",
		},
		"an id in the body that has escapes": {
			template(schemes.Template{Name: "x", Content: "{id}.{body}", Signature: schemes.Header("X-S"), ID: schemes.JSON("id")}),
			request(`{"id":"\u0041"}`, "X-S", "AAAA"), "a number, or a string without escapes",
		},
		"Adyen with a fraction": {schemes.Adyen(), request(adyenBody(`{"value":1.5,"currency":"EUR"}`)), "amount.value in the body must be a whole number"},
		"Adyen with a number for a text": {
			schemes.Adyen(), request(adyenBody(`{"value":1,"currency":7}`)), "currency in the body must be a string",
		},
		"payOS with a long number": {schemes.PayOS(), request(`{"data":{"amount":1234567890123456},"signature":"00"}`), "whole number of up to 15 digits"},
	} {
		a := new(core.Attempt)
		err := tt.scheme.ReadHeader(tt.r, a)
		if err == nil {
			err = tt.scheme.ReadBody(tt.r, a)
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	s := newPubSub(t)
	claims := s.claims()
	delete(claims, "exp")
	if _, err := s.newVerifier(pubsubEmail).Verify(t.Context(), pubsubRequest("Bearer "+s.token(pubsubHeader(), claims))); err == nil ||
		!strings.Contains(err.Error(), "is missing or is not a whole number of seconds") {
		t.Errorf("a token without exp: %v", err)
	}
}

// Each text about an argument must be true for the argument that caused it.
func TestEachMistakeInAnArgumentHasATrueText(t *testing.T) {
	t.Parallel()
	set := func(s core.Scheme) core.Scheme {
		return schemes.KeySet(s, schemes.KeySetOptions{Hosts: []string{"keys.example.com"}})
	}
	for name, tt := range map[string]struct {
		scheme core.Scheme
		want   string
	}{
		"a key set for a scheme with a mistake":    {set(schemes.HTTPSignatures(schemes.SignatureProfile{})), "the URL is empty"},
		"a key set for a scheme of shared secrets": {set(schemes.GitHub()), "github does not verify with public keys"},
	} {
		if err := core.FactsOf(tt.scheme).Mistake; err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(private.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	scheme := schemes.HTTPSignatures(schemes.SignatureProfile{URL: msgURL})
	if _, err := scheme.ParseKey(base64.StdEncoding.EncodeToString(der)); err == nil || !strings.Contains(err.Error(), "neither an Ed25519, an ECDSA nor an RSA key") {
		t.Errorf("a key for another purpose: %v", err)
	}
}

func TestARequiredComponentThatCannotBeIsNamedWithItsReason(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Host":         "is not a lower-case header name",
		"host":         `"@authority"`,
		"@status":      "is not supported for requests",
		"@query-param": `use "@query" instead`,
	} {
		scheme := schemes.HTTPSignatures(schemes.SignatureProfile{URL: msgURL, Required: []string{"content-digest", name}})
		if err := core.FactsOf(scheme).Mistake; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

func TestAnyNamesWhatDiffersBetweenItsSchemes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		one, other core.Scheme
		want       string
	}{
		"the id":                {schemes.Stripe(), schemes.Slack(), "identify messages differently (by the id at /id in the body and by the id at /event_id in the body)"},
		"the time, with one id": {schemes.Stripe(), schemes.Alchemy(), "differ in Stamping"},
	} {
		_, err := schemes.Any("both", tt.one, tt.other)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
