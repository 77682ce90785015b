package schemes

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/reqtarget"
)

const (
	rfc9421Name = "rfc9421" // the name of the scheme and the label of its signatures

	maxFieldBytes = 8 << 10 // for each of Signature-Input, Signature and Content-Digest, and for a query
	// The parser compares names pairwise, and each label is a signature to
	// check. So all counts are limited.
	maxLabels     = 16
	maxComponents = 32
	maxParameters = 16
	minMACSecret  = 16
)

// SignatureProfile says which HTTP message signatures [HTTPSignatures] accepts.
// RFC 9421 leaves that choice to the application.
type SignatureProfile struct {
	// URL is the endpoint's public URL, as in [Template].URL. A signature that
	// covers parts of the URL is checked against this one. If URL has no path
	// or no query, the request's path or query is used. Host and
	// X-Forwarded-Host are never used.
	URL string
	// Required lists the components that a signature must cover, such as
	// "@method" or "content-type". Nil means the profile for webhooks:
	// "@method", "content-digest", "content-type", and either "@authority" or
	// "@target-uri". Add "@path" if several endpoints share a host and a key.
	// The list must include "content-digest" unless DangerouslyAnyComponents is
	// set.
	Required []string
	// DangerouslyAnyComponents accepts a signature that covers Required, or any
	// components if Required is nil. If a signature does not cover
	// "content-digest", anyone can change the body, and Message.BodySigned is
	// false.
	DangerouslyAnyComponents bool
	// Tag is the required tag parameter of a signature. If it is empty, a
	// signature may have any tag or none.
	Tag string
}

// HTTPSignatures returns the scheme for HTTP message signatures (RFC 9421),
// with a Content-Digest (RFC 9530) of sha-256 or sha-512.
//
// A key is one line with the algorithm and the key in base64. "ed25519:…",
// "ecdsa-p256-sha256:…", "ecdsa-p384-sha384:…", "rsa-pss-sha512:…" and
// "rsa-v1_5-sha256:…" take a public key in SPKI DER. ed25519 also takes the 32
// bytes of the key. "hmac-sha256:…" takes a secret. A key with an id, as in
// "key-1@ed25519:…", matches only signatures with that keyid. The key
// determines the algorithm: a signature that names another algorithm does not
// match. Base64 without an algorithm is a public key, never a secret. If it has
// 32 bytes, it is an ed25519 key. Otherwise it is the SPKI DER of an elliptic
// curve key or an ed25519 key.
//
// Exactly one of a request's signatures must cover the required components and
// have the tag in Tag. A request with several such signatures is rejected. Each
// would be a separate message, and an attacker could strip one to make the
// handler run again. Labels are not signed and have no meaning. The created
// parameter is required, and must lie within the tolerance in [core.Config].
// The expires parameter is optional, and must be later than created. The signed
// text identifies the message, so a retry with a new signature is another
// message. The nonce parameter serves as the message id in logs.
//
// The only supported component parameter is the name of "@query-param".
func HTTPSignatures(p SignatureProfile) core.Scheme {
	s, err := newHTTPSignatures(p)
	if err != nil {
		return unusable{rfc9421Name, fmt.Errorf("schemes: HTTPSignatures: %w", err)}
	}
	return s
}

func newHTTPSignatures(p SignatureProfile) (*httpSignatures, error) {
	p.Required = slices.Clone(p.Required)
	at, err := publicURL(p.URL)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(p.URL)
	if err != nil || !asciiText(p.URL) || strings.ContainsAny(p.URL, " \t#") {
		return nil, errors.New("the URL has a #, a space or a character that is not printable ASCII: percent-encode it, as the sender does")
	}
	rest := p.URL[strings.Index(p.URL, "://")+3:]
	s := &httpSignatures{
		profile: p, address: at, scheme: u.Scheme, authority: strings.ToLower(u.Host), origin: p.URL[:len(p.URL)-len(rest)] + u.Host,
		required: p.Required, tag: p.Tag,
	}
	if port := u.Port(); port == "" || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		// RFC 9421, section 2.2.3: the authority omits the default port of https or http.
		s.authority = strings.TrimSuffix(s.authority, ":"+port)
	}
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		s.path, s.query, s.hasQuery = strings.Cut(rest[i:], "?")
	}
	if p.Required == nil && !p.DangerouslyAnyComponents {
		s.required, s.webhook = []string{"@method", "content-digest", "content-type"}, true
	}
	for _, name := range s.required {
		if wrong := checkComponent(name); wrong != "" {
			return nil, fmt.Errorf("%q in Required %s", name, wrong)
		}
		if name == "@query-param" {
			return nil, errors.New("\"@query-param\" cannot be in Required, which has no parameter names: use \"@query\" instead")
		}
	}
	if !p.DangerouslyAnyComponents && !slices.Contains(s.required, "content-digest") {
		return nil, errors.New("the Required list lacks \"content-digest\", so anybody could change the body: add it, or set DangerouslyAnyComponents")
	}
	if !asciiText(p.Tag) {
		return nil, errors.New("the Tag has a control character or one that is not ASCII")
	}
	return s, nil
}

