package schemes

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"

	"github.com/hookonce/hookonce/core"
)

// ecdsaRawKey verifies ECDSA over SHA-256 on P-256 and SHA-384 on P-384, whose signatures are r and s in full length, one behind the other.
type ecdsaRawKey struct {
	label string
	enc   core.Encoding
	key   *ecdsa.PublicKey
}

func (k *ecdsaRawKey) Verify(_ context.Context, a *core.Attempt) (bool, error) {
	var digest []byte
	for _, sig := range a.Signatures {
		if sig.Label != k.label {
			continue
		}
		if digest == nil {
			h := sha256.New()
			if k.key.Curve == elliptic.P384() {
				h = sha512.New384()
			}
			_, _ = a.Content.WriteTo(h) // a hash never fails
			digest = h.Sum(nil)
		}
		raw, ok := canonical(k.enc, sig.Text)
		if ok {
			raw, ok = rawToASN1(raw, (k.key.Curve.Params().BitSize+7)/8)
		}
		if ok && ecdsa.VerifyASN1(k.key, digest, raw) {
			return true, nil
		}
	}
	return false, nil
}

// rawToASN1 writes r and s as two INTEGERs in a SEQUENCE.
func rawToASN1(raw []byte, size int) ([]byte, bool) {
	if len(raw) != 2*size {
		return nil, false
	}
	integer := func(dst, b []byte) []byte {
		for len(b) > 1 && b[0] == 0 {
			b = b[1:]
		}
		if b[0] >= 0x80 {
			return append(append(dst, 2, byte(len(b)+1), 0), b...) //nolint:gosec // under 128
		}
		return append(append(dst, 2, byte(len(b))), b...) //nolint:gosec // under 128
	}
	body := integer(integer(make([]byte, 0, 2*size+6), raw[:size]), raw[size:])
	return append([]byte{0x30, byte(len(body))}, body...), true //nolint:gosec // under 128 bytes for the curves here
}
