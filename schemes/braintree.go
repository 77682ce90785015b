package schemes

import (
	"crypto/sha1" //nolint:gosec // Braintree offers nothing better
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Braintree returns the scheme for Braintree notifications: a form that
// contains only bt_signature and bt_payload. The payload is base64-encoded XML.
// A signature is the public key, "|" and the hex-encoded HMAC-SHA1 of the
// encoded payload, including its line breaks. "&" separates several signatures.
// The key of the HMAC is the SHA-1 of the private key.
//
// The secret is "public_key:private_key", or only the private key. With only
// the private key, the endpoint cannot respond to handshakes. The payload
// identifies the message. Braintree does not document whether two events can
// have equal payloads, or whether a retry repeats its payload. A redelivery is
// therefore refused with [core.ErrRepeated]. The time in the payload is
// ignored. The signature covers the payload but not the bytes of the form, so
// Message.BodySigned is false.
//
// Braintree verifies the endpoint with a GET request that has a bt_challenge.
// The response is the HMAC of the challenge, and handshake says whether to send
// it. The route must accept GET as well. An attacker cannot use the challenge
// to get the signature of a message. Only challenges of 20 to 32 lower-case
// hexadecimal digits are signed, and a payload that short is rejected.
//
// Source: www.npmjs.com/package/braintree/v/3.40.0, as of November 2026.
func Braintree(handshake Handshake) core.Scheme { return braintree{handshake} }

type braintree struct{ handshake Handshake }

const (
	braintreeSignature = "bt_signature"
	braintreePayload   = "bt_payload"
	braintreeChallenge = "bt_challenge"
	braintreeLongest   = 32 // the maximum length of a challenge
)

func (braintree) Name() string            { return "braintree" }
func (braintree) Stamping() core.Stamping { return core.NotStamped }

// Facts implements [core.Describer].
func (s braintree) Facts() core.Facts {
	f := core.Facts{SignsHandshakes: s.handshake == AnswerHandshakes, Sign: s.sign}
	f.AwaitsHandshake = func(r *core.Request) bool {
		return f.SignsHandshakes && r.Method == http.MethodGet && challengeOf(r) != ""
	}
	f.AnswerHandshake = func(r *core.Request, key core.VerifyKey) *core.Answer {
		k, ok := key.(braintreeKey)
		challenge := challengeOf(r)
		if !ok || k.public == "" || len(r.Body) > 0 || challenge == "" {
			return nil
		}
		return plain(k.public + "|" + k.sum(challenge))
	}
	return f
}

// challengeOf returns the challenge in the query, or "" if there is none that
// is safe to sign.
func challengeOf(r *core.Request) string {
	text := tokenOf(r, braintreeChallenge)
	if len(text) < 20 || len(text) > braintreeLongest || !only(text, "0123456789abcdef") {
		return ""
	}
	return text
}

// braintreeKey is a private key, optionally with its public key.
type braintreeKey struct {
	core.VerifyKey

	public string
	sum    func(text string) string // a function, because fmt prints only a function's address
}

// ParseKey implements [core.Scheme].
func (braintree) ParseKey(text string) (core.VerifyKey, error) {
	public, private, ok := strings.Cut(text, ":")
	if !ok {
		public, private = "", text
	}
	if !isToken(private) || ok && !isToken(public) {
		return nil, errors.New("these are not Braintree API keys: write public_key:private_key, or the private key alone")
	}
	if err := notPublic(private); err != nil {
		return nil, err
	}
	digest := sha1.Sum([]byte(private)) //nolint:gosec // as above
	key, err := core.HMACKey("", HMACSHA1.is().hash, digest[:], core.Hex)
	if err != nil {
		return nil, err
	}
	sum := HMACSHA1.is().sum(digest[:], core.Hex, false)
	return braintreeKey{key, public, func(text string) string {
		var c core.Content
		c.WriteString(text)
		return sum(&c)
	}}, nil
}

// ReadHeader implements [core.Scheme]. Everything is in the body.
func (braintree) ReadHeader(r *core.Request, _ *core.Attempt) error {
	if r.Method == http.MethodGet {
		return missing("a form with " + braintreeSignature)
	}
	return nil
}

// ReadBody implements [core.Scheme].
func (braintree) ReadBody(r *core.Request, a *core.Attempt) error {
	form, err := url.ParseQuery(string(r.Body))
	if err != nil || len(form) != 2 || len(form[braintreeSignature]) != 1 || len(form[braintreePayload]) != 1 {
		return malformed("the body must be a form with exactly one " + braintreeSignature + ", one " + braintreePayload + " and nothing else")
	}
	payload, list := form.Get(braintreePayload), form.Get(braintreeSignature)
	// The decoder skips line breaks. The payload ends with "\n", and must be longer than any
	// challenge that we sign.
	if _, err := base64.StdEncoding.DecodeString(payload); err != nil || strings.Contains(payload, "\r") || len(payload) <= braintreeLongest {
		return malformed(braintreePayload + " is not base64, has a carriage return, or is too short for a notification")
	}
	if len(list) > maxSignatureBytes || strings.Count(list, "&") >= maxSignatures {
		return malformed("the list of signatures has more than " + strconv.Itoa(maxSignatures) + " entries, or more than " + strconv.Itoa(maxSignatureBytes) + " bytes")
	}
	for pair := range strings.SplitSeq(list, "&") {
		// Ignore the public key: it is not signed, and the HMAC shows whether the private key
		// matches.
		if _, text, ok := strings.Cut(pair, "|"); ok && text != "" {
			a.Signatures = append(a.Signatures, core.Signature{Text: text})
		}
	}
	if len(a.Signatures) == 0 {
		return malformed(braintreeSignature + " has no entry of the form public_key|signature")
	}
	a.Content.WriteBody([]byte(payload))
	a.Indistinct = true
	return nil
}

// sign turns r into a notification. It keeps the payload of r if there is one,
// or else makes one from the body.
func (s braintree) sign(r *core.Request, _ string, _ time.Time, secrets ...string) error {
	payload := base64.StdEncoding.EncodeToString(r.Body) + "\n"
	if form, err := url.ParseQuery(string(r.Body)); err == nil && len(form[braintreePayload]) == 1 {
		payload = form.Get(braintreePayload)
	}
	if len(payload) <= braintreeLongest {
		return malformed("the body is shorter than any Braintree notification")
	}
	var pairs []string
	for i, secret := range secrets {
		key, err := s.ParseKey(secret)
		if err != nil {
			return fmt.Errorf("secret %d of %d: %w", i+1, len(secrets), err)
		}
		if k, ok := key.(braintreeKey); ok {
			pairs = append(pairs, k.public+"|"+k.sum(payload))
		}
	}
	if len(pairs) == 0 {
		return errors.New("schemes: no secret to sign with: pass at least one")
	}
	r.Body = []byte(url.Values{braintreeSignature: {strings.Join(pairs, "&")}, braintreePayload: {payload}}.Encode())
	return nil
}
