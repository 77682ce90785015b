package schemes

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// JWT describes a sender whose signature is a JSON Web Token. [JWT.Scheme]
// turns the description into a [core.Scheme]. The token contains the SHA-256 of
// the body, or is itself the body, or is detached (see Detached). Describe
// other senders with a [Template].
//
//	schemes.JWT{
//		Name:  "acme",
//		Token: schemes.Header("Authorization"), Prefix: "Bearer ",
//		BodyHash: "payload_hash",
//		Time:     "iat", Stamping: core.StampedEachAttempt,
//		ID: schemes.JSON("event", "id"),
//	}.Scheme()
//
// The token states its signature algorithm, and only the configured algorithm
// is accepted. A token with an exp claim is rejected after that time.
//
// A key that also signs other tokens is dangerous if the body is the token, or
// if the token is Detached. An identity provider, for example, signs access
// tokens with the same keys. Anyone with an access token could send it as a
// message. Require something that only a message has: an Issuer of its own, an
// IDClaim or, with Detached, an ID. [core.Verifier.Verify] alone does not
// require the ID. If a message has none of these, check the event type in the
// handler. A BodyHash claim also protects you, if no other kind of token has
// that claim.
type JWT struct {
	// Name is as in [Template].
	Name string
	// Token is the header that holds the token, and Prefix is the text before
	// the token. If Token is the zero Field, the body is the token, of at most
	// 256 KiB. The handler gets such a body unchanged.
	Token  Field
	Prefix string
	// Detached says that the token has nothing between its two dots. The sender
	// signs the token as if the base64url-encoded body were there (RFC 7515,
	// appendix F). Such a token has no claims.
	Detached bool
	// Algorithm signs the token. HMACSHA256 stands for HS256, HMACSHA512 for
	// HS512, RSASHA256 for RS256, RSASHA512 for RS512, ECDSAP256 for ES256 and
	// Ed25519 for EdDSA.
	Algorithm Algorithm
	// Secret says how the text of a secret becomes a key.
	Secret SecretText
	// BodyHash is the claim with the hash of the body, for a token that does
	// not contain the body. Encoding is the encoding of the hash. Default:
	// [core.Hex]. In base64url, padding is ignored.
	BodyHash string
	Encoding core.Encoding
	// URLHash is the claim with the hash of the endpoint's public URL, if the
	// sender has such a claim. URL is as in [Template].
	URLHash string
	URL     string
	// Issuer is the required value of the iss claim. If Issuer is empty, any
	// issuer is accepted. Issuer distinguishes messages from other tokens of
	// the same key only if those tokens have another issuer.
	Issuer string
	// Time is the claim with the timestamp, iat or nbf. If it is iat and nbf is
	// later, nbf is the timestamp. Stamping says what that timestamp means.
	Time     string
	Stamping core.Stamping
	// ID says where the message id is in the body. If a claim holds the id
	// instead, IDClaim is that claim. The id is the same for all attempts. If a
	// message has no id (neither field is set, or IDOptional allows it), the
	// token without its signature identifies it. A Detached token identifies it
	// together with the body.
	ID         Field
	IDOptional bool
	IDClaim    string
	// Indistinct is as in [Template].
	Indistinct bool
}

// Scheme checks the description and returns a scheme. The error lists the
// mistakes together.
func (t JWT) Scheme() (core.Scheme, error) {
	s, err := t.build()
	if err != nil {
		return nil, err
	}
	return s, nil
}

// orUnusable is Scheme for a description that contains an application's values.
// [core.New] reports mistakes in them, so constructors need no error result.
func (t JWT) orUnusable() core.Scheme {
	s, err := t.build()
	if err != nil {
		return unusable{t.Name, err}
	}
	return s
}

func mustJWT(t JWT) *bodyJWT {
	s, err := t.build()
	if err != nil {
		panic(err)
	}
	return s
}

