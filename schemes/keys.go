package schemes

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // some senders offer nothing better
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"reflect"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// decode converts the text of a secret to the bytes of a key. Errors never
// contain the text.
func (f SecretText) decode(text string) ([]byte, error) {
	switch f {
	case HexText:
		raw, err := hex.DecodeString(text)
		if err != nil {
			return nil, errors.New("the secret is not hexadecimal: copy the whole secret again")
		}
		return raw, nil
	case Base64Text:
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, errors.New("the secret is not padded standard base64: copy the whole secret again")
		}
		return raw, nil
	default:
		return []byte(text), nil
	}
}

// algorithm implements an [Algorithm].
type algorithm struct {
	hash  func() hash.Hash // the hash of an HMAC
	plain bool             // a plain hash, not an HMAC

	// public parses the sender's public key. It is nil if both sides share a
	// secret. It is a field and not a switch over all algorithms, so the linker
	// can drop algorithms that a program does not name.
	public    keyParser
	secret    SecretText // the first SecretText that can hold a key
	malleable bool       // a signature has several valid texts

	jwt   string    // the name in JWTs; empty if it signs none
	inJWT keyParser // public for the signature format of JWTs; nil: the same as public
}

// isMAC reports whether [core.HMACKey] returned the key. core does not export
// the key's type, so isMAC compares it with the type of a key created here.
func isMAC(key core.VerifyKey) bool {
	other, err := core.HMACKey("", sha256.New, make([]byte, sha256.Size), core.Hex)
	if err != nil {
		panic(err)
	}
	return reflect.TypeOf(key) == reflect.TypeOf(other)
}

// notPublic rejects a shared secret that is the text of a public key, as
// [core.HMACKey] does. It is for keys that are created without HMACKey.
func notPublic(secret string) error {
	if len(secret) < 14 { // some crypto modes reject an HMAC key of less than 112 bits; no public key is this short
		return nil
	}
	_, err := core.HMACKey("", sha256.New, []byte(secret), core.Hex)
	return err
}

type keyParser func(label string, raw []byte, enc core.Encoding) (core.VerifyKey, error)

// The algorithms that need no parser for X.509 keys. The others are in
// public.go. The zero [Algorithm] stands for hmacSHA256.
//
//nolint:gochecknoglobals // constants
var (
	hmacSHA256 = algorithm{hash: sha256.New, jwt: "HS256"}
	hmacSHA1   = algorithm{hash: sha1.New}
	hmacSHA512 = algorithm{hash: sha512.New, jwt: "HS512"}
	eddsa      = algorithm{public: core.Ed25519Key, jwt: "EdDSA"}
	plainHash  = algorithm{hash: sha256.New, plain: true}
)

// is returns the implementation. The zero Algorithm, which names none, is
// HMAC-SHA256.
func (a Algorithm) is() *algorithm {
	if a.of == nil {
		return &hmacSHA256
	}
	return a.of
}

// keyText is [core.Facts].KeyText.
func (a *algorithm) keyText(text, alg, _ string) (string, bool) {
	return text, alg == "" || alg == a.jwt
}

// key returns a key of this algorithm. If inside is true, the secret is the
// last part of the signed text.
func (a *algorithm) key(label string, raw []byte, enc core.Encoding, inside bool) (core.VerifyKey, error) {
	if a.public != nil {
		return a.public(label, raw, enc)
	}
	key, err := core.HMACKey(label, a.hash, raw, enc)
	if err != nil || !inside {
		return key, err
	}
	return insideKey{key, label, a.sum(raw, enc, true)}, nil
}

// sum returns a function that signs with a shared secret.
func (a *algorithm) sum(secret []byte, enc core.Encoding, inside bool) func(*core.Content) string {
	secret = bytes.Clone(secret)
	return func(c *core.Content) string {
		h := a.hash()
		if !a.plain {
			h = hmac.New(a.hash, secret)
		}
		_, _ = c.WriteTo(h) // a hash never fails
		if inside {
			// The secret comes last: a hash that ends with it cannot be extended.
			h.Write(secret)
		}
		return string(enc.AppendEncode(nil, h.Sum(nil)))
	}
}

// insideKey is a shared secret that is the last part of the signed text.
type insideKey struct {
	core.VerifyKey // the HMAC key of the same secret, which HMACKey checked

	label string
	sum   func(*core.Content) string // a function, because fmt prints only a function's address
}

// Verify implements [core.VerifyKey].
func (k insideKey) Verify(_ context.Context, a *core.Attempt) (bool, error) {
	var want []byte
	found := 0
	for _, sig := range a.Signatures {
		if sig.Label != k.label {
			continue
		}
		// Hash the content once, and only if a signature has our label.
		if want == nil {
			want = []byte(k.sum(&a.Content))
		}
		// Compare every signature, so the timing does not reveal which one matched.
		found |= subtle.ConstantTimeCompare(want, []byte(sig.Text))
	}
	return found == 1, nil
}

// digestKey verifies signatures over the hash of the content. It computes the
// hash once for all signatures.
//
// An ECDSA signature can be changed without the private key, from s to n-s, so
// its text cannot identify a message. digestKey does not require a low s,
// because senders do not always produce one.
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

// canonical decodes a signature. It accepts only the canonical text of the
// bytes, so a signature cannot be respelled.
func canonical(enc core.Encoding, text string) ([]byte, bool) {
	if len(text) > maxSignatureBytes || strings.ContainsAny(text, "\r\n") { // the base64 decoder would skip line breaks
		return nil, false
	}
	var raw []byte
	var err error
	switch enc {
	case core.Hex, core.HexUpper:
		raw, err = hex.DecodeString(text)
	case core.Base64URL:
		raw, err = base64.RawURLEncoding.DecodeString(text)
	case core.Base64Unpadded:
		raw, err = base64.RawStdEncoding.DecodeString(text)
	case core.Base64URLPadded:
		raw, err = base64.URLEncoding.DecodeString(text)
	default:
		raw, err = base64.StdEncoding.DecodeString(text)
	}
	return raw, err == nil && len(raw) > 0 && string(enc.AppendEncode(nil, raw)) == text
}