type httpSignatures struct {
	profile           SignatureProfile
	address           address
	scheme, authority string
	origin            string // the URL's scheme and authority as configured, with the port
	path, query       string // of the configured URL
	hasQuery          bool
	required          []string
	webhook           bool // also require "@authority" or "@target-uri"
	tag               string
}

// httpSignature is the only acceptable signature of a request. It is the
// attempt's State.
type httpSignature struct {
	components  []sfItem
	params      string // the value of "@signature-params"
	alg, keyID  string
	named       bool // the signature has alg, which may be empty
	created     int64
	expires     int64 // zero: none
	nonce, text string
	digest      bool // content-digest is covered
}

// KeyID returns the key's id: see [KeySet].
func (st *httpSignature) KeyID() string { return st.keyID }

func (*httpSignatures) Name() string            { return rfc9421Name }
func (*httpSignatures) Stamping() core.Stamping { return core.StampedEachAttempt }

// Facts implements [core.Describer].
func (s *httpSignatures) Facts() core.Facts {
	return core.Facts{
		PublicKeys: true, KeyText: httpKeyText, Headers: [][]string{{"Signature-Input", "Signature", "Content-Digest"}},
		URL: s.address.text, At: func(url string) core.Scheme {
			p := s.profile
			p.URL = url
			return HTTPSignatures(p)
		},
	}
}

func (s *httpSignatures) ReadHeader(r *core.Request, a *core.Attempt) error {
	inputs, err := sfDictionary("Signature-Input", r.Header)
	if err != nil {
		return err
	}
	signatures, err := sfDictionary("Signature", r.Header)
	if err != nil {
		return err
	}
	chosen, err := s.choose(inputs, signatures)
	if err != nil {
		return err
	}
	a.Timestamp = time.Unix(chosen.created, 0)
	if chosen.expires != 0 {
		a.Expires = time.Unix(chosen.expires, 0)
	}
	// The nonce serves only for logs, so one of another form is not an error.
	if visible(chosen.nonce) {
		a.ID = chosen.nonce
	}
	a.BodySigned = chosen.digest
	a.Signatures = append(a.Signatures, core.Signature{Label: rfc9421Name, Text: chosen.text})
	a.State = chosen
	return nil
}

// choose returns the only acceptable signature. If there is none, it returns
// the error of the first signature.
func (s *httpSignatures) choose(inputs, signatures []sfMember) (*httpSignature, error) {
	var first error
	var found *httpSignature
	for _, in := range inputs {
		// A label connects the two headers of one signature.
		i := slices.IndexFunc(signatures, func(m sfMember) bool { return m.key == in.key })
		if i < 0 {
			continue
		}
		chosen, err := s.read(in.sfItem)
		if err == nil && signatures[i].kind != sfBytes {
			err = malformed(in.key + " in Signature must be base64 between colons")
		}
		switch {
		case err != nil && first == nil:
			first = err
		case err != nil:
		case found != nil && s.tag != "":
			return nil, malformed("several signatures have the tag " + strconv.Quote(s.tag) + " and cover all required components: cannot tell which one counts")
		case found != nil:
			return nil, malformed("several signatures cover all required components: set SignatureProfile.Tag to the tag of the one that counts")
		default:
			chosen.text = signatures[i].text
			found = chosen
		}
	}
	switch {
	case found != nil:
		return found, nil
	case first != nil:
		return nil, first
	}
	return nil, malformed("Signature-Input and Signature have no label in common: did a proxy drop a line of one of them?")
}

