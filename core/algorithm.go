package core

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"sync"
)

// Encoding is how the bytes of a signature are encoded as text.
type Encoding uint8

// The encodings of signatures. Only the canonical text is accepted: hexadecimal
// in lower case (Hex) or upper case (HexUpper), and base64 without line breaks
// or stray trailing bits. Otherwise one signature could be written in several
// ways.
const (
	Hex             Encoding = iota + 1 // in lower case
	Base64                              // the standard alphabet, padded
	HexUpper                            // in upper case
	Base64URL                           // the URL-safe alphabet, without padding
	Base64Unpadded                      // the standard alphabet, without padding
	Base64URLPadded                     // the URL-safe alphabet, padded
)

// AppendEncode appends the encoded form of src to dst. Any value that is not
// one of the constants means Base64.
func (e Encoding) AppendEncode(dst, src []byte) []byte {
	switch e {
	case Hex:
		return hex.AppendEncode(dst, src)
	case HexUpper:
		from := len(dst)
		dst = hex.AppendEncode(dst, src)
		for i := from; i < len(dst); i++ {
			if dst[i] >= 'a' {
				dst[i] -= 'a' - 'A'
			}
		}
		return dst
	default:
		return e.base64().AppendEncode(dst, src)
	}
}

func (e Encoding) base64() *base64.Encoding {
	switch e {
	case Base64URL:
		return base64.RawURLEncoding
	case Base64Unpadded:
		return base64.RawStdEncoding
	case Base64URLPadded:
		return base64.URLEncoding
	default:
		return base64.StdEncoding
	}
}

// decode accepts exactly the canonical text of size bytes.
func (e Encoding) decode(dst []byte, text string, size int) ([]byte, bool) {
	if e == Hex || e == HexUpper {
		first, last := byte('A'), byte('F') // the other case, which is rejected
		if e == HexUpper {
			first, last = 'a', 'f'
		}
		if len(text) != hex.EncodedLen(size) {
			return nil, false
		}
		for i := range len(text) {
			if first <= text[i] && text[i] <= last {
				return nil, false
			}
		}
		dst, err := hex.AppendDecode(dst, []byte(text))
		return dst, err == nil
	}
	// The decoder skips line breaks. So a text of this length that contains line breaks decodes to
	// fewer bytes.
	if len(text) != e.base64().EncodedLen(size) {
		return nil, false
	}
	dst, err := e.base64().Strict().AppendDecode(dst, []byte(text))
	return dst, err == nil && len(dst) == size
}

// hmacKey encodes the MAC and compares its text with the presented signatures.
// So it hashes the content once, decodes nothing, and accepts only the
// canonical spelling of a signature.
type hmacKey struct {
	label string
	enc   Encoding
	pool  sync.Pool // *macState
}

type macState struct {
	mac       hash.Hash
	sum, text []byte
}

// HMACKey returns a [VerifyKey] that checks HMACs made with newHash, such as
// crypto/sha256.New. The key checks only signatures whose Label is label. The
// secret is copied.
//
// HMACKey rejects an empty secret, and a public key or certificate in the usual
// forms. It also rejects hashes and secrets that the program's crypto mode
// forbids. GODEBUG=fips140=only forbids secrets under 112 bits, and all hashes
// except SHA-2 and SHA-3.
func HMACKey(label string, newHash func() hash.Hash, secret []byte, enc Encoding) (VerifyKey, error) {
	if len(secret) == 0 {
		return nil, errors.New("the key is empty, so anybody could sign with it")
	}
	if form := publicForm(secret); form != "" {
		return nil, errors.New("this is " + form + ", not a shared secret: ask the sender for the secret. If the scheme also accepts public keys, write the " +
			"key in that form")
	}
	secret = append([]byte(nil), secret...)
	if err := tryHMAC(newHash, secret); err != nil {
		return nil, err
	}
	k := &hmacKey{label: label, enc: enc}
	k.pool.New = func() any {
		h := hmac.New(newHash, secret)
		size := h.Size()
		return &macState{mac: h, sum: make([]byte, 0, size), text: make([]byte, 0, 2*size)}
	}
	return k, nil
}

// tryHMAC returns an error if package hmac panics for this hash and secret, as
// it may with fips140=only. So the mistake shows at start-up, not on the first
// request.
func tryHMAC(newHash func() hash.Hash, secret []byte) (err error) { //nolint:nonamedreturns // set while recovering
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the HMAC cannot be computed with this secret and hash (%v). If this program's crypto mode does not allow them, ask the "+
				"sender for a longer secret or another hash, or change GODEBUG=fips140", p)
		}
	}()
	hmac.New(newHash, secret).Sum(nil)
	return nil
}

// Verify implements [VerifyKey].
func (k *hmacKey) Verify(_ context.Context, a *Attempt) (bool, error) {
	if !hasLabel(a.Signatures, k.label) {
		return false, nil
	}
	s, _ := k.pool.Get().(*macState)
	defer k.pool.Put(s)
	s.mac.Reset()
	_, _ = a.Content.WriteTo(s.mac) // a hash never fails
	s.sum = s.mac.Sum(s.sum[:0])
	s.text = k.enc.AppendEncode(s.text[:0], s.sum)
	found := 0
	for _, sig := range a.Signatures {
		if sig.Label == k.label {
			found |= subtle.ConstantTimeCompare(s.text, []byte(sig.Text))
		}
	}
	return found == 1, nil
}

func hasLabel(sigs []Signature, label string) bool {
	for _, s := range sigs {
		if s.Label == label {
			return true
		}
	}
	return false
}

// ed25519Key verifies each presented signature. Ed25519 hashes the content
// together with the signature, so each signature costs one hash.
type ed25519Key struct {
	label string
	enc   Encoding
	pub   ed25519.PublicKey
}

// Ed25519Key returns a [VerifyKey] for a 32-byte ed25519 public key, which it
// copies. The key checks only signatures whose Label is label. A wrong length
// is an error, not a panic on the first request. A point of small order is also
// an error, because anybody can make signatures for it without a private key.
func Ed25519Key(label string, public []byte, enc Encoding) (VerifyKey, error) {
	if len(public) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("this key has %d bytes, but an ed25519 public key has %d: copy the whole key again", len(public), ed25519.PublicKeySize)
	}
	if isSmallOrder(public) {
		return nil, errors.New("this ed25519 public key is a point of small order, so anybody could make signatures for it: copy the sender's key again")
	}
	return &ed25519Key{label: label, enc: enc, pub: append([]byte(nil), public...)}, nil
}

// isSmallOrder recognizes every encoding, canonical or not, of the eight points
// whose order divides 8. It ignores the sign bit.
func isSmallOrder(public []byte) bool {
	y := hex.EncodeToString(public[:31]) + hex.EncodeToString([]byte{public[31] & 0x7f})
	const ff = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
	switch y {
	case "0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ec" + ff, "ed" + ff, "ee" + ff: // p-1, p, p+1
		return true
	}
	return false
}

// Verify implements [VerifyKey].
func (k *ed25519Key) Verify(_ context.Context, a *Attempt) (bool, error) {
	for _, sig := range a.Signatures {
		if sig.Label != k.label {
			continue
		}
		var buf [ed25519.SignatureSize + 2]byte // base64 decodes into whole groups
		raw, ok := k.enc.decode(buf[:0], sig.Text, ed25519.SignatureSize)
		if ok && ed25519.Verify(k.pub, a.Content.Bytes(), raw) {
			return true, nil
		}
	}
	return false, nil
}
