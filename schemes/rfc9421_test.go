package schemes_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/whtest"
)

// msgNow is the time of signing and verification.
var msgNow = time.Unix(1618884473, 0)

// msgSign is the sender's part: it signs a signature base.
type msgSign func(base []byte) []byte

// msgSigner writes signature bases from RFC 9421, apart from the package under test.
type msgSigner struct {
	host, path, query string   // of the public address
	cover             []string // as they stand in Signature-Input: `"@method"`
	params            string   // after created
	label             string
	param             string // what is signed of the parameter b
	sign              msgSign
}

// webhook returns a signer that covers what the default profile requires, and a
// little more.
func webhook(sign msgSign) msgSigner {
	return msgSigner{
		host: "example.com", path: "/hook", query: "a=1&b=two%20words",
		cover: []string{`"@method"`, `"@target-uri"`, `"content-digest"`, `"content-type"`}, params: `;keyid="key-1"`, label: "sig1", sign: sign,
	}
}

func (s msgSigner) request(at time.Time, body []byte) *core.Request {
	sum := sha256.Sum256(body)
	r := &core.Request{Method: http.MethodPost, URL: s.path + "?" + s.query, Body: bytes.Clone(body), Header: http.Header{
		"Content-Type":   {"application/json"},
		"Content-Digest": {"sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"},
	}}
	s.signTo(r, at)
	return r
}

// signTo signs r as it is.
func (s msgSigner) signTo(r *core.Request, at time.Time) {
	var base strings.Builder
	for _, c := range s.cover {
		name, err := strconv.Unquote(strings.SplitN(c, ";", 2)[0])
		if err != nil {
			panic(err)
		}
		value := strings.Join(r.Header.Values(name), ", ")
		switch name {
		case "@method":
			value = r.Method
		case "@authority":
			value = s.host
		case "@scheme":
			value = "https"
		case "@target-uri":
			value = "https://" + s.host + s.path + "?" + s.query
		case "@path":
			value = s.path
		case "@query":
			value = "?" + s.query
		case "@request-target":
			value = s.path + "?" + s.query
		case "@query-param":
			value = cmp.Or(s.param, "two%20words")
		}
		base.WriteString(c + ": " + value + "\n")
	}
	input := "(" + strings.Join(s.cover, " ") + ");created=" + strconv.FormatInt(at.Unix(), 10) + s.params
	base.WriteString(`"@signature-params": ` + input)
	asMap(r.Header).Set("Signature-Input", s.label+"="+input)
	asMap(r.Header).Set("Signature", s.label+"=:"+base64.StdEncoding.EncodeToString(s.sign([]byte(base.String())))+":")
}

func msgHMAC(secret string) msgSign {
	return func(base []byte) []byte {
		h := hmac.New(sha256.New, []byte(secret))
		h.Write(base)
		return h.Sum(nil)
	}
}

func msgECDSA(tb testing.TB, curve elliptic.Curve) (msgSign, string) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	size := (curve.Params().BitSize + 7) / 8
	return func(base []byte) []byte {
		sum := sha256.Sum256(base)
		digest := sum[:]
		if size == 48 {
			sum := sha512.Sum384(base)
			digest = sum[:]
		}
		r, s, err := ecdsa.Sign(rand.Reader, key, digest)
		if err != nil {
			panic(err)
		}
		raw := make([]byte, 2*size)
		r.FillBytes(raw[:size])
		s.FillBytes(raw[size:])
		return raw
	}, msgPublic(tb, &key.PublicKey)
}