// read checks the covered components and the parameters of one signature.
func (s *httpSignatures) read(in sfItem) (*httpSignature, error) {
	if in.kind != sfList {
		return nil, malformed("Signature-Input has a label without a list of components in parentheses")
	}
	// The signature covers its own parameters. Serialize them again. sfDictionary accepts only one
	// spelling, so the result is the sender's text.
	st := &httpSignature{components: in.items, params: string(in.appendTo(nil))}
	covered := make([]string, 0, len(in.items))
	for _, c := range in.items {
		id := string(c.appendTo(nil))
		if err := readComponent(c); err != nil {
			return nil, err
		}
		// RFC 9421, section 2: a component must not occur twice.
		if slices.Contains(covered, id) {
			return nil, malformed("the component " + id + " is covered twice")
		}
		covered = append(covered, id)
	}
	covers := func(name string) bool { return slices.Contains(covered, `"`+name+`"`) }
	for _, name := range s.required {
		if !covers(name) {
			return nil, malformed("the signature does not cover " + strconv.Quote(name) + ": ask the sender to sign it, or see SignatureProfile.Required")
		}
	}
	// If the host were not signed, a receiver could forward a message to another receiver with the
	// same key.
	if s.webhook && !covers("@authority") && !covers("@target-uri") {
		return nil, malformed("the signature covers neither \"@authority\" nor \"@target-uri\", so the message may be meant for another host: ask the sender to sign one of the two")
	}
	st.digest = covers("content-digest")
	return st, s.readParameters(in.params, st)
}

func (s *httpSignatures) readParameters(params []sfParam, st *httpSignature) error {
	created, expires, tag := "", "", ""
	for _, p := range params {
		var field *string
		kind := sfString
		switch p.key {
		case "created":
			field, kind = &created, sfInteger
		case "expires":
			field, kind = &expires, sfInteger
		case "alg":
			field, st.named = &st.alg, true
		case "keyid":
			field = &st.keyID
		case "nonce":
			field = &st.nonce
		case "tag":
			field = &tag
		default:
			continue // signed, but without meaning here
		}
		if p.kind != kind {
			needed := "a string"
			if kind == sfInteger {
				needed = "an integer"
			}
			return malformed("the signature parameter " + strconv.Quote(p.key) + " must be " + needed)
		}
		*field = p.text
	}
	var ok bool
	// The RFC makes created optional, but without it a captured message never expires.
	if st.created, ok = digits(created); !ok {
		return malformed("the signature has no \"created\" parameter with a Unix time in seconds: without it, the signature could be replayed indefinitely")
	}
	if expires != "" {
		if st.expires, ok = digits(expires); !ok || st.expires <= st.created {
			return malformed("the \"expires\" parameter is not a Unix time later than \"created\"")
		}
	}
	if s.tag != "" && tag != s.tag {
		return malformed("the signature does not have the tag " + strconv.Quote(s.tag) + ": it has another purpose, or SignatureProfile.Tag is wrong")
	}
	return nil
}

// checkComponent says what is wrong with a component's name. It returns "" if
// the name is valid.
func checkComponent(name string) string {
	switch name {
	case "@method", "@target-uri", "@authority", "@scheme", "@path", "@query", "@request-target", "@query-param":
		return ""
	case "host":
		return "is not supported, because SignatureProfile.URL determines the host: \"@authority\" is the component for it"
	case "":
		return "is empty"
	}
	if name[0] == '@' {
		return "is not supported for requests"
	}
	for i := range len(name) {
		if !isTokenByte(name[i]) || 'A' <= name[i] && name[i] <= 'Z' {
			return "is not a lower-case header name"
		}
	}
	return ""
}

func readComponent(c sfItem) error {
	if c.kind != sfString {
		return malformed("Signature-Input has a component that is not a quoted string")
	}
	if wrong := checkComponent(c.text); wrong != "" {
		return malformed("the covered component " + strconv.Quote(c.text) + " " + wrong)
	}
	if c.text == "@query-param" {
		if len(c.params) != 1 || c.params[0].key != "name" || c.params[0].kind != sfString {
			return malformed("the component \"@query-param\" must have the parameter \"name\" and no other")
		}
		return nil
	}
	if len(c.params) > 0 {
		return malformed("the component " + strconv.Quote(c.text) + " has the parameter " + c.params[0].key + ", which is " +
			"not supported: ask the sender to sign the component without parameters")
	}
	return nil
}

