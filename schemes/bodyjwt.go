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

// JWT describes a sender whose signature is a JSON Web Token; [JWT.Scheme]
// turns it into a [core.Scheme]. The token holds the SHA-256 of the body, or is
// the body, or is Detached from it. Describe other senders with a [Template].
//
//	schemes.JWT{
//		Name:  "acme",
//		Token: schemes.Header("Authorization"), Prefix: "Bearer ",
//		BodyHash: "payload_hash",
//		Time:     "iat", Stamping: core.StampedEachAttempt,
//		ID: schemes.JSON("event", "id"),
//	}.Scheme()
//
// The token states the algorithm that signed it, and only the configured one is
// accepted. If the token has an exp, it is rejected after that time.
//
// A key that also signs other tokens is dangerous if the body is the token, or
// if the token is Detached. An identity provider signs access tokens with the
// same key set, and anybody who has one could send it as a message. Require
// something that only a message has: an Issuer of its own, an IDClaim, or, with
// Detached, an ID. [core.Verifier.Verify] alone does not require the ID.
// Otherwise check the type of the event in the handler. A BodyHash claim that
// no other token has is enough.
type JWT struct {
	// Name is as in [Template].
	Name string
	// Token is the header that holds the token, and Prefix the text before it.
	// If Token is none, the body is the token, with up to 256 KiB. The handler
	// gets such a body unchanged.
	Token  Field
	Prefix string
	// Detached says that the token has nothing between its dots. The sender
	// signs it with the body in that place, in base64url (RFC 7515, appendix
	// F). Such a token has no claims.
	Detached bool
	// Algorithm signs the token: HMACSHA256 is HS256, HMACSHA512 HS512,
	// RSASHA256 RS256, RSASHA512 RS512, ECDSAP256 ES256 and Ed25519 EdDSA.
	Algorithm Algorithm
	// Secret is how the text of a secret becomes a key.
	Secret SecretText
	// BodyHash is the claim with the hash of the body, for a token that does
	// not hold the body. Encoding is how the hash is encoded, by default
	// [core.Hex]. Padding after [core.Base64URL] is ignored.
	BodyHash string
	Encoding core.Encoding
	// URLHash is a claim with the hash of the public address, if the sender has
	// one; URL is as in [Template].
	URLHash string
	URL     string
	// Issuer is the required value of iss. If it is empty, any issuer is
	// accepted. It distinguishes messages from other tokens of the same key
	// only if those have another issuer.
	Issuer string
	// Time is the claim with the timestamp, iat or nbf. Stamping says what that
	// time means.
	Time     string
	Stamping core.Stamping
	// ID is the message id in the body; IDClaim is the claim that holds it
	// instead. The id is the same for all attempts. Without an id, the token
	// without its signature identifies the message, and a Detached one together
	// with the body.
	ID         Field
	IDOptional bool
	IDClaim    string
	// Indistinct is as in [Template].
	Indistinct bool
}

// Scheme checks the description and returns a scheme. The error lists every
// mistake.
func (t JWT) Scheme() (core.Scheme, error) {
	s, err := t.build()
	if err != nil {
		return nil, err
	}
	return s, nil
}

