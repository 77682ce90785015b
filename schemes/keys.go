package schemes

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // some senders have nothing better
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"reflect"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// decode returns the bytes that the text of a secret stands for. Errors have
// nothing of it.
func (f SecretText) decode(text string) ([]byte, error) {
	switch f {
	case HexText:
		raw, err := hex.DecodeString(text)
		if err != nil {
			return nil, errors.New("the secret is not hexadecimal: copy it again, whole")
		}
		return raw, nil
	case Base64Text:
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, errors.New("the secret is not padded standard base64: copy it again, whole")
		}
		return raw, nil
	default:
		return []byte(text), nil
	}
}

// key makes the key of a sender with this algorithm. inside says that the
// secret is the last part of the signed text.
func (a Algorithm) key(label string, raw []byte, enc core.Encoding, inside bool) (core.VerifyKey, error) {
	switch a {
	case Ed25519:
		return core.Ed25519Key(label, raw, enc)
	case ECDSAP256:
		public, err := parsePublic(raw)
		if err != nil {
			return nil, err
		}
		key, ok := public.(*ecdsa.PublicKey)
		if !ok || key.Curve != elliptic.P256() {
			return nil, fmt.Errorf("a %T, where an ECDSA key on P-256 is needed", public)
		}
		return &digestKey{label, enc, sha256.New, func(digest, signature []byte) bool { return ecdsa.VerifyASN1(key, digest, signature) }}, nil
	case RSASHA256, RSASHA512:
		public, err := parsePublic(raw)
		if err != nil {
			return nil, err
		}
		key, ok := public.(*rsa.PublicKey)
		if !ok {
			return nil, fmt.Errorf("an RSA key is needed, not a %T", public)
		}
		hash := crypto.SHA256
		if a == RSASHA512 {
			hash = crypto.SHA512
		}
		return newRSAKey(label, enc, key, hash, false)
	default:
		key, err := core.HMACKey(label, a.hash(), raw, enc)
		if err != nil || !inside {
			return key, err
		}
		return insideKey{key, label, a.sum(raw, enc, true)}, nil
	}
}

// isMAC reports whether a key is that of [core.HMACKey].
func isMAC(key core.VerifyKey) bool {
	other, err := core.HMACKey("", sha256.New, make([]byte, sha256.Size), core.Hex)
	if err != nil {
		panic(err)
	}
	return reflect.TypeOf(key) == reflect.TypeOf(other)
}

// notPublic refuses a shared secret that is a public key, as [core.HMACKey]
// does: it is for keys that are made without that one.
func notPublic(secret string) error {
	if len(secret) < 14 { // 112 bits: some crypto modes allow no HMAC with less, and no public key is so short
		return nil
	}
	_, err := core.HMACKey("", sha256.New, []byte(secret), core.Hex)
	return err
}

// hash is that of a sender with a shared secret, nil where it has a private
// key.
func (a Algorithm) hash() func() hash.Hash {
	switch a {
	case Ed25519, ECDSAP256, RSASHA256, RSASHA512:
		return nil
	case HMACSHA1:
		return sha1.New
	case HMACSHA512:
		return sha512.New
	default:
		return sha256.New
	}
}

// sum returns what signs with a shared secret.
func (a Algorithm) sum(secret []byte, enc core.Encoding, inside bool) func(*core.Content) string {
	secret = bytes.Clone(secret)
	return func(c *core.Content) string {
		h := a.hash()()
		if a != SHA256 {
			h = hmac.New(a.hash(), secret)
		}
		_, _ = c.WriteTo(h) // a hash never fails
		if inside {
			h.Write(secret)
		}
		return string(enc.AppendEncode(nil, h.Sum(nil)))
	}
}

// insideKey is a shared secret that is the last part of the signed text.
type insideKey struct {
	core.VerifyKey // the same secret as that of an HMAC, which was looked at

	label string
	sum   func(*core.Content) string // fmt prints no more of a function than its address
}

// Verify implements [core.VerifyKey].
func (k insideKey) Verify(_ context.Context, a *core.Attempt) (bool, error) {
	var want []byte
	found := 0
	for _, sig := range a.Signatures {
		if sig.Label != k.label {
			continue
		}
		if want == nil {
			want = []byte(k.sum(&a.Content))
		}
		found |= subtle.ConstantTimeCompare(want, []byte(sig.Text))
	}
	return found == 1, nil
}

// parsePublic reads a public key in SPKI form, or that of a certificate, which
// is trusted as it is: whoever configured it did so.
func parsePublic(der []byte) (any, error) {
	if public, err := x509.ParsePKIXPublicKey(der); err == nil {
		return public, nil
	}
	if cert, err := x509.ParseCertificate(der); err == nil {
		return cert.PublicKey, nil
	}
	return nil, errors.New("not a public key in SPKI form or a certificate: copy the sender's public key again, whole; of a PEM file, " +
		"the text between its BEGIN and END lines without the line breaks")
}

// digestKey verifies signatures over the hash of the content, which is made
// once.
//
// Those of ECDSA can be changed without the private key, s to n-s, so their
// text identifies nothing; a low s is not asked for, since senders do not see
// to it.
type digestKey struct {
	label  string
	enc    core.Encoding
	hash   func() hash.Hash
	verify func(digest, signature []byte) bool
}

func (k *digestKey) Verify(_ context.Context, a *core.Attempt) (bool, error) {
	var digest []byte
	for _, sig := range a.Signatures {
		if sig.Label != k.label {
			continue
		}
		if digest == nil {
			h := k.hash()
			_, _ = a.Content.WriteTo(h) // a hash never fails
			digest = h.Sum(nil)
		}
		if raw, ok := canonical(k.enc, sig.Text); ok && k.verify(digest, raw) {
			return true, nil
		}
	}
	return false, nil
}

// canonical decodes a text that is the only one for its bytes.
func canonical(enc core.Encoding, text string) ([]byte, bool) {
	if len(text) > maxSignatureBytes || strings.ContainsAny(text, "\r\n") { // which the base64 decoder skips
		return nil, false
	}
	var raw []byte
	var err error
	switch enc {
	case core.Hex, core.HexUpper:
		raw, err = hex.DecodeString(text)
	case core.Base64URL:
		raw, err = base64.RawURLEncoding.DecodeString(text)
	default:
		raw, err = base64.StdEncoding.DecodeString(text)
	}
	return raw, err == nil && len(raw) > 0 && string(enc.AppendEncode(nil, raw)) == text
}