// msgPublic is a public key as SPKI DER in base64.
func msgPublic(tb testing.TB, public crypto.PublicKey) string {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		tb.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func msgEd25519(tb testing.TB) (msgSign, ed25519.PublicKey) {
	tb.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return func(base []byte) []byte { return ed25519.Sign(private, base) }, public
}

const (
	msgSecret   = "a secret of the tests, of 38 characters"
	msgStranger = "another one, of about the same length."
	msgURL      = "https://example.com"
)

func msgKey(alg, raw string) string {
	return alg + ":" + base64.StdEncoding.EncodeToString([]byte(raw))
}

func msgVerifier(tb testing.TB, p schemes.SignatureProfile, keys ...string) *core.Verifier {
	tb.Helper()
	v, err := core.New(core.Secrets(keys...), memstore.New(), &core.Config{
		Scheme: schemes.HTTPSignatures(p), Clock: func() time.Time { return msgNow }, DangerouslyReplayableAfterRestart: true,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// wantReason checks that r is refused for reason, or accepted if that is nil.
// The error must contain every text.
func wantReason(t *testing.T, v *core.Verifier, r *core.Request, reason error, texts ...string) {
	t.Helper()
	_, err := v.Verify(context.Background(), r)
	if reason == nil && err != nil || reason != nil && !errors.Is(err, reason) {
		t.Errorf("got %v, want %v", err, reason)
		return
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q says nothing of %q", err, text)
		}
	}
}

func TestRFC9421IsAScheme(t *testing.T) {
	t.Parallel()
	run := func(name, url string, s msgSigner, key, stranger string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whtest.TestScheme(t, whtest.Subject{
				Scheme: schemes.HTTPSignatures(schemes.SignatureProfile{URL: url}), Secret: key, Stranger: stranger,
				Sign: func(_ string, at time.Time, content []byte) *core.Request { return s.request(at, content) },
			})
		})
	}
	run("hmac", msgURL, webhook(msgHMAC(msgSecret)), msgKey("hmac-sha256", msgSecret), msgKey("hmac-sha256", msgStranger))

	sign, public := msgEd25519(t)
	_, stranger := msgEd25519(t)
	s := webhook(sign)
	s.cover, s.params = []string{`"@method"`, `"@authority"`, `"content-digest"`, `"content-type"`}, `;nonce="n-1";alg="ed25519"`
	run("ed25519", msgURL+"/hook?"+s.query, s, msgKey("ed25519", string(public)), msgKey("ed25519", string(stranger)))

	sign, spki := msgECDSA(t, elliptic.P256())
	_, other := msgECDSA(t, elliptic.P256())
	run("ecdsa", msgURL+"/hook", webhook(sign), "key-1@ecdsa-p256-sha256:"+spki, "ecdsa-p256-sha256:"+other)
}

// pssPublic is test-key-rsa-pss of RFC 9421, appendix B.1.2.
const pssPublic = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+" +
	"oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHqgDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W" +
	"Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI2wIDAQAB"

func TestRFC9421Vectors(t *testing.T) {
	t.Parallel()
	bare := core.Request{}
	for _, v := range vectors(t) {
		if v.Provider != "rfc9421" {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			r := v.request()
			asMap(r.Header).Del("Host") // as servers do
			key := v.Secret + v.PublicKey
			wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL, DangerouslyAnyComponents: true}, key), r, nil)
			wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: v.URL, DangerouslyAnyComponents: true}, key), r, nil)
			wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: "https://EXAMPLE.com:443/foo", DangerouslyAnyComponents: true}, key), r, nil)
			wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, key), r, core.ErrMalformed, "does not cover")
			wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: "https://example.org", DangerouslyAnyComponents: true}, key), r, core.ErrNoMatch)
			m, err := msgVerifier(t, schemes.SignatureProfile{URL: msgURL, DangerouslyAnyComponents: true}, key).Verify(context.Background(), r)
			if err != nil || m.BodySigned {
				t.Errorf("BodySigned is %t, and the digest is not covered; error %v", m.BodySigned, err)
			}
		})
		bare = *v.request()
	}
	if bare.Method == "" {
		t.Fatal("no vectors")
	}
	// The same request under the RSA key: appendix B.2.1, B.2.2 and B.2.3.
	for _, v := range []struct {
		input, signature string
		webhook          bool
	}{
		{
			`sig-b21=();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"`,
			"sig-b21=:d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG" +
				"52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HEL" +
				"jVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==:",
			false,
		},
		{
			`sig-b22=("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example"`,
			"sig-b22=:LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT" +
				"8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcs" +
				"Ik4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==:",
			false,
		},
		{
			`sig-b23=("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");` +
				`created=1618884473;keyid="test-key-rsa-pss"`,
			"sig-b23=:bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fU" +
				"xN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvf" +
				"rs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==:",
			true,
		},
	} {
		r := bare
		r.Header = bare.Header.Clone()
		asMap(r.Header).Set("Signature-Input", v.input)
		asMap(r.Header).Set("Signature", v.signature)
		any9421 := schemes.SignatureProfile{URL: msgURL, DangerouslyAnyComponents: true}
		wantReason(t, msgVerifier(t, any9421, "rsa-pss-sha512:"+pssPublic), &r, nil)
		wantReason(t, msgVerifier(t, any9421, "test-key-rsa-pss@rsa-pss-sha512:"+pssPublic), &r, nil)
		wantReason(t, msgVerifier(t, any9421, "rsa-v1_5-sha256:"+pssPublic), &r, core.ErrNoMatch)
		want := core.ErrMalformed
		if v.webhook {
			want = ""
		}
		_, err := msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, "rsa-pss-sha512:"+pssPublic).Verify(context.Background(), &r)
		if want == "" && err != nil || want != "" && !errors.Is(err, want) {
			t.Errorf("%.8s under the webhook profile: %v", v.input, err)
		}
	}
}