func (s *httpSignatures) ReadBody(r *core.Request, a *core.Attempt) error {
	st, ok := a.State.(*httpSignature)
	if !ok {
		return malformed("ReadBody was called without ReadHeader")
	}
	var line []byte
	for _, c := range st.components {
		value, err := s.value(r, c)
		if err != nil {
			return err
		}
		// A line break in a value could forge another line of the signature base.
		if !asciiText(value) {
			return malformed("the value of the covered component " + strconv.Quote(c.text) + " has a control character or one that is not ASCII")
		}
		if c.text == "@query-param" && strings.ContainsAny(value, "%*") {
			a.Hint = queryParamHint
		}
		// RFC 9421, section 2.5: a line is the component, a colon, a space and the value.
		line = append(c.appendTo(line[:0]), ": "...)
		_, _ = a.Content.Write(line)
		a.Content.WriteString(value)
		a.Content.WriteString("\n")
	}
	a.Content.WriteString(`"@signature-params": `)
	a.Content.WriteString(st.params)
	// Do this last, because it hashes the body. All cheap checks have passed by now.
	if st.digest {
		return checkDigest(r)
	}
	return nil
}

// value returns the value of a component for the signature base.
func (s *httpSignatures) value(r *core.Request, c sfItem) (string, error) {
	switch c.text {
	case "@method":
		return r.Method, nil
	case "@scheme":
		return s.scheme, nil
	case "@authority":
		return s.authority, nil
	}
	if c.text[0] == '@' {
		return s.ofTarget(r, c)
	}
	values := r.Header.Values(c.text)
	switch len(values) {
	case 0:
		return "", missing(http.CanonicalHeaderKey(c.text) + ", which the signature covers,")
	case 1:
		return strings.Trim(values[0], " \t"), nil
	}
	// RFC 9421, section 2.1: trim each value, and join the values with a comma and a space.
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = strings.Trim(v, " \t")
	}
	return strings.Join(trimmed, ", "), nil
}

// ofTarget returns the value of a component that consists of the path, the
// query or both.
func (s *httpSignatures) ofTarget(r *core.Request, c sfItem) (string, error) {
	path, query, has, err := s.target(r.URL)
	if err != nil {
		return "", err
	}
	whole := path
	if has {
		whole += "?" + query
	}
	switch c.text {
	case "@target-uri":
		return s.origin + whole, nil
	case "@request-target":
		return whole, nil
	case "@path":
		return path, nil
	case "@query":
		return "?" + query, nil
	default:
		return queryParam(query, c.params[0].text)
	}
}

// target returns the path and the query that the sender used. If the configured
// URL lacks one, it comes from the request.
func (s *httpSignatures) target(text string) (path, query string, has bool, err error) {
	text = reqtarget.PathAndQuery(text) // the scheme and the host are configured
	path, query, has = strings.Cut(text, "?")
	if path != "" && path[0] != '/' || strings.ContainsAny(text, " \t#") {
		return "", "", false, malformed(otherTarget)
	}
	if s.address.query {
		if query != s.query {
			return "", "", false, malformed(otherQuery)
		}
		has = s.hasQuery
	}
	if s.address.path || s.address.query {
		path = s.path
	}
	// RFC 9421, section 2.2.6: an empty path is a slash.
	if path == "" {
		path = "/"
	}
	return path, query, has, nil
}

// queryParamHint explains a mismatch that may occur because some libraries
// deviate from the RFC.
const queryParamHint = "or the sender does not encode the value of \"@query-param\" as RFC 9421, section 2.2.8, requires: a space as %20, ~ ! ' ( ) as " +
	"%7E %21 %27 %28 %29, and * unchanged. Ask it to sign \"@query\""