func (t JWT) build() (*bodyJWT, error) {
	// Collect all mistakes, so the program reports them all at once.
	s := &bodyJWT{t: t, alg: t.Algorithm.is().jwt}
	s.t.Encoding = cmp.Or(t.Encoding, core.Hex)
	var mistakes []error
	fail := func(text string) { mistakes = append(mistakes, errors.New(text)) }
	stamped := t.Stamping == core.StampedOnce || t.Stamping == core.StampedEachAttempt
	switch {
	case s.alg == "":
		fail("Algorithm must be one that JWTs use, such as HMACSHA256 or RSASHA256")
	case t.Algorithm.is().public != nil && t.Secret != Base64Text:
		fail("the secret is a public key in base64: set Secret to Base64Text")
	}
	switch {
	case t.Token.none() && (t.Prefix != "" || t.Detached || t.BodyHash != "" || !t.ID.none()):
		fail("without a Token, the body is the token: leave out Prefix, Detached, BodyHash and ID")
	case t.Token.none():
	case !t.Token.whole():
		fail("Token must be a Header, as in schemes.Header(\"Authorization\")")
	case t.Detached && (t.BodyHash != "" || t.URLHash != "" || t.Issuer != "" || t.Time != "" || t.IDClaim != ""):
		fail("a Detached token has no claims: leave out BodyHash, URLHash, Issuer, Time and IDClaim")
	case t.BodyHash == "" && !t.Detached:
		fail("BodyHash is missing: set it to the claim that has the body's hash, because a token that does not sign the body is valid for any body")
	}
	if s.t.Encoding > core.Base64URLPadded || t.Secret > Base64Text {
		fail("Encoding or Secret has an unknown value: use the constants of core and schemes")
	}
	switch {
	case t.Stamping == core.NotIdentified:
		fail("Stamping must not be NotIdentified: a JWT identifies each message by its signed content")
	case stamped != (t.Time == "iat" || t.Time == "nbf"):
		fail("Time and Stamping belong together: set Time to iat or nbf, and Stamping to say whether each attempt has its own time")
	}
	switch {
	case !t.ID.none() && !t.ID.inBody(), !t.ID.none() && t.IDClaim != "":
		fail("ID must be a JSON field, and cannot be combined with IDClaim")
	case t.IDOptional && t.ID.none():
		fail("IDOptional needs an ID: set ID, or leave out IDOptional")
	case t.Indistinct && (t.IDClaim != "" || !t.ID.none() && !t.IDOptional || t.Stamping == core.StampedEachAttempt):
		fail("Indistinct must not be set: a signed ID or each attempt's own time distinguishes messages")
	case (t.URLHash == "") != (t.URL == ""):
		fail("set both URLHash and URL, or neither")
	}
	// Template already has the rules for names, headers and addresses. Reuse them.
	same := Template{Name: t.Name, Signature: t.Token, Content: "{body}"}
	if t.Token.none() {
		same.Signature, same.bodyless = JSON("token"), true // there is no signature beside the body that could sign itself
	}
	if t.URL != "" {
		same.Content, same.URL = "{url}{body}", t.URL
	}
	base, err := same.build()
	if err != nil {
		mistakes = append(mistakes, err)
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, fmt.Errorf("schemes: JWT %q: %w", t.Name, err)
	}
	s.url = base.url
	return s, nil
}

// bodyJWT implements [JWT].
type bodyJWT struct {
	t   JWT
	alg string
	url address
}

func (s *bodyJWT) Name() string            { return s.t.Name }
func (s *bodyJWT) Stamping() core.Stamping { return s.t.Stamping }

// Facts implements [core.Describer].
func (s *bodyJWT) Facts() core.Facts {
	f := core.Facts{
		FreeText: s.t.Secret == Verbatim, PublicKeys: s.t.Algorithm.is().public != nil, IdentifiedBy: jsonPointer(s.t.ID.path),
	}
	if !s.t.Token.none() {
		f.Headers = [][]string{{s.t.Token.header}}
	}
	if s.url.text != "" {
		f.URL, f.At = s.url.text, func(url string) core.Scheme {
			t := s.t
			t.URL = url
			return t.orUnusable()
		}
	}
	switch {
	case f.PublicKeys:
		f.KeyText = s.t.Algorithm.is().keyText
	case !s.t.Token.none():
		f.Sign = s.sign
	}
	return f
}

// ParseKey implements [core.Scheme].
func (s *bodyJWT) ParseKey(text string) (core.VerifyKey, error) {
	raw, err := s.t.Secret.decode(text)
	if err != nil {
		return nil, err
	}
	// JWTs encode ECDSA signatures differently from other senders.
	if key := s.t.Algorithm.is().inJWT; key != nil {
		return key(s.alg, raw, core.Base64URL)
	}
	return s.t.Algorithm.is().key(s.alg, raw, core.Base64URL, false)
}