func TestRFC9421EveryAlgorithmAndKeyForm(t *testing.T) {
	t.Parallel()
	p256, p256Key := msgECDSA(t, elliptic.P256())
	p384, p384Key := msgECDSA(t, elliptic.P384())
	ed, edKey := msgEd25519(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs := func(base []byte) []byte {
		sum := sha256.Sum256(base)
		sig, _ := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		return sig
	}
	pss := func(base []byte) []byte {
		sum := sha512.Sum512(base)
		sig, _ := rsa.SignPSS(rand.Reader, key, crypto.SHA512, sum[:], &rsa.PSSOptions{SaltLength: 64})
		return sig
	}
	rsaKey, edSPKI := msgPublic(t, &key.PublicKey), msgPublic(t, edKey)
	for _, c := range []struct {
		alg  string
		sign msgSign
		keys []string
	}{
		{"hmac-sha256", msgHMAC(msgSecret), []string{msgKey("hmac-sha256", msgSecret), msgKey("key-1@hmac-sha256", msgSecret)}},
		{"ed25519", ed, []string{msgKey("ed25519", string(edKey)), msgKey("", string(edKey))[1:], "ed25519:" + edSPKI, edSPKI}},
		{"ecdsa-p256-sha256", p256, []string{"ecdsa-p256-sha256:" + p256Key, p256Key, "key-1@ecdsa-p256-sha256:" + p256Key}},
		{"ecdsa-p384-sha384", p384, []string{"ecdsa-p384-sha384:" + p384Key, p384Key}},
		{"rsa-v1_5-sha256", pkcs, []string{"rsa-v1_5-sha256:" + rsaKey}},
		{"rsa-pss-sha512", pss, []string{"rsa-pss-sha512:" + rsaKey}},
	} {
		for _, text := range c.keys {
			v := msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, text)
			s := webhook(c.sign)
			wantReason(t, v, s.request(msgNow, []byte(`{}`)), nil)
			s.params += `;alg="` + c.alg + `"`
			wantReason(t, v, s.request(msgNow, []byte(`{"n":1}`)), nil)
			s.params = `;keyid="key-1";alg="none"`
			wantReason(t, v, s.request(msgNow, []byte(`{}`)), core.ErrNoMatch)
			s.params = `;keyid="key-1";alg=""`
			wantReason(t, v, s.request(msgNow, []byte(`{}`)), core.ErrNoMatch)
		}
	}
	v := msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, msgKey("https://a.example/keys:2@hmac-sha256", msgSecret))
	s := webhook(msgHMAC(msgSecret))
	wantReason(t, v, s.request(msgNow, nil), core.ErrNoMatch)
	s.params = `;keyid="https://a.example/keys:2"`
	wantReason(t, v, s.request(msgNow, nil), nil)
	s.params = ""
	wantReason(t, v, s.request(msgNow, nil), core.ErrNoMatch)
}

func TestRFC9421KeysThatAreRefused(t *testing.T) {
	t.Parallel()
	scheme := schemes.HTTPSignatures(schemes.SignatureProfile{URL: msgURL})
	_, p256Key := msgECDSA(t, elliptic.P256())
	_, p521Key := msgECDSA(t, elliptic.P521())
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := string(x509.MarshalPKCS1PublicKey(&small.PublicKey))
	for name, text := range map[string]string{
		"nothing": "", "no algorithm": ":" + p256Key, "no key id": "@ed25519:" + p256Key, "no key": "ed25519:", "a bare RSA key": pssPublic,
		"another algorithm": "rsa-sha1:" + pssPublic, "no base64": "hmac-sha256:" + msgSecret, "a line break": "hmac-sha256:AAAA\nAAAAAAAAAAAAAAAAAAAAAAAA",
		"a short secret": msgKey("hmac-sha256", "too short"), "a bare secret": msgKey("", msgSecret)[1:],
		"a public key as a secret": "hmac-sha256:" + p256Key, "PKCS 1 as a secret": msgKey("hmac-sha256", pkcs1), "bare PKCS 1": msgKey("", pkcs1)[1:],
		"a bare point": msgKey("", "\x02"+msgSecret[:32])[1:], "another curve": p521Key, "P-256 as P-384": "ecdsa-p384-sha384:" + p256Key,
		"EC as ed25519": "ed25519:" + p256Key, "EC as RSA": "rsa-pss-sha512:" + p256Key, "RSA as EC": "ecdsa-p256-sha256:" + pssPublic,
		"a short RSA key": "rsa-pss-sha512:" + msgPublic(t, &small.PublicKey), "a small ed25519 key": msgKey("ed25519", strings.Repeat("\x00", 32)),
		"64 bytes of ed25519": msgKey("ed25519", strings.Repeat("k", 64)),
	} {
		_, err := scheme.ParseKey(text)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if _, encoded, _ := strings.Cut(text, ":"); len(encoded) > 8 && strings.Contains(err.Error(), encoded[:8]) || strings.Contains(err.Error(), "rsa-sha1") {
			t.Errorf("%s: the error quotes the key: %v", name, err)
		}
	}
}

