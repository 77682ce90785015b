package schemes

import (
	"context"
	"crypto"
	"crypto/rsa"
	"fmt"

	"github.com/hookonce/hookonce/core"
)

// rsaKey verifies RSA with PKCS #1 v1.5 or PSS.
type rsaKey struct {
	label string
	enc   core.Encoding
	key   *rsa.PublicKey
	hash  crypto.Hash
	pss   bool
}

func (k *rsaKey) Verify(_ context.Context, a *core.Attempt) (bool, error) {
	var digest []byte
	for _, sig := range a.Signatures {
		if sig.Label != k.label {
			continue
		}
		if digest == nil {
			h := k.hash.New()
			_, _ = a.Content.WriteTo(h) // a hash never fails
			digest = h.Sum(nil)
		}
		raw, ok := canonical(k.enc, sig.Text)
		if !ok || len(raw) != k.key.Size() {
			continue
		}
		var err error
		if k.pss {
			err = rsa.VerifyPSS(k.key, k.hash, digest, raw, &rsa.PSSOptions{SaltLength: k.hash.Size(), Hash: k.hash})
		} else {
			err = rsa.VerifyPKCS1v15(k.key, k.hash, digest, raw)
		}
		if err == nil {
			return true, nil
		}
	}
	return false, nil
}

// newRSAKey refuses what is too short to trust.
func newRSAKey(label string, enc core.Encoding, key *rsa.PublicKey, h crypto.Hash, pss bool) (*rsaKey, error) {
	if key.Size() < 256 {
		return nil, fmt.Errorf("an RSA key of %d bits: at least 2048 are needed", key.N.BitLen())
	}
	return &rsaKey{label, enc, key, h, pss}, nil
}
