package schemes

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/testmode"
)

// shared reports whether whoever can verify with the key can also sign with it.
func shared(key core.VerifyKey) bool { return holds(reflect.ValueOf(key), 0) }

func holds(v reflect.Value, depth int) bool {
	if !v.IsValid() || depth > 6 {
		return false
	}
	if t := v.Type().String(); t == "core.hmacKey" || t == "schemes.tokenKey" {
		return true
	}
	parts := 0
	var part func(int) reflect.Value
	switch v.Kind() { //nolint:exhaustive // nothing else holds a key
	case reflect.Interface, reflect.Pointer:
		return !v.IsNil() && holds(v.Elem(), depth+1)
	case reflect.Struct:
		parts, part = v.NumField(), v.Field
	case reflect.Slice:
		parts, part = v.Len(), v.Index
	}
	for i := range parts {
		if holds(part(i), depth+1) {
			return true
		}
	}
	return false
}

// everyScheme returns the scheme of every name in the registry, and an Any with
// both kinds of keys.
func everyScheme(tb testing.TB) map[string]core.Scheme {
	tb.Helper()
	all := map[string]core.Scheme{}
	for _, name := range Names() {
		s, err := New(name, Settings{
			URL: "https://example.com/hook", VerifyToken: "t", Audience: "a", Header: "X-Token", DangerouslyReplayable: true,
		})
		if err != nil {
			tb.Fatal(err)
		}
		all[name] = s
	}
	asymmetric, err := Template{Name: "signed", Signature: Header("X-Signed"), Algorithm: Ed25519, Secret: HexText, Content: "{body}"}.Scheme()
	if err != nil {
		tb.Fatal(err)
	}
	der, err := Template{Name: "der", Signature: Header("X-Der"), Algorithm: ECDSAP256, Secret: Base64Text, Content: "{body}"}.Scheme()
	if err != nil {
		tb.Fatal(err)
	}
	if all["Any"], err = Any("moving", asymmetric, GitHub(), der); err != nil {
		tb.Fatal(err)
	}
	return all
}

// isShared is like shared, but also counts every key of a scheme without public
// keys as shared.
func isShared(s core.Scheme, key core.VerifyKey) bool {
	return !core.FactsOf(s).PublicKeys || shared(key)
}

// mixed reports whether ParseKey accepts both shared secrets and public keys.
func mixed(tb testing.TB, s core.Scheme) bool {
	tb.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	b64 := base64.StdEncoding.EncodeToString
	kinds := map[bool]bool{}
	for _, p := range []string{core.GenerateSecret(), "hmac-sha256:" + b64([]byte("a secret of 24 bytes or more")), "github:a secret", "whpk_" + b64(public), "ed25519:" + b64(public), "signed:" + hex.EncodeToString(public)} {
		if key, err := s.ParseKey(p); err == nil {
			kinds[isShared(s, key)] = true
		}
	}
	return len(kinds) == 2
}

// anyBytes reports whether a form of public keys looks like random bytes.
func anyBytes(form string) bool {
	return strings.HasPrefix(form, "ed25519 bytes") || strings.HasPrefix(form, "compressed") || strings.HasPrefix(form, "parts")
}

// publicTexts returns complete public keys in the forms in which people publish
// them, by name.
func publicTexts(tb testing.TB) map[string]string {
	tb.Helper()
	must := func(b []byte, err error) []byte {
		if err != nil {
			tb.Fatal(err)
		}
		return b
	}
	edPublic, edPrivate, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	rsaPrivate, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	keys := map[string]crypto.Signer{"ed25519": edPrivate, "rsa": rsaPrivate}
	for name, curve := range map[string]elliptic.Curve{"p256": elliptic.P256(), "p384": elliptic.P384(), "p521": elliptic.P521()} {
		if keys[name], err = ecdsa.GenerateKey(curve, rand.Reader); err != nil {
			tb.Fatal(err)
		}
	}
	texts := map[string]string{}
	ssh := func(name string, parts ...[]byte) {
		var wire []byte
		for _, p := range append([][]byte{[]byte(name)}, parts...) {
			wire = binary.BigEndian.AppendUint32(wire, uint32(len(p)))
			wire = append(wire, p...)
		}
		texts["OpenSSH "+name] = name + " " + base64.StdEncoding.EncodeToString(wire) + " somebody@example.com"
		texts["OpenSSH wire "+name] = string(wire)
	}
	ssh("ssh-ed25519", edPublic)
	ssh("ssh-rsa", big.NewInt(int64(rsaPrivate.E)).Bytes(), append([]byte{0}, rsaPrivate.N.Bytes()...))
	texts["PKCS 1"] = string(x509.MarshalPKCS1PublicKey(&rsaPrivate.PublicKey))
	texts["ed25519 bytes"] = string(edPublic)
	for name, key := range keys {
		spki := must(x509.MarshalPKIXPublicKey(key.Public()))
		template := &x509.Certificate{SerialNumber: big.NewInt(1 << 40), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"sender.example"}}
		cert := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
		texts["SPKI "+name], texts["certificate "+name] = string(spki), string(cert)
		texts["PEM "+name] = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
		texts["PEM certificate "+name] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
		jwk := map[string]string{"kid": "k1", "use": "sig"}
		url := base64.RawURLEncoding.EncodeToString
		switch public := key.Public().(type) {
		case ed25519.PublicKey:
			jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", url(public)
		case *ecdsa.PublicKey:
			point := must(public.Bytes())
			size := len(point) / 2
			jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", public.Curve.Params().Name, url(point[1:1+size]), url(point[1+size:])
			texts["point "+name] = string(point)
			texts["compressed point "+name] = string(append([]byte{2 + point[2*size]&1}, point[1:1+size]...))
		case *rsa.PublicKey:
			jwk["kty"], jwk["n"], jwk["e"] = "RSA", url(public.N.Bytes()), url(big.NewInt(int64(public.E)).Bytes())
		}
		one := must(json.Marshal(jwk))
		texts["JWK "+name], texts["JWKS "+name] = string(one), `{"keys":[`+string(one)+`]}`
		texts["parts of JWK "+name] = strings.Join(slices.Sorted(maps.Values(jwk)), "\n")
	}
	return texts
}

