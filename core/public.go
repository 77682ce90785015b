package core

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// publicForm describes b if it is a public key or certificate, in any usual
// form, complete or truncated. It returns "" if b may be a secret. It
// recognizes only bytes with a clear structure: fewer than one random secret in
// 2^40 looks like a public key.
func publicForm(b []byte) string {
	if form := formOf(b, 3); form != "" {
		return form
	}
	// The caller may have decoded hexadecimal text as base64.
	text := strings.TrimRight(base64.StdEncoding.EncodeToString(b), "=")
	if raw, err := hex.DecodeString(text[:len(text)&^1]); err == nil {
		return formOf(raw, 2)
	}
	return ""
}

// formOf is publicForm for bytes that may be encoded as text up to layers
// times.
func formOf(b []byte, layers int) string {
	text := bytes.Trim(b, "\"' \t\r\n")
	switch {
	case len(text) == 0:
		return ""
	case bytes.HasPrefix(text, []byte("-----BEGIN ")):
		return "a PEM file"
	case hasOneOf(b, "\x00\x00\x00\x07ssh-", "\x00\x00\x00\x0bssh-", "\x00\x00\x00\x13ecdsa-sha2-"), hasOneOf(text, "ssh-rsa ", "ssh-ed25519 ", "ecdsa-sha2-"):
		return "an OpenSSH public key"
	case isPublicJWK(text):
		return "a JSON Web Key"
	case isPublicDER(b):
		return "a public key or certificate in DER"
	case isPoint(b):
		return "a public key as a point on its curve"
	}
	if layers == 0 {
		return ""
	}
	for _, inner := range decodings(text) {
		if form := formOf(inner, layers-1); form != "" {
			return form
		}
	}
	return ""
}

func hasOneOf(b []byte, prefixes ...string) bool {
	for _, p := range prefixes {
		if bytes.HasPrefix(b, []byte(p)) {
			return true
		}
	}
	return false
}

// decodings decodes text as hexadecimal and as base64. The text may have line
// breaks, or be truncated.
func decodings(text []byte) [][]byte {
	for _, c := range text {
		if c > 'z' || !isBase64[c] {
			return nil
		}
	}
	line := strings.TrimRight(strings.Join(strings.Fields(string(text)), ""), "=")
	var all [][]byte
	if raw, err := hex.DecodeString(line[:len(line)&^1]); err == nil {
		all = append(all, raw)
	}
	if len(line)%4 == 1 { // no base64 has this length: it was truncated
		line = line[:len(line)-1]
	}
	enc := base64.RawStdEncoding
	if strings.ContainsAny(line, "-_") {
		enc = base64.RawURLEncoding
	}
	if raw, err := enc.DecodeString(line); err == nil {
		all = append(all, raw)
	}
	return all
}

// isBase64 marks the characters of both base64 alphabets, and the padding and
// white space that may come between or after those characters.
var isBase64 = func() (is ['z' + 1]bool) { //nolint:gochecknoglobals // a constant
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_= \t\r\n" {
		is[c] = true
	}
	return is
}()

func isPublicJWK(text []byte) bool {
	if text[0] != '{' {
		return false
	}
	type jwk struct {
		Kty string `json:"kty"`
	}
	var set struct {
		jwk

		Keys []jwk `json:"keys"`
	}
	if json.Unmarshal(text, &set) != nil {
		return false
	}
	for _, k := range append(set.Keys, set.jwk) {
		if k.Kty != "" && k.Kty != "oct" {
			return true
		}
	}
	return false
}

// isPublicDER reports whether b begins like a public key or certificate in DER.
// It checks only the beginning, so it recognizes truncated keys too.
func isPublicDER(b []byte) bool {
	inside, ok := derContent(b, 0x30)
	if !ok {
		return false
	}
	if modulus, ok := derContent(inside, 0x02); ok { // PKCS #1; a long one may be truncated
		_, err := x509.ParsePKCS1PublicKey(b)
		return err == nil || b[1] == 0x82 && inside[1] == 0x82 && len(modulus) > 1 && modulus[0] == 0 && modulus[1] >= 0x80
	}
	first, ok := derContent(inside, 0x30)
	if !ok {
		return false
	}
	return hasOneOf(first, "\xa0\x03\x02\x01") || // a certificate, with its version
		hasOneOf(first, // SPKI, by its algorithm: RSA and PSS, elliptic curves, ed25519 and its relatives
			"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01", "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01", "\x06\x03\x2b\x65")
}

// derContent returns the bytes after a tag and its length.
func derContent(b []byte, tag byte) ([]byte, bool) {
	if len(b) < 2 || b[0] != tag {
		return nil, false
	}
	skip := 2
	switch b[1] {
	case 0x81:
		skip = 3
	case 0x82:
		skip = 4
	}
	if len(b) < skip {
		return nil, false
	}
	return b[skip:], true
}

// isPoint recognizes only uncompressed points. Half of all byte strings of the
// right length are valid compressed points.
func isPoint(b []byte) bool {
	if len(b) == 0 || b[0] != 4 {
		return false
	}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		if _, err := ecdsa.ParseUncompressedPublicKey(curve, b); err == nil {
			return true
		}
	}
	return false
}