// queryParam returns the value of the parameter with this percent-encoded name,
// which must occur once.
func queryParam(query, name string) (string, error) {
	if len(query) > maxFieldBytes {
		return "", malformed("the query has more than " + strconv.Itoa(maxFieldBytes) + " bytes, which is too long to look for \"@query-param\"")
	}
	value, found := "", false
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(k)
		text, err2 := url.QueryUnescape(v)
		if err != nil || err2 != nil || !utf8.ValidString(key) || !utf8.ValidString(text) {
			return "", malformed("the signature covers a query parameter, but the query cannot be parsed")
		}
		if percentEncode(key) != name {
			continue
		}
		if found {
			return "", malformed("a query parameter that the signature covers appears twice: cannot tell which one was signed")
		}
		value, found = percentEncode(text), true
	}
	if !found {
		// Distinguish a differently encoded name from an absent parameter, because the fixes
		// differ.
		if plain, err := url.PathUnescape(name); err == nil && percentEncode(plain) != name {
			return "", malformed("the name of the covered \"@query-param\" is " + strconv.Quote(name) + ", but RFC 9421, section 2.2.8, encodes it as " +
				strconv.Quote(percentEncode(plain)) + ": ask the sender to sign \"@query\"")
		}
		return "", malformed("the query has no parameter " + strconv.Quote(name) + ", which the signature covers")
	}
	return value, nil
}

// percentEncode encodes as RFC 9421, section 2.2.8, does: like a form, but with
// %20 for a space.
func percentEncode(text string) string {
	plain := url.QueryEscape(text) // leaves - _ . ~ as they are
	return strings.NewReplacer("+", "%20", "~", "%7E", "%2A", "*").Replace(plain)
}

// checkDigest compares Content-Digest with the body. Every known digest must
// match, and there must be at least one. If a wrong digest were accepted beside
// a right one, two parsers could accept two different bodies.
func checkDigest(r *core.Request) error {
	digests, err := sfDictionary("Content-Digest", r.Header)
	if err != nil {
		return err
	}
	known := false
	for _, d := range digests {
		var sum []byte
		switch d.key {
		case "sha-256":
			h := sha256.Sum256(r.Body)
			sum = h[:]
		case "sha-512":
			h := sha512.Sum512(r.Body)
			sum = h[:]
		default:
			continue
		}
		known = true
		if d.kind != sfBytes {
			return malformed(d.key + " in Content-Digest must be base64 between colons")
		}
		if d.text != base64.StdEncoding.EncodeToString(sum) {
			return &core.Error{
				Reason: core.ErrNoMatch,
				Detail: "the " + d.key + " in Content-Digest is not the hash of this body: was the body changed on the way? Does something upstream decompress it?",
			}
		}
	}
	// Without a digest that we can check, the signature says nothing about the body.
	if !known {
		return malformed("Content-Digest has neither sha-256 nor sha-512, so the body cannot be checked: ask the sender for one of them")
	}
	return nil
}

// asciiText reports whether text may be part of a signature base. Other text
// could contain a line break and add a line to the signature base.
func asciiText(text string) bool {
	for i := range len(text) {
		if c := text[i]; c != '\t' && (c < ' ' || c > '~') {
			return false
		}
	}
	return true
}

// httpSignatureKey is a key with its algorithm and an optional id.
type httpSignatureKey struct {
	alg, id string
	key     core.VerifyKey
}

func (k *httpSignatureKey) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	st, ok := a.State.(*httpSignature)
	// An alg that contradicts the key never matches. Without an alg, the key decides.
	if !ok || st.named && st.alg != k.alg || k.id != "" && st.keyID != k.id {
		return false, nil
	}
	return k.key.Verify(ctx, a)
}

const httpKeyForms = "\"hmac-sha256:BASE64\", \"ed25519:…\", \"ecdsa-p256-sha256:…\", \"ecdsa-p384-sha384:…\", \"rsa-pss-sha512:…\" or " +
	"\"rsa-v1_5-sha256:…\", optionally with \"KEYID@\" before it"

