package core

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Signer signs messages as Standard Webhooks prescribes. Create one with
// [NewSigner]. It is immutable and safe for concurrent use.
//
// Printing a Signer with fmt reveals no part of a key.
type Signer struct{ keys []signKey }

// signKey returns the signature entry of one key. It is a function, because fmt
// prints all fields of a struct but only the address of a function.
type signKey func(c *Content) string

// NewSigner returns a [Signer] for whsec_ secrets (v1) and whsk_ signing keys
// (v1a). A whsk_ key is a 32-byte seed, or Svix's 64 bytes of seed and public
// key. If there are several keys, each message is signed with all of them, so
// that receivers can switch keys at any time. NewSigner reports the mistakes in
// all keys at once. The error wraps [ErrMisconfigured], and also
// [errors.ErrUnsupported] for a key that only verifies.
func NewSigner(secrets ...string) (*Signer, error) {
	s := new(Signer)
	var mistakes []error
	if len(secrets) == 0 {
		mistakes = append(mistakes, errors.New("there is no key to sign with: pass at least one secret"))
	}
	for i, text := range secrets {
		k, err := parseSignKey(text)
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("secret %d of %d: %w", i+1, len(secrets), err))
			continue
		}
		s.keys = append(s.keys, k)
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, &Error{Reason: ErrMisconfigured, Err: err}
	}
	return s, nil
}

// unsupported is an error that wraps [errors.ErrUnsupported] without its text.
type unsupported string

func (u unsupported) Error() string { return string(u) }

func (unsupported) Unwrap() error { return errors.ErrUnsupported }

func parseSignKey(text string) (signKey, error) {
	if err := checkSecretText(text, false); err != nil {
		return nil, err
	}
	if isPlaceholder(text) {
		return nil, errPlaceholder
	}
	kind, raw, err := parseStandardKey(text)
	switch {
	case err != nil:
		return nil, err
	case kind == "whpk_":
		return nil, unsupported("whpk_ is a public key, which cannot sign: use the whsk_ key that belongs to it")
	case kind == "whsec_":
		return func(c *Content) string {
			mac := hmac.New(sha256.New, raw)
			_, _ = c.WriteTo(mac)
			return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		}, nil
	}
	private := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if len(raw) == ed25519.PrivateKeySize && !private.Equal(ed25519.PrivateKey(raw)) {
		return nil, errors.New("the public half of this whsk_ key does not belong to its seed: copy the key again")
	}
	return func(c *Content) string {
		return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(private, c.Bytes()))
	}, nil
}

// Sign sets the webhook-id, webhook-timestamp and webhook-signature headers in
// h. The parameter at is the time of the attempt. Use one id for all attempts
// of a message (see [NewID]). Sign each attempt with its own time, which Sign
// truncates to seconds. If the id or the time cannot be signed, h is unchanged
// and the error wraps [ErrMalformed].
func (s *Signer) Sign(h http.Header, id string, at time.Time, body []byte) error {
	if err := checkSignedID(id); err != nil {
		return err
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	if _, err := parseSeconds(stamp); err != nil {
		return refuse(ErrMalformed, "the timestamp to sign is before 1970 or too far in the future", nil)
	}
	var content Content
	for _, part := range []string{id, ".", stamp, "."} {
		content.WriteString(part)
	}
	content.WriteBody(body)
	entries := make([]string, len(s.keys))
	for i, k := range s.keys {
		entries[i] = k(&content)
	}
	for i, value := range []string{id, stamp, strings.Join(entries, " ")} {
		h[standardFamily[i]] = []string{value}
	}
	return nil
}

// checkSignedID rejects the ids that a receiver would reject.
func checkSignedID(id string) error {
	if id == "" || len(id) > maxIDBytes {
		return refuse(ErrMalformed, "a message id must have 1 to 256 bytes", nil)
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c > '~' || c == '.' {
			return refuse(ErrMalformed, "a message id must be printable ASCII without spaces or dots", nil)
		}
	}
	return nil
}

// NewID returns a new message id: "msg_" and 27 letters and digits that encode
// 160 random bits.
func NewID() string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	var raw [20]byte
	rand.Read(raw[:])
	n, base, digit := new(big.Int).SetBytes(raw[:]), big.NewInt(int64(len(alphabet))), new(big.Int)
	id := [31]byte{'m', 's', 'g', '_'}
	for i := len(id) - 1; i >= 4; i-- {
		n.DivMod(n, base, digit)
		id[i] = alphabet[digit.Int64()]
	}
	return string(id[:])
}

// GenerateSecret returns a new whsec_ secret of 32 random bytes. The sender and
// the receiver share it.
func GenerateSecret() string {
	var raw [32]byte
	rand.Read(raw[:])
	return "whsec_" + base64.StdEncoding.EncodeToString(raw[:])
}

// GenerateKeyPair returns a new ed25519 key pair. The whsk_ key (the seed)
// signs, and only the sender may have it. The whpk_ key verifies and may be
// public.
func GenerateKeyPair() (signing, public string) {
	var seed [ed25519.SeedSize]byte
	rand.Read(seed[:])
	pub := ed25519.NewKeyFromSeed(seed[:])[ed25519.SeedSize:]
	return "whsk_" + base64.StdEncoding.EncodeToString(seed[:]), "whpk_" + base64.StdEncoding.EncodeToString(pub)
}