// In an earlier version, the lines of a wrapped public key counted as shared
// secrets, so anybody with the key could sign.
func TestRFC9421TheLinesOfAPublicKeyAreRefusedAtStart(t *testing.T) {
	t.Parallel()
	lines := strings.Join([]string{pssPublic[:64], pssPublic[64:128], pssPublic[128:192], pssPublic[192:256], pssPublic[256:]}, "\n")
	file := "-----BEGIN PUBLIC KEY-----\n" + lines + "\n-----END PUBLIC KEY-----\n"
	config := &core.Config{Scheme: schemes.HTTPSignatures(schemes.SignatureProfile{URL: msgURL})}
	for name, c := range map[string]struct {
		texts []string
		says  string
	}{
		"the file":                  {[]string{file}, "PEM"},
		"the lines":                 {[]string{lines}, "join"},
		"with its algorithm":        {[]string{"rsa-pss-sha512:" + lines}, "join"},
		"with a key id":             {[]string{"key-1@rsa-pss-sha512:" + lines}, "join"},
		"in two":                    {[]string{pssPublic[:200] + " " + pssPublic[200:]}, "join"},
		"split as several":          {strings.Fields(lines), "hmac-sha256:"},
		"the file split as several": {strings.Fields(file), "on one line"},
		"the algorithm split off":   {strings.Fields("rsa-pss-sha512:" + lines), "copy the sender's whole public key again"},
		"JSON":                      {[]string{`{"kty": "OKP", "crv": "Ed25519", "x": "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}`}, "JSON"},
		"OpenSSH":                   {[]string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICa0C4+T//PYlxEvfrxYKyMtvXJRfQgv6Dz7MN3OQ9G7 a@b"}, "OpenSSH"},
	} {
		_, err := core.New(core.Secrets(c.texts...), memstore.New(), config)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want it to say %q", name, err, c.says)
			continue
		}
		if strings.Contains(err.Error(), "strings.Fields") || strings.Contains(err.Error(), pssPublic[64:80]) {
			t.Errorf("%s: leads to the wrong place, or quotes the key: %v", name, err)
		}
	}
}

func TestHTTPSignaturesContentDigest(t *testing.T) {
	t.Parallel()
	s := webhook(msgHMAC(msgSecret))
	v := msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, msgKey("hmac-sha256", msgSecret))
	body := []byte(`{"amount":1}`)
	sum256, sum512 := sha256.Sum256(body), sha512.Sum512(body)
	good256 := "sha-256=:" + base64.StdEncoding.EncodeToString(sum256[:]) + ":"
	good512 := "sha-512=:" + base64.StdEncoding.EncodeToString(sum512[:]) + ":"
	other := sha256.Sum256([]byte("other"))
	bad := "sha-256=:" + base64.StdEncoding.EncodeToString(other[:]) + ":"
	for digest, want := range map[string]error{
		good256: nil, good512: nil, good256 + ", " + good512: nil, "md5=:AAAA:, " + good512: nil, "unknown=(1 2);q=1, " + good256: nil,
		bad: core.ErrNoMatch, good512 + ", " + bad: core.ErrNoMatch, "sha-512=:AAAA:": core.ErrNoMatch, "sha-256=::": core.ErrNoMatch,
		"md5=:AAAA:": core.ErrMalformed, "sha-256": core.ErrMalformed, `sha-256="AAAA"`: core.ErrMalformed, good256 + ", " + good256: core.ErrMalformed,
		"sha-256=AAAA": core.ErrMalformed, good256 + ",": core.ErrMalformed, "SHA-256=:AAAA:": core.ErrMalformed, strings.TrimSuffix(good256, ":"): core.ErrMalformed,
	} {
		r := s.request(msgNow, body)
		asMap(r.Header).Set("Content-Digest", digest)
		s.signTo(r, msgNow) // the signature is valid, whatever the digest says
		t.Log(digest)
		wantReason(t, v, r, want)
	}
	r := s.request(msgNow, body)
	m, err := v.Verify(context.Background(), r)
	if err != nil || !m.BodySigned {
		t.Errorf("BodySigned is %t, error %v", m.BodySigned, err)
	}
	r.Body[2]++
	wantReason(t, v, r, core.ErrNoMatch, "Content-Digest is not the hash of this body")
	asMap(r.Header).Del("Content-Digest")
	wantReason(t, v, r, core.ErrMissingHeader, "Content-Digest")
}

