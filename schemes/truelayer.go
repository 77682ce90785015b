package schemes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// TrueLayer returns the scheme for TrueLayer webhooks. The Tl-Signature header
// holds a detached JWS (ES512). It covers the method, the path, the headers
// that the JWS names, and the body. address is the endpoint's public URL, as in
// [Template].URL. TrueLayer signs the path but not the query. A request must
// therefore have the same query as address or, if address has none, no query.
//
// The secret is the URL of TrueLayer's key set,
// "https://webhooks.truelayer.com/.well-known/jwks", or the same at
// webhooks.truelayer-sandbox.com: see [KeySet]. The secret may also be a
// base64-encoded P-521 public key. The URL in the JWS, jku, is not used.
//
// The event_id in the body identifies the message. The X-Tl-Webhook-Timestamp
// header must be signed. It is not compared with the clock, because it is not
// known whether a retry gets a new timestamp. A trailing slash in the path
// matters.
//
// Source: TrueLayer/truelayer-signing at commit b0b46ff, and
// www.npmjs.com/package/truelayer-signing/v/0.2.3, as of November 2026.
func TrueLayer(address string) core.Scheme { return trueLayerWith(address, KeySetOptions{}) }

func trueLayerWith(address string, o KeySetOptions) core.Scheme {
	at, err := publicURL(address)
	if err != nil {
		return unusable{"truelayer", err}
	}
	o.Hosts = []string{"webhooks.truelayer.com", "webhooks.truelayer-sandbox.com"}
	return KeySet(&trueLayer{at}, o)
}

type trueLayer struct{ url address }

const (
	trueLayerAlg  = "ES512"
	trueLayerTime = "X-Tl-Webhook-Timestamp"
)

func (*trueLayer) Name() string            { return "truelayer" }
func (*trueLayer) Stamping() core.Stamping { return core.NotStamped }

// Facts implements [core.Describer].
func (s *trueLayer) Facts() core.Facts {
	return core.Facts{
		PublicKeys: true, Headers: [][]string{{"Tl-Signature", trueLayerTime}}, IdentifiedBy: "/event_id",
		URL: s.url.text, At: func(url string) core.Scheme {
			at, err := publicURL(url)
			if err != nil {
				return unusable{"truelayer", err}
			}
			return &trueLayer{at}
		},
	}
}

// ParseKey implements [core.Scheme].
func (*trueLayer) ParseKey(text string) (core.VerifyKey, error) {
	raw, err := Base64Text.decode(text)
	if err != nil {
		return nil, err
	}
	public, err := parsePublic(raw)
	if err != nil {
		return nil, err
	}
	key, ok := public.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P521() {
		return nil, errors.New("this key is not an ECDSA key on P-521: copy the sender's P-521 public key")
	}
	return ecdsaRaw(trueLayerAlg, core.Base64URL, key), nil
}

// trueLayerToken is a detached JWS with the names of the headers that it signs.
type trueLayerToken struct {
	jwt

	headers []string
}

// ReadHeader implements [core.Scheme].
func (*trueLayer) ReadHeader(r *core.Request, a *core.Attempt) error {
	text, err := single(r.Header, "Tl-Signature")
	if err != nil {
		return err
	}
	token, header, err := parseDetached(text, trueLayerAlg)
	if err != nil {
		return err
	}
	if version, _ := header.text("tl_version"); version != "2" || header.misspells([]string{"tl_version", "tl_headers"}) {
		return malformed("the JWS header must have \"tl_version\": \"2\", and must spell \"tl_version\" and \"tl_headers\" in lower case")
	}
	list, _ := header.text("tl_headers")
	names := strings.Split(list, ",")
	if err := checkSigned(names); err != nil {
		return err
	}
	a.BodySigned = true
	a.Signatures = append(a.Signatures, core.Signature{Label: trueLayerAlg, Text: token.signature})
	a.State = &trueLayerToken{token, names}
	return nil
}

// checkSigned checks that names are distinct header names, and that the
// timestamp is one of them.
func checkSigned(names []string) error {
	timed := false
	for i, name := range names {
		if i == maxComponents || name == "" || slices.ContainsFunc([]byte(name), func(c byte) bool { return !isTokenByte(c) }) {
			return malformed("\"tl_headers\" in the JWS must be a string of 1 to 32 header names, separated by commas without spaces")
		}
		for _, other := range names[:i] {
			if strings.EqualFold(name, other) {
				return malformed("\"tl_headers\" in the JWS names a header twice")
			}
		}
		timed = timed || strings.EqualFold(name, trueLayerTime)
	}
	if !timed {
		return malformed("the JWS does not sign " + trueLayerTime + ": is this a TrueLayer webhook?")
	}
	return nil
}

// ReadBody implements [core.Scheme].
//
// The signed text has one line for the method and the path, and one for each
// header that the JWS names. No line can contain a line break, so the body can
// begin in only one place.
func (s *trueLayer) ReadBody(r *core.Request, a *core.Attempt) error {
	token, ok := a.State.(*trueLayerToken)
	if !ok {
		return malformed("ReadBody was called without ReadHeader")
	}
	path, err := s.path(r)
	if err != nil {
		return err
	}
	if !isMethod(r.Method) {
		return malformed("the method must consist of capital letters")
	}
	text := []byte(r.Method + " " + path + "\n")
	for _, name := range token.headers {
		value, err := single(r.Header, name)
		if err != nil {
			return err
		}
		if !asciiText(value) {
			return malformed(name + " has a control character or one that is not ASCII")
		}
		text = append(text, name+": "+value+"\n"...)
	}
	a.Content.WriteString(token.signed)
	a.Content.WriteString(".")
	a.Content.WriteBody(base64.RawURLEncoding.AppendEncode(nil, append(text, r.Body...)))
	id, ok := find(r.Body, []string{"event_id"})
	if !ok || !visible(string(id)) {
		a.Unidentified = malformed("event_id in the body is missing, or is not an id of 1 to 256 printable ASCII characters without spaces")
		return nil
	}
	a.ID, a.IDSigned, a.Stable = string(id), true, append(a.Stable, r.Body)
	return nil
}

// path returns the path of the public URL, without the query.
func (s *trueLayer) path(r *core.Request) (string, error) {
	var whole core.Content
	if !s.url.write(r, &whole) {
		return "", misdirected(r)
	}
	_, rest, _ := strings.Cut(string(whole.Bytes()), "://")
	rest, query, _ := strings.Cut(rest, "?")
	// An unsigned query could change the message for a handler that reads it.
	if query != "" && !s.url.query {
		return "", malformed("the request has a query, but the configured URL has none, so the query is not signed")
	}
	i := strings.IndexByte(rest, '/')
	if i < 0 {
		return "/", nil
	}
	return rest[i:], nil
}
