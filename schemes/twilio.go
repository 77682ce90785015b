package schemes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// Twilio returns the scheme for Twilio webhooks. The X-Twilio-Signature header
// holds a base64-encoded HMAC. url is the endpoint's public URL, as in
// [Template].URL. Twilio signs some URLs with the default port and some without
// it. Both forms are accepted, and count as the same message.
//
// The signature is an HMAC-SHA1 under the auth token. A request that is signed
// with a shared key says so in X-Twilio-Webhooks-Signature-Settings. If that
// header names HMAC_SHA256, no other algorithm is accepted. The secrets may
// include both the auth token and shared keys.
//
// For a form, Twilio signs the URL and the sorted parameters, with no separator
// between a name and its value. This lets an attacker resend "To=1" as "T=o1"
// under the same signature. Message.BodySigned is therefore false, and the
// changed form counts as the same message. For any other body, Twilio signs the
// URL, which then must end with the bodySHA256 parameter. Pass url without that
// parameter.
//
// Two events may have the same signed text, as in a call menu that leads back
// to itself. The I-Twilio-Idempotency-Token header is not signed. Together with
// the signed text it identifies the message, up to the limit in
// [core.Config].Repeats. Twilio executes the response to a call. A request with
// a CallSid is therefore never acknowledged with an empty body: the handler
// runs again. Attempts have no signed timestamp.
//
// Source: twilio/twilio-node, src/webhooks/webhooks.ts at commit 044e3f8, as of
// November 2026.
func Twilio(url string) core.Scheme {
	if target, _, err := twilioDigest(url); err == nil {
		url = target // drop a digest, which belongs to one message
	}
	t := twilio{under: make(map[string]*templated)}
	for name, algorithm := range map[string]Algorithm{twilioSHA1: HMACSHA1, twilioSHA256: HMACSHA256} {
		s, err := Template{
			Name: "twilio", Signature: Header("X-Twilio-Signature"), Algorithm: algorithm, Encoding: core.Base64,
			ID: Header("I-Twilio-Idempotency-Token"), IDOptional: true, Indistinct: true,
			Content: "{url}", URL: url, bodyless: true,
		}.build()
		if err != nil {
			return unusable{"twilio", err}
		}
		s.label = name // the label of signatures and keys, so a key never verifies a signature of the other algorithm
		t.under[name] = s
	}
	t.templated = t.under[twilioSHA1]
	t.origin, t.other = defaultPort(url)
	return t
}

// Twilio's names for the algorithms, and the header that contains them.
const (
	twilioSHA1   = "HMAC_SHA1"
	twilioSHA256 = "HMAC_SHA256"

	twilioSettings = "X-Twilio-Webhooks-Signature-Settings"
)

type twilio struct {
	*templated // the template with SHA-1, the default

	under         map[string]*templated
	origin, other string // the beginning of the signed text, and its other form, which is empty if there is none
}

// Facts implements [core.Describer].
func (t twilio) Facts() core.Facts {
	f := t.facts(t, t.prepare)
	f.Headers[0] = append(f.Headers[0], twilioSettings)
	f.At = Twilio
	return f
}

// ParseKey implements [core.Scheme]. A secret may be a shared key or the auth
// token, so it becomes one key for each algorithm.
func (t twilio) ParseKey(text string) (core.VerifyKey, error) {
	k := twilioKey{origin: t.origin, other: t.other}
	for _, s := range t.under {
		key, err := s.ParseKey(text)
		if err != nil {
			return nil, err
		}
		k.keys = append(k.keys, key)
	}
	return k, nil
}

// ReadHeader implements [core.Scheme].
func (t twilio) ReadHeader(r *core.Request, a *core.Attempt) error {
	name, err := twilioAlgorithm(r.Header.Values(twilioSettings))
	if err != nil {
		return err
	}
	return t.under[name].ReadHeader(r, a)
}

// twilioAlgorithm reads the settings: "key=…,algorithm=HMAC_SHA256". The
// settings are not signed. That is safe, because the signature does not verify
// with another algorithm.
func twilioAlgorithm(settings []string) (string, error) {
	switch {
	case len(settings) == 0:
		return twilioSHA1, nil
	case len(settings) > 1:
		return "", malformed(twilioSettings + " appears " + strconv.Itoa(len(settings)) + " times: cannot tell which one counts")
	case len(settings[0]) > maxSignatureBytes:
		return "", malformed(twilioSettings + " is longer than " + strconv.Itoa(maxSignatureBytes) + " bytes")
	}
	named := make(map[string]string, 2)
	for entry := range strings.SplitSeq(settings[0], ",") {
		name, value, ok := strings.Cut(entry, "=")
		name = strings.TrimSpace(name)
		if _, twice := named[name]; !ok || twice {
			return "", malformed(twilioSettings + " is not a list of key=value pairs with distinct keys")
		}
		named[name] = strings.ToUpper(strings.TrimSpace(value))
	}
	switch name := named["algorithm"]; name {
	case twilioSHA1, twilioSHA256:
		return name, nil
	case "":
		return "", malformed(twilioSettings + " names no algorithm")
	default:
		return "", malformed(twilioSettings + " names an algorithm other than HMAC_SHA1 and HMAC_SHA256")
	}
}

