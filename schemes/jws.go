package schemes

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"github.com/hookonce/hookonce/core"
)

const (
	maxJWT   = 8 << 10   // for a token in a header
	maxLong  = 256 << 10 // for a token that is the body; its claims are parsed before it is verified
	maxKeyID = 128
)

// jwt is a token in compact form. Nothing in it is verified yet.
type jwt struct {
	kid       string // id of the key; empty if the token names none
	claims    object
	signed    string // the header and the claims in their signed form
	signature string
}

// KeyID returns the key's id: see [KeySet].
func (t *jwt) KeyID() string { return t.kid }

// namedJWT is parseJWT for a token that must name its key.
func namedJWT(text, alg string) (jwt, error) {
	token, err := parseJWT(text, alg)
	if err == nil && token.kid == "" {
		err = malformed("the JWT has no key id (\"kid\")")
	}
	return token, err
}

// parseJWT parses a token that must be signed with alg. A token states its own
// algorithm, but the configuration decides, never the token.
func parseJWT(text, alg string) (jwt, error) {
	if len(text) > maxJWT {
		return jwt{}, malformed("the JWT is longer than " + strconv.Itoa(maxJWT) + " bytes")
	}
	return parseLongJWT(text, alg)
}

// parseLongJWT is parseJWT for a text whose length the caller has limited.
func parseLongJWT(text, alg string) (jwt, error) {
	// Four, not three, so that a token with an additional part is rejected.
	parts := strings.SplitN(text, ".", 4)
	if len(parts) != 3 || parts[2] == "" {
		return jwt{}, malformed("the token is not a signed JWT: it must have a header, claims and a signature, separated by dots")
	}
	_, kid, err := joseHeader(parts[0], alg)
	if err != nil {
		return jwt{}, err
	}
	claims, err := jwtPart(parts[1])
	if err != nil {
		return jwt{}, malformed("the claims of the JWT are not valid: " + err.Error())
	}
	// The signature covers the encoded text, so keep that and not the decoded parts.
	return jwt{kid: kid, claims: claims, signed: text[:len(parts[0])+1+len(parts[1])], signature: parts[2]}, nil
}

// parseDetached parses a token with an empty second part. It also returns the
// decoded first part.
func parseDetached(text, alg string) (token jwt, header object, err error) {
	if len(text) > maxJWT {
		return jwt{}, nil, malformed("the JWS is longer than " + strconv.Itoa(maxJWT) + " bytes")
	}
	first, signature, ok := strings.Cut(text, "..")
	if !ok || signature == "" || strings.Contains(first+signature, ".") {
		return jwt{}, nil, malformed("the token is not a detached JWS: it must be a JWS header, two dots and a signature")
	}
	header, kid, err := joseHeader(first, alg)
	return jwt{kid: kid, signed: first, signature: signature}, header, err
}

// joseHeader decodes the first part of a token, checks its algorithm and
// returns its kid.
func joseHeader(text, alg string) (header object, kid string, err error) {
	fail := func(text string) (object, string, error) { return nil, "", malformed(text) }
	header, err = jwtPart(text)
	if err != nil {
		return fail("the header of the token is not valid: " + err.Error())
	}
	// Never let the token choose: with "none", or with an HMAC under the public key, anyone could
	// sign.
	if got, ok := header.text("alg"); !ok || got != alg {
		return fail("the header of the token must have the \"alg\" " + alg)
	}
	for name := range header {
		switch {
		case name == "alg" || name == "kid":
		case strings.EqualFold(name, "alg"), strings.EqualFold(name, "kid"):
			return fail("the header of the token has \"alg\" or \"kid\" in the wrong case")
		// RFC 7515: a recipient that does not understand a critical extension must reject the
		// token.
		case strings.EqualFold(name, "crit"):
			return fail("the token requires an extension in \"crit\", but no extensions are supported")
		}
	}
	kid, ok := header.text("kid")
	if _, there := header["kid"]; there && (!ok || len(kid) > maxKeyID || !visible(kid)) {
		return fail("the key id (\"kid\") of the token must be 1 to " + strconv.Itoa(maxKeyID) + " printable ASCII characters without spaces")
	}
	return header, kid, nil
}

func jwtPart(text string) (object, error) {
	if strings.ContainsAny(text, "\r\n") { // the decoder skips line breaks, which would give one token several spellings
		return nil, errors.New("the text is not base64url")
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errors.New("the text is not base64url")
	}
	return parseObject(raw)
}

// bearer returns the token in the Authorization header.
func bearer(r *core.Request) (string, error) {
	text, err := single(r.Header, "Authorization")
	if err != nil {
		return "", err
	}
	scheme, token, _ := strings.Cut(text, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", malformed("Authorization does not start with \"Bearer\"")
	}
	return token, nil
}