// ReadHeader implements [core.Scheme].
func (s *bodyJWT) ReadHeader(r *core.Request, a *core.Attempt) error {
	if s.t.Token.none() {
		return nil
	}
	text, err := s.t.Token.inHeader(r.Header, "")
	if err != nil {
		return err
	}
	text, ok := strings.CutPrefix(text, s.t.Prefix)
	if !ok {
		return malformed(s.t.Token.header + " does not start with " + fmt.Sprintf("%q", s.t.Prefix))
	}
	var token jwt
	if s.t.Detached {
		token, _, err = parseDetached(text, s.alg)
	} else if token, err = parseJWT(text, s.alg); err == nil {
		err = s.readClaims(token.claims, a)
	}
	if err != nil {
		return err
	}
	a.BodySigned = true
	a.Signatures = append(a.Signatures, core.Signature{Label: s.alg, Text: token.signature})
	a.State = &token
	return nil
}

// readClaims stores the times and the id in a, and checks the issuer.
func (s *bodyJWT) readClaims(claims object, a *core.Attempt) error {
	if err := s.readTimes(claims, a); err != nil {
		return err
	}
	if issuer, _ := claims.text("iss"); s.t.Issuer != "" && issuer != s.t.Issuer {
		return malformed("the issuer of the JWT is not " + s.t.Issuer)
	}
	if name := s.t.IDClaim; name != "" {
		id, ok := claims.text(name)
		if !ok || !visible(id) {
			return malformed("the JWT's claim " + fmt.Sprintf("%q", name) + " must be an id of 1 to 256 printable ASCII characters without spaces")
		}
		a.ID, a.IDSigned = id, true
	}
	return nil
}

// readTimes stores the timestamp and the expiry. If the token becomes valid
// only after iat, nbf is the timestamp. So core rejects a token that is not
// valid yet as one from the future.
func (s *bodyJWT) readTimes(claims object, a *core.Attempt) error {
	var at [3]time.Time
	for i, name := range []string{"iat", "nbf", "exp"} {
		if _, there := claims[name]; !there {
			if name == s.t.Time {
				return malformed("the JWT has no time in the claim \"" + name + "\"")
			}
			continue
		}
		t, ok := claims.seconds(name)
		if !ok {
			return malformed("\"" + name + "\" in the JWT must be a whole number of seconds")
		}
		at[i] = t
	}
	switch s.t.Time {
	case "iat":
		a.Timestamp = at[0]
		if at[1].After(at[0]) {
			a.Timestamp = at[1]
		}
	case "nbf":
		a.Timestamp = at[1]
	}
	a.Expires = at[2]
	return nil
}

// ReadBody implements [core.Scheme].
func (s *bodyJWT) ReadBody(r *core.Request, a *core.Attempt) error {
	if s.t.Token.none() {
		return s.readWhole(r, a)
	}
	token, ok := a.State.(*jwt)
	if !ok {
		return malformed("ReadBody was called without ReadHeader")
	}
	if err := s.checkURL(r, token.claims); err != nil {
		return err
	}
	a.Content.WriteString(token.signed)
	if s.t.Detached {
		// RFC 7515: the signed text is the header, a dot and the base64url-encoded body.
		a.Content.WriteString(".")
		a.Content.WriteBody(base64.RawURLEncoding.AppendEncode(nil, r.Body))
	} else if !s.holds(token.claims, s.t.BodyHash, r.Body) {
		return noMatch("the claim %q of the JWT is missing or does not match the body: does something upstream change the body?", s.t.BodyHash)
	}
	switch id, ok := find(r.Body, s.t.ID.path); {
	case s.t.IDClaim != "":
		a.Stable = append(a.Stable, r.Body)
	case s.t.ID.none():
	case ok && visible(string(id)):
		a.ID, a.IDSigned, a.Stable = string(id), true, append(a.Stable, r.Body)
	case ok || !s.t.IDOptional:
		a.Unidentified = malformed("the id at " + strings.Join(s.t.ID.path, ".") + " in the body is missing, or is not 1 to 256 printable ASCII characters without spaces")
	}
	a.Indistinct = s.t.Indistinct && !a.IDSigned
	return nil
}

// readWhole reads a body that is itself the token.
func (s *bodyJWT) readWhole(r *core.Request, a *core.Attempt) error {
	if len(r.Body) > maxLong {
		return &core.Error{Reason: core.ErrBodyTooLarge, Detail: "the token in the body is longer than 256 KiB, which is the limit"}
	}
	token, err := parseLongJWT(string(r.Body), s.alg)
	if err != nil {
		return err
	}
	if err := s.readClaims(token.claims, a); err != nil {
		return err
	}
	if err := s.checkURL(r, token.claims); err != nil {
		return err
	}
	a.BodySigned = !s.t.Algorithm.is().malleable // an ECDSA signature is part of the body and can be rewritten without the private key
	a.Signatures = append(a.Signatures, core.Signature{Label: s.alg, Text: token.signature})
	a.State = &token
	a.Content.WriteString(token.signed)
	if a.IDSigned {
		// A retry has new time claims, so attempts are compared without those.
		a.Stable = append(a.Stable, untimed(token.claims))
	}
	a.Indistinct = s.t.Indistinct && !a.IDSigned
	return nil
}