// twilioKey verifies both forms of the signed text. It never changes the
// attempt's content, which identifies the message and must be the same for both
// forms.
type twilioKey struct {
	keys          []core.VerifyKey // one for each algorithm
	origin, other string
}

// Verify implements [core.VerifyKey].
func (k twilioKey) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	if ok, err := k.verify(ctx, a); ok || err != nil || k.other == "" {
		return ok, err
	}
	rest, ok := strings.CutPrefix(string(a.Content.Bytes()), k.origin)
	if !ok {
		return false, nil
	}
	// Use a separate attempt, so the content of a remains the identity.
	form := core.Attempt{Signatures: a.Signatures}
	form.Content.WriteString(k.other + rest)
	return k.verify(ctx, &form)
}

func (k twilioKey) verify(ctx context.Context, a *core.Attempt) (bool, error) {
	for _, key := range k.keys {
		if ok, err := key.Verify(ctx, a); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// defaultPort returns the scheme and the host of a URL as origin. In other, the
// scheme's default port is added or removed. other is empty if the URL has any
// other port.
func defaultPort(address string) (origin, other string) {
	scheme, rest, _ := strings.Cut(address, "://")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	host, port := rest[:end], ":443"
	if strings.EqualFold(scheme, "http") {
		port = ":80"
	}
	origin = scheme + "://" + host
	if plain, ok := strings.CutSuffix(origin, port); ok {
		return origin, plain
	}
	if strings.Contains(host[strings.LastIndexByte(host, ']')+1:], ":") {
		return origin, ""
	}
	return origin, origin + port
}

// ReadBody implements [core.Scheme].
func (t twilio) ReadBody(r *core.Request, a *core.Attempt) error {
	target, sum, err := twilioDigest(r.URL)
	if err != nil {
		return err
	}
	signed := *r
	// Verify the URL without the digest, which is not part of the configured URL.
	signed.URL = target
	if err := t.templated.ReadBody(&signed, a); err != nil {
		return err
	}
	// If there is no path, the rest could continue the port of the other form: ":443" and "0".
	if rest := a.Content.Bytes()[len(t.origin):]; len(rest) > 0 && rest[0] != '/' && rest[0] != '?' {
		return malformed(otherTarget)
	}
	_, query, _ := strings.Cut(target, "?")
	form := newForm()
	defer form.release()
	if len(r.Body) == 0 && readForm(form, query) {
		a.Reply = form.has(twilioCall)
	}
	// Check a digest regardless of the content type, which is not signed.
	if sum != "" {
		a.Content.WriteString(sum)
		got := sha256.Sum256(r.Body)
		var text [2 * sha256.Size]byte
		if hex.Encode(text[:], got[:]); sum[len(sum)-len(text):] != string(text[:]) {
			return noMatch("bodySHA256 in the URL is not the hash of this body: was the body changed on the way?")
		}
		a.BodySigned = true
		return nil
	}
	if len(r.Body) == 0 {
		return nil // a GET, with its parameters in the URL
	}
	if !hasType(r.Header, formType) {
		return malformed("the body is not a form, and the URL has no bodySHA256 to sign it")
	}
	if !readForm(form, r.Body) {
		return malformed("the body is not a valid form")
	}
	a.Reply = form.has(twilioCall)
	// Twilio's library signs a repeated pair once.
	form.pairs = slices.CompactFunc(form.pairs, func(a, b pair) bool { return a.compare(b) == 0 })
	form.write(&a.Content, "", "")
	return nil
}

// prepare selects the algorithm in the settings. If the body is not a form,
// prepare adds the body's hash to the URL, which is what Twilio signs.
func (t twilio) prepare(s *signing) {
	r := s.r
	if name, err := twilioAlgorithm(r.Header.Values(twilioSettings)); err == nil {
		s.templated = t.under[name]
	}
	path, query, _ := strings.Cut(r.URL, "?")
	pairs := slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool { return pair == "" || strings.HasPrefix(pair, bodySHA256) })
	if len(r.Body) > 0 && !hasType(r.Header, formType) {
		sum := sha256.Sum256(r.Body)
		r.URL = path + "?" + strings.Join(append(pairs, bodySHA256+hex.EncodeToString(sum[:])), "&")
	}
}

// twilioCall is a parameter of every request that asks what a call does next. A
// call's status reports have it too, so the handler also runs again for those.
const twilioCall = "CallSid"

const bodySHA256 = "bodySHA256="

// twilioDigest splits the digest, with its separator, from the end of the
// request's URL, where Twilio puts it. Anywhere else it may be a form parameter
// that a stranger chose, since in the signed text the parameters directly
// follow the URL.
func twilioDigest(url string) (target, sum string, err error) {
	_, query, _ := strings.Cut(url, "?")
	if !strings.Contains(query, bodySHA256) {
		return url, "", nil
	}
	i := len(url) - len(bodySHA256) - 2*sha256.Size - 1
	if i < 0 || url[i] != '?' && url[i] != '&' || !strings.HasPrefix(url[i+1:], bodySHA256) || strings.Count(query, bodySHA256) != 1 {
		return "", "", malformed("bodySHA256 must be the last parameter of the URL, occur once and have 64 characters")
	}
	return url[:i], url[i:], nil
}