func TestHTTPSignaturesComponents(t *testing.T) {
	t.Parallel()
	s := webhook(msgHMAC(msgSecret))
	key := msgKey("hmac-sha256", msgSecret)
	s.cover = append(s.cover, `"@authority"`, `"@scheme"`, `"@path"`, `"@query"`, `"@request-target"`, `"@query-param";name="b"`, `"x-list"`, `"x-empty"`)
	r := s.request(msgNow, nil)
	asMap(r.Header)["X-List"] = []string{"one", "two, three"}
	asMap(r.Header)["X-Empty"] = []string{""}
	s.signTo(r, msgNow)
	asMap(r.Header)["X-List"] = []string{"  one\t", " two, three "}
	for _, url := range []string{msgURL, msgURL + "/hook", msgURL + "/hook?" + s.query} {
		wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: url}, key), r, nil)
	}
	asMap(r.Header).Set("Host", "evil.example")
	asMap(r.Header).Set("X-Forwarded-Host", "evil.example")
	r.URL = "http://evil.example" + r.URL // a claim that counts for nothing
	wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, key), r, nil)
	r.URL = "/other?" + s.query
	wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, key), r, core.ErrNoMatch)
	r.URL = s.path
	wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, key), r, core.ErrMalformed, "no parameter")
	wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL + "/hook?" + s.query}, key), r, core.ErrMalformed, "configured URL")
	r.URL = s.path + "?" + s.query + "&%62=again"
	wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, key), r, core.ErrMalformed, "twice")
	for _, more := range []string{"&c=%zz", "&c=%FF", "&c=" + strings.Repeat("x", 8192)} {
		r.URL = s.path + "?" + s.query + more
		wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, key), r, core.ErrMalformed)
	}

	// An address inside the query is no absolute form.
	s = webhook(msgHMAC(msgSecret))
	s.query = "next=https://a.example/b?c=1"
	wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, key), s.request(msgNow, nil), nil)
	// A port that is not the default one is part of the authority.
	s = webhook(msgHMAC(msgSecret))
	s.host, s.cover = "example.com:8443", []string{`"@method"`, `"@authority"`, `"content-digest"`, `"content-type"`}
	wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: "https://Example.com:8443"}, key), s.request(msgNow, nil), nil)

	for cover, text := range map[string]string{
		`"x-list";sf`: "sf", `"x-list";key="a"`: "key", `"x-list";bs`: "bs", `"@method";req`: "req", `"x-list";tr`: "tr", `"@query-param"`: "name",
		`"@query-param";name`: "name", `"@query-param";name="b";req`: "name", `"@status"`: "not supported for requests", `"host"`: "@authority",
		`"@method"`: "twice", `"content-type"`: "twice", `"X-List"`: "lower-case", `""`: "is empty", `"x list"`: "lower-case", `x-list`: "quoted string", `7`: "quoted string",
	} {
		s := webhook(msgHMAC(msgSecret))
		r := s.request(msgNow, nil)
		input := asMap(r.Header).Get("Signature-Input")
		asMap(r.Header).Set("Signature-Input", strings.Replace(input, `"@method"`, `"@method" `+cover, 1))
		wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, key), r, core.ErrMalformed, text)
	}
	s = webhook(msgHMAC(msgSecret))
	s.cover = append(s.cover, `"x-gone"`)
	wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, key), s.request(msgNow, nil), core.ErrMissingHeader, "X-Gone")
	r = s.request(msgNow, nil)
	asMap(r.Header)["X-Gone"] = []string{"a\n\"@method\": GET"}
	s.signTo(r, msgNow)
	wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, key), r, core.ErrMalformed, "control character")
}