// orUnusable is for a description with values from the program. [core.New]
// reports a mistake in it, so constructors need no error result.
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
	// Collect all mistakes, so one run of a program shows every one of them.
	s := &bodyJWT{t: t, alg: t.Algorithm.is().jwt}
	s.t.Encoding = cmp.Or(t.Encoding, core.Hex)
	var mistakes []error
	fail := func(text string) { mistakes = append(mistakes, errors.New(text)) }
	stamped := t.Stamping == core.StampedOnce || t.Stamping == core.StampedEachAttempt
	switch {
	case s.alg == "":
		fail("Algorithm is not one that signs a JWT")
	case t.Algorithm.is().public != nil && t.Secret != Base64Text:
		fail("the secret is a public key in base64: set Secret to Base64Text")
	}
	switch {
	case t.Token.none() && (t.Prefix != "" || t.Detached || t.BodyHash != "" || !t.ID.none()):
		fail("without a Token the body is the token: leave out Prefix, Detached, BodyHash and ID")
	case t.Token.none():
	case !t.Token.whole():
		fail("Token must be a Header")
	case t.Detached && (t.BodyHash != "" || t.URLHash != "" || t.Issuer != "" || t.Time != "" || t.IDClaim != ""):
		fail("a Detached token has no claims: leave out BodyHash, URLHash, Issuer, Time and IDClaim")
	case t.BodyHash == "" && !t.Detached:
		fail("BodyHash is missing: name its claim, because a token that does not sign the body is valid for any body")
	}
	if s.t.Encoding > core.Base64URL || t.Secret > Base64Text {
		fail("Encoding or Secret is not one of the constants")
	}
	switch {
	case t.Stamping == core.NotIdentified:
		fail("Stamping must not be NotIdentified: signed bytes always identify themselves")
	case stamped != (t.Time == "iat" || t.Time == "nbf"):
		fail("Time and Stamping belong together: set Time to iat or nbf, and Stamping to say whether each attempt has its own time")
	}
	switch {
	case !t.ID.none() && !t.ID.inBody(), !t.ID.none() && t.IDClaim != "":
		fail("ID must be a JSON field, and cannot be combined with IDClaim")
	case t.IDOptional && t.ID.none():
		fail("IDOptional needs an ID")
	case t.Indistinct && (t.IDClaim != "" || !t.ID.none() && !t.IDOptional || t.Stamping == core.StampedEachAttempt):
		fail("Indistinct must not be set: a signed ID or each attempt's own time distinguishes messages")
	case (t.URLHash == "") != (t.URL == ""):
		fail("set both URLHash and URL or neither")
	}
	// Template already has the rules for names, headers and addresses. Reuse them.
	same := Template{Name: t.Name, Signature: t.Token, Content: "{body}"}
	if t.Token.none() {
		same.Signature = JSON("token")
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
	if !f.PublicKeys && !s.t.Token.none() {
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
	// JWTs write ECDSA signatures differently than other senders do.
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
			return malformed("the JWT's claim " + fmt.Sprintf("%q", name) + " is not an id of 1 to 256 printable ASCII characters")
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
		// RFC 7515: the signed text is the header, a dot and the base64url of the body.
		a.Content.WriteString(".")
		a.Content.WriteBody(base64.RawURLEncoding.AppendEncode(nil, r.Body))
	} else if !s.holds(token.claims, s.t.BodyHash, r.Body) {
		return noMatch("the body does not match the hash in the JWT: does something upstream change the body?")
	}
	switch id, ok := find(r.Body, s.t.ID.path); {
	case s.t.IDClaim != "":
		a.Stable = append(a.Stable, r.Body)
	case s.t.ID.none():
	case ok && visible(string(id)):
		a.ID, a.IDSigned, a.Stable = string(id), true, append(a.Stable, r.Body)
	case ok || !s.t.IDOptional:
		a.Unidentified = malformed("the body has no id at " + strings.Join(s.t.ID.path, ".") + " of 1 to 256 printable ASCII characters")
	}
	a.Indistinct = s.t.Indistinct && !a.IDSigned
	return nil
}

// readWhole reads a body that is itself the token.
func (s *bodyJWT) readWhole(r *core.Request, a *core.Attempt) error {
	if len(r.Body) > maxLong {
		return &core.Error{Reason: core.ErrBodyTooLarge, Detail: "the token in the body is longer than 256 KiB"}
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
	a.BodySigned = !s.t.Algorithm.is().malleable // an ECDSA signature is part of the body and can be rewritten
	a.Signatures = append(a.Signatures, core.Signature{Label: s.alg, Text: token.signature})
	a.State = &token
	a.Content.WriteString(token.signed)
	if a.IDSigned {
		// A retry has new times, so attempts are compared without them.
		a.Stable = append(a.Stable, untimed(token.claims))
	}
	a.Indistinct = s.t.Indistinct && !a.IDSigned
	return nil
}

// untimed returns the claims that are equal in all attempts of a message: all
// but the times. The length before each value keeps two sets of claims from
// having one text.
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

// checkURL checks the hash of the address, if the scheme has one.
func (s *bodyJWT) checkURL(r *core.Request, claims object) error {
	if s.t.URLHash == "" {
		return nil
	}
	var address core.Content
	if !s.url.write(r, &address) || !s.holds(claims, s.t.URLHash, address.Bytes()) {
		return noMatch("the URL does not match the hash in the JWT: is JWT.URL the public URL, as registered with the sender?")
	}
	return nil
}

// holds reports whether a claim is the hash of data.
func (s *bodyJWT) holds(claims object, name string, data []byte) bool {
	text, ok := claims.text(name)
	if s.t.Encoding == core.Base64URL {
		text = strings.TrimRight(text, "=")
	}
	return ok && text == s.hash(data)
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
			return malformed("the body has nothing at " + strings.Join(s.t.ID.path, ".") + ", where this sender puts its signed id: put a placeholder there")
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
		delete(claims, "exp") // a sender without a time has no expiry either
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

// lastID returns the id in the token of a request that was signed before. So
// signing it again makes another attempt of the same message.
func (s *bodyJWT) lastID(h http.Header) string {
	a := new(core.Attempt)
	if s.ReadHeader(&core.Request{Header: h}, a) != nil {
		return ""
	}
	return a.ID
}