func (*httpSignatures) ParseKey(text string) (core.VerifyKey, error) {
	k := new(httpSignatureKey)
	if i := strings.LastIndexByte(text, ':'); i >= 0 { // a key id may contain colons, base64 cannot
		k.alg, text = text[:i], text[i+1:]
		if at := strings.LastIndexByte(k.alg, '@'); at >= 0 {
			if k.id, k.alg = k.alg[:at], k.alg[at+1:]; !visible(k.id) {
				return nil, errors.New("the key id before the @ must be 1 to 256 printable ASCII characters without spaces")
			}
		}
		if k.alg == "" {
			return nil, errors.New("the key has no algorithm before the colon: write the key as " + httpKeyForms)
		}
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) == 0 || strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("the key is empty or is not padded standard base64 on one line: write the key as " + httpKeyForms)
	}
	if k.alg == "" {
		k.alg, err = algorithmOf(raw)
		if err != nil {
			return nil, err
		}
	}
	if k.alg == "hmac-sha256" {
		k.key, err = macKey(raw)
	} else {
		k.key, err = publicKey(k.alg, raw)
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

// httpKeyText is [core.Facts].KeyText.
func httpKeyText(text, alg, id string) (string, bool) {
	name, ok := map[string]string{
		"EdDSA": "ed25519", "ES256": "ecdsa-p256-sha256", "ES384": "ecdsa-p384-sha384", "RS256": "rsa-v1_5-sha256", "PS512": "rsa-pss-sha512",
	}[alg]
	// If a key's text has an id, the key verifies only signatures that name it.
	if id != "" {
		name = id + "@" + name
	}
	return name + ":" + text, ok
}

// algorithmOf returns the algorithm of a key whose text names none. It accepts
// only public keys. Bytes that it cannot parse are not assumed to be a secret,
// because then a damaged public key would become a secret that everyone knows.
func algorithmOf(raw []byte) (string, error) {
	if len(raw) == ed25519.PublicKeySize {
		return "ed25519", nil
	}
	public, err := x509.ParsePKIXPublicKey(raw)
	if err != nil {
		return "", errors.New("the kind of this key is not clear, or the key is cut off. Put hmac-sha256: before a shared secret. Give a public key as " +
			"SPKI DER in base64 on one line: the text between the BEGIN and END lines of its PEM file")
	}
	switch key := public.(type) {
	case ed25519.PublicKey:
		return "ed25519", nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return "ecdsa-p256-sha256", nil
		}
		return "ecdsa-p384-sha384", nil // publicKey rejects any other curve
	case *rsa.PublicKey:
		return "", errors.New("an RSA key fits two algorithms: put rsa-pss-sha512: or rsa-v1_5-sha256: before it, whichever the sender uses")
	}
	return "", errors.New("this is neither an Ed25519, an ECDSA nor an RSA key: copy the sender's public key again")
}

func macKey(raw []byte) (core.VerifyKey, error) {
	if len(raw) < minMACSecret {
		return nil, fmt.Errorf("the secret has %d bytes, but at least %d are needed: is it cut off?", len(raw), minMACSecret)
	}
	return core.HMACKey(rfc9421Name, sha256.New, raw, core.Base64)
}

func publicKey(alg string, raw []byte) (core.VerifyKey, error) {
	switch alg {
	case "ed25519", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-pss-sha512", "rsa-v1_5-sha256":
	default:
		return nil, errors.New("the key has an unknown algorithm: write the key as " + httpKeyForms)
	}
	if alg == "ed25519" && len(raw) == ed25519.PublicKeySize {
		return core.Ed25519Key(rfc9421Name, raw, core.Base64)
	}
	public, err := x509.ParsePKIXPublicKey(raw)
	if err != nil {
		return nil, errors.New("this is not a public key in SPKI DER: copy the sender's whole public key again, the text between the BEGIN and END " +
			"lines of its PEM file")
	}
	switch key := public.(type) {
	case ed25519.PublicKey:
		if alg == "ed25519" {
			return core.Ed25519Key(rfc9421Name, key, core.Base64)
		}
	case *ecdsa.PublicKey:
		if alg == "ecdsa-p256-sha256" && key.Curve == elliptic.P256() || alg == "ecdsa-p384-sha384" && key.Curve == elliptic.P384() {
			// RFC 9421 encodes ECDSA signatures as r and s in full length, not in ASN.1.
			return ecdsaRaw(rfc9421Name, core.Base64, key), nil
		}
	case *rsa.PublicKey:
		switch alg {
		case "rsa-pss-sha512":
			return newRSAKey(rfc9421Name, core.Base64, key, crypto.SHA512, true)
		case "rsa-v1_5-sha256":
			return newRSAKey(rfc9421Name, core.Base64, key, crypto.SHA256, false)
		}
	}
	return nil, fmt.Errorf("this key does not fit the algorithm %s: ask the sender which algorithm its key is for", alg)
}
