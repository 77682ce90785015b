package schemes

import (
	"crypto"
	"crypto/rsa"
	"fmt"

	"github.com/hookonce/hookonce/core"
)

// newRSAKey returns a key that verifies RSA signatures with PKCS #1 v1.5 or
// PSS. It rejects keys of less than 2048 bits, which are too weak to trust.
func newRSAKey(label string, enc core.Encoding, key *rsa.PublicKey, h crypto.Hash, pss bool) (*digestKey, error) {
	if key.Size() < 256 {
		return nil, fmt.Errorf("this RSA key has %d bits, but at least 2048 are needed", key.N.BitLen())
	}
	return &digestKey{label, enc, h.New, func(digest, signature []byte) bool {
		if pss {
			return rsa.VerifyPSS(key, h, digest, signature, &rsa.PSSOptions{SaltLength: h.Size(), Hash: h}) == nil
		}
		return rsa.VerifyPKCS1v15(key, h, digest, signature) == nil
	}}, nil
}
