package core

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"testing"
)

// TestNoRandomSecretIsTakenForAPublicKey also tries secrets that begin like
// DER, as one random secret in 2^16 does.
func TestNoRandomSecretIsTakenForAPublicKey(t *testing.T) {
	t.Parallel()
	for i := range 20_000 {
		secret := make([]byte, 16+i%84)
		_, _ = rand.Read(secret)
		if i%2 == 0 {
			copy(secret, []byte{0x30, 0x82, secret[2], secret[3], 0x30, byte(i >> 8), 0x06})
		}
		if i%3 == 0 {
			secret[0] = 4 // as points do
		}
		for _, text := range []string{string(secret), hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret)} {
			if form := publicForm([]byte(text)); form != "" {
				t.Fatalf("%q is taken for %s", text, form)
			}
		}
	}
}

func TestAJSONWebKeyOfASharedSecretIsNotPublic(t *testing.T) {
	t.Parallel()
	for text, public := range map[string]bool{
		`{"kty":"oct","k":"c2VjcmV0"}`: false, `{"keys":[{"kty":"oct"}]}`: false, `{"kty":"EC"}`: true, `{"keys":[{"kty":"oct"},{"kty":"RSA"}]}`: true,
		`{}`: false, `{"a":1}`: false, `{"kty":`: false,
	} {
		if got := publicForm([]byte(text)) != ""; got != public {
			t.Errorf("%s: public is %t", text, got)
		}
	}
}

func BenchmarkHMACKey(b *testing.B) {
	secret := []byte("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := HMACKey("v1", sha256.New, secret, Base64); err != nil {
			b.Fatal(err)
		}
	}
}