// The example of RFC 9421, section 2.2.8.
func TestHTTPSignaturesQueryParam(t *testing.T) {
	t.Parallel()
	const query = "/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something&p%2Aq=~*"
	scheme := schemes.HTTPSignatures(schemes.SignatureProfile{URL: msgURL, DangerouslyAnyComponents: true})
	r := &core.Request{Method: http.MethodGet, URL: query, Header: http.Header{
		"Signature-Input": {`s=("@query-param";name="var" "@query-param";name="bar" "@query-param";name="fa%C3%A7ade%22%3A%20" "@query-param";name="p*q");created=1`},
		"Signature":       {"s=:AAAA:"},
	}}
	var a core.Attempt
	if err := errors.Join(scheme.ReadHeader(r, &a), scheme.ReadBody(r, &a)); err != nil {
		t.Fatal(err)
	}
	const want = `"@query-param";name="var": this%20is%20a%20big%0Amultiline%20value
"@query-param";name="bar": with%20plus%20whitespace
"@query-param";name="fa%C3%A7ade%22%3A%20": something
"@query-param";name="p*q": %7E*
"@signature-params": `
	if got := string(a.Content.Bytes()); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Libraries encode these characters differently. The error must say so, or an
// operator would look for a wrong secret.
func TestHTTPSignaturesQueryParamInAnotherSpellingIsNamed(t *testing.T) {
	t.Parallel()
	const cause = "section 2.2.8"
	for query, tt := range map[string]struct {
		signed string
		named  bool
	}{
		"b=~!%27()":   {"~!'()", true}, // as JavaScript and Go leave them
		"b=a~b":       {"a~b", true},
		"b=a*b":       {"a%2Ab", true},
		"b=a+b":       {"a b", true},
		"b=letters":   {"other", false},
		"b=a.b-c_d09": {"other", false},
	} {
		s := webhook(msgHMAC(msgSecret))
		s.query, s.param = query, tt.signed
		s.cover = append(s.cover, `"@query-param";name="b"`)
		_, err := msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, msgKey("hmac-sha256", msgSecret)).Verify(t.Context(), s.request(msgNow, nil))
		if !errors.Is(err, core.ErrNoMatch) || strings.Contains(err.Error(), cause) != tt.named {
			t.Errorf("%s, signed as %s: %v", query, tt.signed, err)
		}
		// It is only a hint: a value encoded as in RFC 9421 is accepted.
		s.param = strings.NewReplacer("~", "%7E", "!", "%21", "'", "%27", "(", "%28", ")", "%29", " ", "%20", "%2A", "*").Replace(tt.signed)
		if tt.named {
			wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, msgKey("hmac-sha256", msgSecret)), s.request(msgNow, nil), nil)
		}
	}
	s := webhook(msgHMAC(msgSecret))
	s.query = "a~b=1"
	s.cover = append(s.cover, `"@query-param";name="a~b"`)
	wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, msgKey("hmac-sha256", msgSecret)), s.request(msgNow, nil), core.ErrMalformed, cause, `"a%7Eb"`)
}

func TestHTTPSignaturesParameters(t *testing.T) {
	t.Parallel()
	key := msgKey("hmac-sha256", msgSecret)
	s := webhook(msgHMAC(msgSecret))
	for params, want := range map[string]error{
		``: nil, `;expires=1618884474`: nil, `;x;y=?0;z=tok;w=:AAAA:;v=-7`: nil, `;nonce="a\"b\\"`: nil, `;tag="t"`: nil,
		`;expires=1618884473`: core.ErrMalformed, `;expires=-1`: core.ErrMalformed, `;expires="1618884474"`: core.ErrMalformed,
		`;created=1618884473`: core.ErrMalformed,
		`;keyid=token`:        core.ErrMalformed, `;alg=hmac-sha256`: core.ErrMalformed, `;nonce`: core.ErrMalformed, `;x=1.5`: core.ErrMalformed,
		`;x=@1`: core.ErrMalformed, `;X=1`: core.ErrMalformed, `;x=01`: core.ErrMalformed, `;x=-0`: core.ErrMalformed, `;x="é"`: core.ErrMalformed,
		`;x="`: core.ErrMalformed, `;x="\a"`: core.ErrMalformed, `;`: core.ErrMalformed, `;x=`: core.ErrMalformed, `;x=?2`: core.ErrMalformed,
		`;x=:AA:`: core.ErrMalformed, `;x;x`: core.ErrMalformed, `;x=1234567890123456`: core.ErrMalformed,
		";a;b;c;d;e;f;g;h;i;j;k;l;m;n;o": nil, ";a;b;c;d;e;f;g;h;i;j;k;l;m;n;o;p": core.ErrMalformed,
	} {
		s.params = params
		t.Log(params)
		wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, key), s.request(msgNow, nil), want)
	}
	for late, want := range map[time.Duration]error{10 * time.Second: nil, 11 * time.Second: core.ErrOutsideWindow} {
		s.params = ";expires=" + strconv.FormatInt(msgNow.Add(10*time.Second).Unix(), 10)
		v := verifier(t, schemes.HTTPSignatures(schemes.SignatureProfile{URL: msgURL}), msgNow.Add(late), key)
		wantReason(t, v, s.request(msgNow, nil), want)
	}
	for _, created := range []string{"", ";created", ";created=-5", ";created=0", ";created=1618884473.0", `;created="1618884473"`, ";created=01618884473"} {
		r := webhook(msgHMAC(msgSecret)).request(msgNow, nil)
		asMap(r.Header).Set("Signature-Input", strings.Replace(asMap(r.Header).Get("Signature-Input"), ";created=1618884473", created, 1))
		wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, key), r, core.ErrMalformed)
	}
	s.params = `;nonce="n-1"`
	m, err := msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, key).Verify(context.Background(), s.request(msgNow, nil))
	if err != nil || m.ID != "n-1" || m.IDSigned {
		t.Errorf("id %q, signed %t, error %v", m.ID, m.IDSigned, err)
	}
	for _, at := range []time.Time{msgNow.Add(-time.Hour), msgNow.Add(time.Hour)} {
		wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, key), s.request(at, nil), core.ErrOutsideWindow)
	}
	for tag, want := range map[string]error{`;tag="app"`: nil, ``: core.ErrMalformed, `;tag="App"`: core.ErrMalformed} {
		s.params = tag
		wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL, Tag: "app"}, key), s.request(msgNow, nil), want)
	}
	// A sender may use another spelling, but it signs the canonical form of RFC 8941.
	r := webhook(msgHMAC(msgSecret)).request(msgNow, nil)
	loose := strings.NewReplacer(`("`, `(  "`, `" "`, `"   "`, `")`, `" )`, `;`, `; `).Replace(asMap(r.Header).Get("Signature-Input"))
	asMap(r.Header).Set("Signature-Input", loose)
	wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, key), r, nil)
}