// untimed returns the claims that are equal in all attempts of a message: all
// except the times. A length precedes each value, so two different sets of
// claims never yield the same text.
func untimed(claims object) []byte {
	var text []byte
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		// These differ between attempts.
		if name != "iat" && name != "nbf" && name != "exp" {
			text = fmt.Appendf(text, "%q:%d:%s", name, len(claims[name]), claims[name])
		}
	}
	return text
}

// checkURL checks the hash of the public URL, if the scheme has one.
func (s *bodyJWT) checkURL(r *core.Request, claims object) error {
	if s.t.URLHash == "" {
		return nil
	}
	var address core.Content
	if !s.url.write(r, &address) || !s.holds(claims, s.t.URLHash, address.Bytes()) {
		return noMatch("the claim %q of the JWT is missing or does not match the URL: is JWT.URL the public URL, as registered with the sender?", s.t.URLHash)
	}
	return nil
}

// holds reports whether a claim is the hash of data.
func (s *bodyJWT) holds(claims object, name string, data []byte) bool {
	text, ok := claims.text(name)
	hash := s.hash(data)
	if s.t.Encoding == core.Base64URL || s.t.Encoding == core.Base64URLPadded {
		text, hash = strings.TrimRight(text, "="), strings.TrimRight(hash, "=")
	}
	return ok && text == hash
}

func (s *bodyJWT) hash(data []byte) string {
	sum := sha256.Sum256(data)
	return string(s.t.Encoding.AppendEncode(nil, sum[:]))
}

// sign is [core.Facts].Sign.
func (s *bodyJWT) sign(r *core.Request, id string, at time.Time, secrets ...string) error {
	h, _ := r.Header.(http.Header)
	// A token has one signature, so it cannot be signed with two secrets.
	if len(secrets) != 1 {
		return fmt.Errorf("schemes: %s signs with one secret, not %d", s.t.Name, len(secrets))
	}
	if _, err := s.ParseKey(secrets[0]); err != nil {
		return fmt.Errorf("secret 1 of 1: %w", err)
	}
	raw, err := s.t.Secret.decode(secrets[0])
	if err != nil {
		return err
	}
	if s.t.ID.inBody() && id != "" {
		body, ok := replaceAt(r.Body, s.t.ID.path, id)
		if !ok {
			return malformed("at " + strings.Join(s.t.ID.path, ".") + ", the body needs a number, or a string without escapes, because this sender puts its signed id there: add a placeholder such as \"\"")
		}
		r.Body = body
	}
	claims := map[string]any{ // senders' libraries require iss, jti and exp, with any value
		s.t.BodyHash: s.hash(r.Body), "exp": at.Add(5 * time.Minute).Unix(),
		"iss": cmp.Or(s.t.Issuer, s.t.Name), cmp.Or(s.t.IDClaim, "jti"): cmp.Or(id, s.lastID(h), core.NewID()),
	}
	switch {
	case s.t.Time != "":
		claims[s.t.Time] = at.Unix()
	default:
		delete(claims, "exp") // a sender without a timestamp has no expiry either
	}
	if s.t.URLHash != "" {
		var address core.Content
		s.url.write(r, &address)
		claims[s.t.URLHash] = s.hash(address.Bytes())
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return err
	}
	part := base64.RawURLEncoding.EncodeToString
	header := part([]byte(`{"alg":"` + s.alg + `","typ":"JWT"}`))
	signed, shown := header+"."+part(text), header+"."+part(text)
	if s.t.Detached {
		signed, shown = header+"."+part(r.Body), header+"."
	}
	var c core.Content
	c.WriteString(signed)
	h[s.t.Token.header] = []string{s.t.Prefix + shown + "." + s.t.Algorithm.is().sum(raw, core.Base64URL, false)(&c)}
	return nil
}

// lastID returns the id in the token of a request that was signed before. With
// that id, signing the request again produces another attempt of the same
// message.
func (s *bodyJWT) lastID(h http.Header) string {
	a := new(core.Attempt)
	if s.ReadHeader(&core.Request{Header: h}, a) != nil {
		return ""
	}
	return a.ID
}
