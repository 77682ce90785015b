package schemes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"

	"github.com/hookonce/hookonce/core"
)

// ecdsaRaw returns a key that verifies ECDSA signatures consisting of r and s,
// each in full length, r first. The curve determines the hash: SHA-256 for
// P-256, SHA-384 for P-384 and SHA-512 for P-521.
func ecdsaRaw(label string, enc core.Encoding, key *ecdsa.PublicKey) *digestKey {
	hash := sha256.New
	switch key.Curve {
	case elliptic.P384():
		hash = sha512.New384
	case elliptic.P521():
		hash = sha512.New
	}
	return &digestKey{label, enc, hash, func(digest, signature []byte) bool {
		der, ok := rawToASN1(signature, (key.Curve.Params().BitSize+7)/8)
		return ok && ecdsa.VerifyASN1(key, digest, der)
	}}
}

// rawToASN1 converts r and s to two INTEGERs in a SEQUENCE, the only form that
// package crypto/ecdsa verifies.
func rawToASN1(raw []byte, size int) ([]byte, bool) {
	if len(raw) != 2*size {
		return nil, false
	}
	integer := func(dst, b []byte) []byte {
		// DER allows no leading zero bytes, except one if the value would be negative without it.
		for len(b) > 1 && b[0] == 0 {
			b = b[1:]
		}
		if b[0] >= 0x80 {
			return append(append(dst, 2, byte(len(b)+1), 0), b...) //nolint:gosec // under 128
		}
		return append(append(dst, 2, byte(len(b))), b...) //nolint:gosec // under 128
	}
	body := integer(integer(make([]byte, 0, 2*size+6), raw[:size]), raw[size:])
	sequence := []byte{0x30, byte(len(body))} //nolint:gosec // under 256 bytes for the curves here
	if len(body) >= 0x80 {
		sequence = []byte{0x30, 0x81, byte(len(body))} //nolint:gosec // as above
	}
	return append(sequence, body...), true
}
