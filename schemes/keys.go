package schemes

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // some senders have nothing better
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

// algorithm is what an [Algorithm] does.
type algorithm struct {
	hash  func() hash.Hash // of an HMAC
	plain bool             // or of a hash that is no MAC

	// public makes the key of a sender with a private key, nil if both share a
	// secret. A field of each algorithm, and not a switch over all, lets the
	// linker drop what a program does not name.
	public    keyParser
	secret    SecretText // the first form that can hold a key
	malleable bool       // a signature has other texts that are as good

	jwt   string    // its name in tokens, "" if there is none
	inJWT keyParser // public for the form that tokens have; nil: the same
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

type keyParser func(label string, raw []byte, enc core.Encoding) (core.VerifyKey, error)

// The algorithms of [Algorithm] that need no public key from a file, and
// hmacSHA256, the zero one.
//
//nolint:gochecknoglobals // constants
var (
	hmacSHA256 = algorithm{hash: sha256.New, jwt: "HS256"}
	hmacSHA1   = algorithm{hash: sha1.New}
	hmacSHA512 = algorithm{hash: sha512.New, jwt: "HS512"}
	eddsa      = algorithm{public: core.Ed25519Key, jwt: "EdDSA"}
	plainHash  = algorithm{hash: sha256.New, plain: true}
)

func (a Algorithm) is() *algorithm {
	if a.of == nil {
		return &hmacSHA256
	}
	return a.of
}

// key makes the key of a sender with this algorithm. inside says that the
// secret is the last part of the signed text.
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

// sum returns what signs with a shared secret.
func (a *algorithm) sum(secret []byte, enc core.Encoding, inside bool) func(*core.Content) string {
	secret = bytes.Clone(secret)
	return func(c *core.Content) string {
		h := a.hash()
		if !a.plain {
			h = hmac.New(a.hash, secret)
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
