package schemes

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha1" //nolint:gosec // some senders have nothing better
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// decode makes a key of the text of a secret. Errors have nothing of it.
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

func (a Algorithm) key(label string, form SecretText, text string, enc core.Encoding) (core.VerifyKey, error) {
	raw, err := form.decode(text)
	if err != nil {
		return nil, err
	}
	switch a {
	case Ed25519:
		return core.Ed25519Key(label, raw, enc)
	case ECDSAP256:
		return ecdsaFromDER(label, raw, enc)
	default:
		return core.HMACKey(label, a.hash(), raw, enc)
	}
}

// hash is that of an HMAC, nil where the sender has a private key.
func (a Algorithm) hash() func() hash.Hash {
	switch a {
	case Ed25519, ECDSAP256:
		return nil
	case HMACSHA1:
		return sha1.New
	case HMACSHA512:
		return sha512.New
	default:
		return sha256.New
	}
}

func ecdsaFromDER(label string, der []byte, enc core.Encoding) (core.VerifyKey, error) {
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("not a public key in SPKI form: copy the sender's public key again, whole")
	}
	key, ok := public.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("a %T, where an ECDSA key on P-256 is needed", public)
	}
	return &digestKey{label, enc, sha256.New, func(digest, signature []byte) bool { return ecdsa.VerifyASN1(key, digest, signature) }}, nil
}

// digestKey verifies signatures over the hash of the content, which is made once.
//
// Those of ECDSA can be changed without the private key, s to n-s, so their text identifies nothing; a low s is not asked for, since senders do
// not see to it.
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

// base64URL is unpadded, as in JWTs: an encoding beside those of core.
const base64URL core.Encoding = 100

// canonical decodes a text that is the only one for its bytes.
func canonical(enc core.Encoding, text string) ([]byte, bool) {
	if len(text) > maxSignatureBytes || strings.ContainsAny(text, "\r\n") { // which the base64 decoder skips
		return nil, false
	}
	var raw []byte
	var err error
	switch enc {
	case core.Hex:
		if strings.ToLower(text) != text {
			return nil, false
		}
		raw, err = hex.DecodeString(text)
	case base64URL:
		raw, err = base64.RawURLEncoding.Strict().DecodeString(text)
	default:
		raw, err = base64.StdEncoding.Strict().DecodeString(text)
	}
	return raw, err == nil && len(raw) > 0
}