func TestHTTPSignaturesLabels(t *testing.T) {
	t.Parallel()
	key := msgKey("hmac-sha256", msgSecret)
	r := webhook(msgHMAC(msgSecret)).request(msgNow, nil)
	input, signature := asMap(r.Header).Get("Signature-Input"), asMap(r.Header).Get("Signature")
	with := func(input, signature []string) *core.Request {
		r := webhook(msgHMAC(msgSecret)).request(msgNow, nil)
		asMap(r.Header)["Signature-Input"], asMap(r.Header)["Signature"] = input, signature
		return r
	}
	v := msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, key)
	const proxyInput, proxy = `proxy=("@method" "x-a";sf);created=1618884473`, "proxy=:AAAA:"
	strong := "strong=" + strings.TrimPrefix(input, "sig1=")
	for _, r := range []*core.Request{
		with([]string{proxyInput + ", " + input}, []string{proxy + ", " + signature}),
		with([]string{proxyInput, input}, []string{signature, proxy}),
		with([]string{input + " \t,\t" + proxyInput}, []string{signature}),
		with([]string{proxyInput + ", " + strong + ", " + input}, []string{signature + ";p=1"}),
	} {
		wantReason(t, v, r, nil)
	}
	// Each of two acceptable signatures would be a separate message.
	wantReason(t, v, with([]string{strong, input}, []string{"strong=:AAAA:", signature}), core.ErrMalformed, "SignatureProfile.Tag")
	wantReason(t, v, with([]string{strong}, []string{signature}), core.ErrMalformed, "no label")
	wantReason(t, v, with([]string{input}, []string{"sig1=AAAA"}), core.ErrMalformed, "between colons")
	wantReason(t, v, with([]string{input}, []string{"sig1"}), core.ErrMalformed)
	wantReason(t, v, with([]string{"sig1"}, []string{signature}), core.ErrMalformed, "parentheses")
	wantReason(t, v, with([]string{input, input}, []string{signature}), core.ErrMalformed, "twice")
	wantReason(t, v, with([]string{input}, []string{signature, signature}), core.ErrMalformed, "twice")
	wantReason(t, v, with(nil, []string{signature}), core.ErrMissingHeader, "Signature-Input")
	wantReason(t, v, with([]string{input}, nil), core.ErrMissingHeader, "Signature is missing")

	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString("l" + strconv.Itoa(i) + "=:AAAA:, ")
		}
		return b.String()
	}
	wantReason(t, v, with([]string{input}, []string{many(15) + signature}), nil)
	wantReason(t, v, with([]string{input}, []string{many(16) + signature}), core.ErrMalformed, "more than 16")
	wantReason(t, v, with([]string{input}, []string{signature + ";p=\"" + strings.Repeat("x", 8200) + `"`}), core.ErrMalformed, "8192")
	s := webhook(msgHMAC(msgSecret))
	for i := range 28 {
		s.cover = append(s.cover, `"x-`+strconv.Itoa(i)+`"`)
	}
	r = s.request(msgNow, nil)
	for i := range 29 {
		asMap(r.Header).Set("X-"+strconv.Itoa(i), "v")
	}
	s.signTo(r, msgNow)
	wantReason(t, v, r, nil)
	s.cover = append(s.cover, `"x-28"`)
	s.signTo(r, msgNow)
	wantReason(t, v, r, core.ErrMalformed, "more than 32")
}

