package schemes

import (
	"crypto/sha1" //nolint:gosec // Braintree has nothing better
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

// Braintree is the scheme of Braintree's notifications: a form with
// bt_signature and bt_payload and nothing else. The payload is XML in base64. A
// signature is HMAC-SHA1 of that text, with its line breaks, in hexadecimal
// behind the public key and "|"; "&" stands between several. The key of the
// HMAC is the SHA-1 of the private key.
//
// The secret is "public_key:private_key", or the private key alone, which
// answers no handshake. The payload identifies the message. Nobody says whether
// two events can have one payload, or whether a retry has the same one: a
// handled payload that comes again is not acknowledged. Its time is not looked
// at. The bytes of the form are not signed, the payload is: Message.BodySigned
// is false.
//
// Braintree asks for the endpoint with GET and a bt_challenge. It is answered,
// with the challenge's HMAC, only if handshake says so; the route must take GET
// as well. Nobody gets the signature of a message that way: only 20 to 32
// lower-case hexadecimal digits are signed, and a payload of such a length is
// refused.
//
// Source: www.npmjs.com/package/braintree/v/3.40.0, as of November 2026.
func Braintree(handshake Handshake) core.Scheme { return braintree{handshake} }

type braintree struct{ handshake Handshake }

const (
	braintreeSignature = "bt_signature"
	braintreePayload   = "bt_payload"
	braintreeChallenge = "bt_challenge"
	braintreeLongest   = 32 // of a challenge
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

// challengeOf is the challenge of the query, "" if there is none that may be
// signed.
func challengeOf(r *core.Request) string {
	text := tokenOf(r, braintreeChallenge)
	if len(text) < 20 || len(text) > braintreeLongest || !only(text, "0123456789abcdef") {
		return ""
	}
	return text
}

// braintreeKey is a private key, perhaps with its public one.
type braintreeKey struct {
	core.VerifyKey

	public string
	sum    func(text string) string // fmt prints no more of a function than its address
}

// ParseKey implements [core.Scheme].
func (braintree) ParseKey(text string) (core.VerifyKey, error) {
	public, private, ok := strings.Cut(text, ":")
	if !ok {
		public, private = "", text
	}
	if !isToken(private) || ok && !isToken(public) {
		return nil, errors.New("not the keys of Braintree's API: public_key:private_key is needed, or the private key alone")
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

// ReadHeader implements [core.Scheme]. All there is stands in the body.
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
		return malformed("the body is not a form with " + braintreeSignature + " and " + braintreePayload + ", each once, and nothing else")
	}
	payload, list := form.Get(braintreePayload), form.Get(braintreeSignature)
	if _, err := base64.StdEncoding.DecodeString(payload); err != nil || strings.Contains(payload, "\r") || len(payload) <= braintreeLongest {
		return malformed(braintreePayload + " is no notification in base64")
	}
	if len(list) > maxSignatureBytes || strings.Count(list, "&") >= maxSignatures {
		return malformed("more than " + strconv.Itoa(maxSignatures) + " signatures, or they are too long")
	}
	for pair := range strings.SplitSeq(list, "&") {
		if _, text, ok := strings.Cut(pair, "|"); ok && text != "" {
			a.Signatures = append(a.Signatures, core.Signature{Text: text})
		}
	}
	if len(a.Signatures) == 0 {
		return malformed(braintreeSignature + " has no signature behind a public key and \"|\"")
	}
	a.Content.WriteBody([]byte(payload))
	a.Indistinct = true
	return nil
}

// sign makes r a notification, of the payload that it has or else of its body.
func (s braintree) sign(r *core.Request, _ string, _ time.Time, secrets ...string) error {
	payload := base64.StdEncoding.EncodeToString(r.Body) + "\n"
	if form, err := url.ParseQuery(string(r.Body)); err == nil && len(form[braintreePayload]) == 1 {
		payload = form.Get(braintreePayload)
	}
	if len(payload) <= braintreeLongest {
		return malformed("the body is shorter than any notification of Braintree")
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
		return errors.New("schemes: no secret to sign with")
	}
	r.Body = []byte(url.Values{braintreeSignature: {strings.Join(pairs, "&")}, braintreePayload: {payload}}.Encode())
	return nil
}