// encoded returns b as it is and in every usual encoding.
func encoded(b string) []string {
	raw := []byte(b)
	all := []string{
		base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw), base64.URLEncoding.EncodeToString(raw),
		base64.RawURLEncoding.EncodeToString(raw), hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)), b,
	}
	return append(all, base64.StdEncoding.EncodeToString([]byte(all[0])), base64.StdEncoding.EncodeToString([]byte(all[4])))
}

// brokenAt returns the lines of a text wrapped at width.
func brokenAt(width int, text string) []string {
	var lines []string
	for chunk := range slices.Chunk([]byte(text), width) {
		lines = append(lines, string(chunk))
	}
	return lines
}

func brokenLines(text string) string { return strings.Join(brokenAt(64, text), "\n") }

func TestNoPartOfAPublicKeyIsTakenForASharedSecret(t *testing.T) {
	t.Parallel()
	all := everyScheme(t)
	for _, name := range []string{"rfc9421", "standard", "Any"} {
		if !mixed(t, all[name]) {
			t.Fatalf("%s does not take both kinds of key", name)
		}
	}
	for name, s := range all { // of the others every key is a shared secret: see the next test
		if !core.FactsOf(s).PublicKeys || s == core.Scheme(core.StandardWebhooks{}) && name != "standard" {
			delete(all, name)
		}
	}
	texts := publicTexts(t)
	step := 1
	if testmode.Brief() {
		step = 37 // no divisor of the groups of base64
	}
	for name, s := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tried, wrong := 0, 0
			try := func(what, text string) {
				tried++
				if key, err := s.ParseKey(text); err == nil && shared(key) {
					if wrong++; wrong <= 5 {
						t.Errorf("%s is a shared secret: %.60q", what, text)
					}
				}
			}
			for form, whole := range texts {
				for _, text := range encoded(whole) {
					try(form, text)
					for _, quote := range []string{`"`, "'", " ", "\n"} {
						try(form+" between "+quote, quote+text+quote)
					}
					for piece := range strings.FieldsSeq(text) {
						try("a word of "+form, piece)
					}
					for _, width := range []int{64, 70, 76} {
						for _, line := range brokenAt(width, text) {
							try("a line of "+form, line)
						}
					}
					for at := 0; at < len(text); at += step {
						try("the beginning of "+form, text[:at])
						try("the end of "+form, text[at:])
						try("the middle of "+form, text[at/2:at])
					}
				}
				for at := 0; at < len(whole); at += step { // cut before it was encoded: each is whole base64
					try("the beginning of "+form+" in base64", base64.StdEncoding.EncodeToString([]byte(whole[:at])))
					try("the end of "+form+" in base64", base64.StdEncoding.EncodeToString([]byte(whole[at:])))
				}
			}
			t.Logf("%d texts tried, %d taken", tried, wrong)
		})
	}
}

// A shared secret may be any text, even a piece of a public key. But every
// scheme recognizes a complete public key.
func TestNoNameTakesAWholePublicKeyForASharedSecret(t *testing.T) {
	t.Parallel()
	texts := publicTexts(t)
	before := map[string]string{"braintree": "public:", "chargebee": "name:", "postmark": "name:"}
	for name, s := range everyScheme(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for form, whole := range texts {
				if anyBytes(form) {
					continue
				}
				for _, text := range encoded(whole) {
					if key, err := s.ParseKey(before[name] + text); err == nil && isShared(s, key) {
						t.Errorf("%s is a shared secret: %.60q", form, text)
					}
				}
			}
		})
	}
}

