package schemes

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"

	"github.com/hookonce/hookonce/core"
)

// These algorithms are separate from those in keys.go, so only a program that
// names one of them links the X.509 parser.
//
//nolint:gochecknoglobals // constants
var (
	ecdsaP256 = algorithm{public: ecdsaKey, secret: HexText, jwt: "ES256", inJWT: ecdsaRawKey, malleable: true}
	rsaSHA256 = algorithm{public: rsaSHA256Key, secret: Base64Text, jwt: "RS256"}
	rsaSHA512 = algorithm{public: rsaSHA512Key, secret: Base64Text, jwt: "RS512"}
)

// parsePublic parses a public key in SPKI form or from a certificate. It does
// not check the certificate's chain or dates, since a configured certificate is
// trusted.
func parsePublic(der []byte) (any, error) {
	if public, err := x509.ParsePKIXPublicKey(der); err == nil {
		return public, nil
	}
	if cert, err := x509.ParseCertificate(der); err == nil {
		return cert.PublicKey, nil
	}
	return nil, errors.New("this is neither a public key in SPKI form nor a certificate: copy the sender's whole public key again. From a PEM file, " +
		"copy the text between the BEGIN and END lines without its line breaks")
}

// ecdsaKey returns a key for [ECDSAP256].
func ecdsaKey(label string, raw []byte, enc core.Encoding) (core.VerifyKey, error) {
	key, err := parseP256(raw)
	if err != nil {
		return nil, err
	}
	return &digestKey{label, enc, sha256.New, func(digest, signature []byte) bool { return ecdsa.VerifyASN1(key, digest, signature) }}, nil
}

// ecdsaRawKey returns a key for ES256, whose signatures are r and s, each in
// full length.
func ecdsaRawKey(label string, raw []byte, enc core.Encoding) (core.VerifyKey, error) {
	key, err := parseP256(raw)
	if err != nil {
		return nil, err
	}
	return ecdsaRaw(label, enc, key), nil
}

func parseP256(raw []byte) (*ecdsa.PublicKey, error) {
	public, err := parsePublic(raw)
	if err != nil {
		return nil, err
	}
	key, ok := public.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("this key is not an ECDSA key on P-256: copy the sender's P-256 public key")
	}
	return key, nil
}

// rsaSHA256Key returns a key for [RSASHA256], and rsaSHA512Key one for
// [RSASHA512].
func rsaSHA256Key(label string, raw []byte, enc core.Encoding) (core.VerifyKey, error) {
	return parseRSA(label, raw, enc, crypto.SHA256)
}

func rsaSHA512Key(label string, raw []byte, enc core.Encoding) (core.VerifyKey, error) {
	return parseRSA(label, raw, enc, crypto.SHA512)
}

func parseRSA(label string, raw []byte, enc core.Encoding, hash crypto.Hash) (core.VerifyKey, error) {
	public, err := parsePublic(raw)
	if err != nil {
		return nil, err
	}
	key, ok := public.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("this key is not an RSA key: copy the sender's RSA public key")
	}
	return newRSAKey(label, enc, key, hash, false)
}