func TestHTTPSignaturesProfile(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]schemes.SignatureProfile{
		"no URL": {}, "no address": {URL: "example.com"}, "a fragment": {URL: msgURL + "/#"}, "not ASCII": {URL: msgURL + "/é"},
		"no digest": {URL: msgURL, Required: []string{"@method"}}, "nothing": {URL: msgURL, Required: []string{}},
		"a header in upper case": {URL: msgURL, Required: []string{"content-digest", "Content-Type"}},
		"an unknown component":   {URL: msgURL, Required: []string{"content-digest", "@status"}},
		"a query parameter":      {URL: msgURL, Required: []string{"content-digest", "@query-param"}},
		"a bad tag":              {URL: msgURL, Tag: "é"},
	} {
		if _, err := core.New(core.Secrets(msgKey("hmac-sha256", msgSecret)), memstore.New(), &core.Config{
			Scheme: schemes.HTTPSignatures(p), DangerouslyReplayableAfterRestart: true,
		}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if name := schemes.HTTPSignatures(schemes.SignatureProfile{}).Name(); name != "rfc9421" {
		t.Errorf("name %q", name)
	}
	key := msgKey("hmac-sha256", msgSecret)
	s := webhook(msgHMAC(msgSecret))
	for i, name := range []string{"@method", "target", "content-digest", "content-type"} {
		less := s
		less.cover = append(append([]string(nil), s.cover[:i]...), s.cover[i+1:]...)
		wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL}, key), less.request(msgNow, nil), core.ErrMalformed, name)
	}
	s.cover = []string{`"content-digest"`, `"@path"`}
	wantReason(t, msgVerifier(t, schemes.SignatureProfile{URL: msgURL, Required: []string{"@path", "content-digest"}}, key), s.request(msgNow, nil), nil)
	s.cover = []string{`"@method"`}
	loose := schemes.SignatureProfile{URL: msgURL, DangerouslyAnyComponents: true}
	wantReason(t, msgVerifier(t, loose, key), s.request(msgNow, nil), nil)
	loose.Required = []string{"@path"}
	wantReason(t, msgVerifier(t, loose, key), s.request(msgNow, nil), core.ErrMalformed, "@path")
}

// FuzzSignatureInput checks that no header makes the scheme panic. An accepted
// one gives one line for each component, and parsing its last line again gives
// the same text.
func FuzzSignatureInput(f *testing.F) {
	r := webhook(msgHMAC(msgSecret)).request(msgNow, nil)
	f.Add(asMap(r.Header).Get("Signature-Input"), asMap(r.Header).Get("Signature"), asMap(r.Header).Get("Content-Digest"), r.URL)
	f.Add(`a=("@query-param";name="b" "x-a");created=1;x=:AAAA:;y=?0;z=t/:o;e="\\\""`, "a=:AAAA:", "sha-256=:AAAA:", "http://h/?b=%20")
	f.Add(`a=();created=1, b`, "a=::;p, b=?1", "", "*")
	f.Add(`a=( "@path" );created=999999999999999;expires=-1`, "a=1, b=(1 2);x", "a=", "?://")
	scheme := schemes.HTTPSignatures(schemes.SignatureProfile{URL: msgURL, DangerouslyAnyComponents: true})
	f.Fuzz(func(t *testing.T, input, signature, digest, target string) {
		read := func(input string) (string, bool) {
			r := &core.Request{Method: http.MethodPost, URL: target, Header: http.Header{
				"Signature-Input": {input}, "Signature": {signature}, "Content-Digest": {digest}, "X-A": {digest},
			}}
			var a core.Attempt
			if err := scheme.ReadHeader(r, &a); err != nil {
				return "", false
			}
			if len(a.Signatures) != 1 || a.Timestamp.IsZero() || a.IDSigned {
				t.Fatalf("%q: %+v", input, a)
			}
			if err := scheme.ReadBody(r, &a); err != nil {
				return "", false
			}
			return string(a.Content.Bytes()), true
		}
		base, ok := read(input)
		if !ok {
			return
		}
		lines := strings.Split(base, "\n")
		last, found := strings.CutPrefix(lines[len(lines)-1], `"@signature-params": `)
		if !found || strings.ContainsAny(base, "\r\x00") {
			t.Fatalf("%q gives %q", input, base)
		}
		for _, line := range lines[:len(lines)-1] {
			name, _, _ := strings.Cut(line, ": ")
			if !strings.Contains(last, name) {
				t.Fatalf("%q gives the line %q", input, line)
			}
		}
		label, _, _ := strings.Cut(strings.TrimLeft(signature, " "), "=")
		if again, ok := read(label + "=" + last); ok && again != base {
			t.Fatalf("%q gives %q, and that gives %q", input, base, again)
		}
	})
}