// The algorithm of a shared secret before a public key is a contradiction.
func TestAPublicKeyWithTheLabelOfASharedSecretIsRefused(t *testing.T) {
	t.Parallel()
	b64 := base64.StdEncoding.EncodeToString
	for name, label := range map[string]string{"rfc9421": "hmac-sha256:", "standard": "whsec_"} {
		s, err := New(name, Settings{URL: "https://example.com"})
		if err != nil {
			t.Fatal(err)
		}
		for form, whole := range publicTexts(t) {
			if anyBytes(form) {
				continue
			}
			for _, text := range append(encoded(whole), b64([]byte(`"`+b64([]byte(whole))+`"`)), b64([]byte(brokenLines(b64([]byte(whole)))))) {
				key, err := s.ParseKey(label + text)
				if err == nil && shared(key) {
					t.Errorf("%s: %s with %q is a shared secret: %.60q", name, form, label, text)
				}
			}
			if !strings.HasPrefix(form, "SPKI") && !strings.HasPrefix(form, "certificate") && !strings.HasPrefix(form, "PEM") {
				continue
			}
			for at := 30; at < len(whole); at++ { // the beginning says what it is
				if key, err := s.ParseKey(label + b64([]byte(whole[:at]))); err == nil && shared(key) {
					t.Errorf("%s: the first %d bytes of %s with %q are a shared secret", name, at, form, label)
					break
				}
			}
		}
		if _, err := s.ParseKey(label + b64([]byte("a secret like many others, 42 bytes of it."))); err != nil {
			t.Errorf("%s: a secret is refused: %v", name, err)
		}
	}
}

func TestASecretOfAnAnyWithBothKindsNamesItsMember(t *testing.T) {
	t.Parallel()
	moving := everyScheme(t)["Any"]
	public := hex.EncodeToString(bytes.Repeat([]byte{7}, 32))
	for text, kind := range map[string]bool{"github:a secret: any text": true, "github:" + public: true, "signed:" + public: false} {
		key, err := moving.ParseKey(text)
		if err != nil || shared(key) != kind {
			t.Errorf("%q: a shared secret: %t, %v", text, err == nil && shared(key), err)
		}
	}
	for _, text := range []string{public, "a secret", "git:" + public, ":" + public, "signed:a secret", "signed", ""} {
		if _, err := moving.ParseKey(text); err == nil {
			t.Errorf("%q: accepted", text)
		} else if strings.Contains(err.Error(), public) {
			t.Errorf("the error quotes the key: %v", err)
		}
	}
	twin, err := Template{Name: "github", Signature: Header("X-Signed"), Algorithm: Ed25519, Secret: HexText, Content: "{body}"}.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Any("x", GitHub(), twin); err == nil {
		t.Error("two members of one name, with keys of both kinds: accepted")
	}
}

// A secret that is hashed as part of the text is a shared secret too.
func TestAPublicKeyIsNoSecretInATextAndNoOtherKindOfKey(t *testing.T) {
	t.Parallel()
	build := func(a Algorithm, form SecretText, content string) core.Scheme {
		s, err := Template{Name: "acme", Signature: Header("X-Signature"), Algorithm: a, Secret: form, Content: content}.Scheme()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	inside := map[string]core.Scheme{
		"a hash":  build(SHA256, Verbatim, "{body}{secret}"),
		"an HMAC": build(HMACSHA256, Verbatim, "{body}{secret}"),
		"base64":  build(SHA256, Base64Text, "{body}{secret}"),
	}
	rsaOnly := build(RSASHA256, Base64Text, "{body}")
	for form, whole := range publicTexts(t) {
		text := base64.StdEncoding.EncodeToString([]byte(whole))
		if key, err := rsaOnly.ParseKey(text); err == nil && (shared(key) || form != "SPKI rsa" && form != "certificate rsa") {
			t.Errorf("%s is a key of RSA", form)
		}
		if anyBytes(form) {
			continue
		}
		for name, s := range inside {
			if _, err := s.ParseKey(text); err == nil && (name == "base64" || !strings.HasPrefix(form, "parts")) {
				t.Errorf("%s: %s is a secret", name, form)
			}
		}
	}
	for name, s := range inside {
		if key, err := s.ParseKey("c2VjcmV0IG9mIG91cnMsIGxvbmcgZW5vdWdo"); err != nil || !shared(key) {
			t.Errorf("%s: a secret is none: %v", name, err)
		}
	}
}
