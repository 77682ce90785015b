package schemes_test

import (
	"crypto"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/whtest"
)

// compact is a token with these claims.
func compact(alg string, claims map[string]any, sign func(text string) string) string {
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	part := base64.RawURLEncoding.EncodeToString
	signed := part([]byte(`{"typ":"JWT","alg":"`+alg+`"}`)) + "." + part(text)
	return signed + "." + sign(signed)
}

func hs256(secret string, claims map[string]any) string {
	return compact("HS256", claims, func(text string) string { return urlMAC(secret, text) })
}

func sumOf(content string) []byte {
	sum := sha256.Sum256([]byte(content))
	return sum[:]
}

func hexSum(content string) string { return hex.EncodeToString(sumOf(content)) }

// jwtSenders are written from their libraries.
func jwtSenders() map[string]subject {
	return map[string]subject{
		"livekit": {schemes.LiveKit(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			body := around(id, content, "id")
			return request(body, "Authorization", hs256(secret, map[string]any{
				"iss": "APIabc", "nbf": at.Unix(), "exp": at.Add(5 * time.Minute).Unix(), "sha256": base64.StdEncoding.EncodeToString(sumOf(body)),
			}))
		}},
		"qstash": {schemes.QStash(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			return request(string(content), "Upstash-Signature", hs256(secret, map[string]any{
				"iss": "Upstash", "sub": "https://example.com/hook", "iat": at.Unix(), "nbf": at.Unix(), "exp": at.Add(5 * time.Minute).Unix(), "jti": "jwt_" + id,
				"body": base64.URLEncoding.EncodeToString(sumOf(string(content))),
			}))
		}},
		"vonage": {schemes.Vonage(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			return request(string(content), "Authorization", "Bearer "+hs256(secret, map[string]any{
				"iss": "Vonage", "iat": at.Unix(), "jti": id, "payload_hash": hexSum(string(content)), "api_key": "a1b2c3d4",
			}))
		}},
		"fusionauth": {schemes.FusionAuth(), secret, stranger, func(secret, _ string, _ time.Time, content []byte) *core.Request {
			return request(string(content), "X-FusionAuth-Signature-JWT", hs256(secret, map[string]any{
				"request_body_sha256": base64.StdEncoding.EncodeToString(sumOf(string(content))),
			}))
		}},
		"netlify": {schemes.Netlify(), secret, stranger, func(secret, _ string, _ time.Time, content []byte) *core.Request {
			return request(string(content), "X-Webhook-Signature", hs256(secret, map[string]any{"iss": "netlify", "sha256": hexSum(string(content))}))
		}},
		"messagebird": {schemes.MessageBird(public), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			return request(string(content), "MessageBird-Signature-JWT", hs256(secret, map[string]any{
				"iss": "MessageBird", "iat": at.Unix(), "nbf": at.Unix(), "exp": at.Add(time.Minute).Unix(), "jti": id,
				"url_hash": hexSum(public), "payload_hash": hexSum(string(content)),
			}))
		}},
	}
}

func acmeJWT() schemes.JWT {
	return schemes.JWT{
		Name: "acme", Token: schemes.Header("Authorization"), Prefix: "Bearer ", BodyHash: "hash", Time: "iat", Stamping: core.StampedEachAttempt,
	}
}

// TestAJWTUnderEachAlgorithmPassesTheSuite has those that no sender of ours uses.
func TestAJWTUnderEachAlgorithmPassesTheSuite(t *testing.T) {
	t.Parallel()
	k := testKeys()
	inURL := func(text string) string {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	// JWTs have r and s of ECDSA in full length.
	es256 := func(text string) string {
		raw, err := base64.StdEncoding.DecodeString(k.ecdsa.signature(crypto.SHA256, text))
		if err != nil {
			panic(err)
		}
		var rs struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(raw, &rs); err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(append(rs.R.FillBytes(make([]byte, 32)), rs.S.FillBytes(make([]byte, 32))...))
	}
	for alg, tt := range map[string]struct {
		algorithm      schemes.Algorithm
		public, others string
		sign           func(text string) string
	}{
		"RS256": {schemes.RSASHA256, k.rsa.public, k.rsaOther.public, func(text string) string { return inURL(k.rsa.signature(crypto.SHA256, text)) }},
		"RS512": {schemes.RSASHA512, k.rsa.public, k.rsaOther.public, func(text string) string { return inURL(k.rsa.signature(crypto.SHA512, text)) }},
		"ES256": {schemes.ECDSAP256, k.ecdsa.public, k.ecdsaOther.public, es256},
		"EdDSA": {schemes.Ed25519, k.ed.public, k.edOther.public, func(text string) string { return inURL(k.ed.signature(0, text)) }},
	} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			d := acmeJWT()
			d.Algorithm, d.Secret, d.IDClaim = tt.algorithm, schemes.Base64Text, "jti"
			scheme, err := d.Scheme()
			if err != nil {
				t.Fatal(err)
			}
			sign := func(id string, at time.Time, content []byte) *core.Request {
				return request(string(content), "Authorization", "Bearer "+compact(alg, map[string]any{
					"iat": at.Unix(), "hash": hexSum(string(content)), "jti": id,
				}, tt.sign))
			}
			whtest.TestScheme(t, whtest.Subject{Scheme: scheme, Secret: tt.public, Stranger: tt.others, Sign: sign})
			// Who knows the public key must not be able to sign with it as a shared secret.
			now := time.Now()
			raw := fromBase64(tt.public)
			for _, key := range []string{raw, tt.public} {
				r := request("{}", "Authorization", "Bearer "+hs256(key, map[string]any{"iat": now.Unix(), "hash": hexSum("{}"), "jti": "x"}))
				if _, err := verifier(t, scheme, now, tt.public).Verify(t.Context(), r); !errors.Is(err, core.ErrMalformed) {
					t.Errorf("HS256 under the public key: %v", err)
				}
			}
		})
	}
}

func TestAJWTIsCheckedWhenItIsMade(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*schemes.JWT)
		want   string
	}{
		"no name":                     {func(d *schemes.JWT) { d.Name = "" }, "Name is"},
		"a token in the body":         {func(d *schemes.JWT) { d.Token = schemes.JSON("token") }, "not a Header"},
		"no hash of the body":         {func(d *schemes.JWT) { d.BodyHash = "" }, "goes with any"},
		"an algorithm of no JWT":      {func(d *schemes.JWT) { d.Algorithm = schemes.HMACSHA1 }, "none that signs"},
		"a public key as text":        {func(d *schemes.JWT) { d.Algorithm = schemes.RSASHA256 }, "Base64Text"},
		"a time that is not a claim":  {func(d *schemes.JWT) { d.Time = "at" }, "belong together"},
		"a time without stamping":     {func(d *schemes.JWT) { d.Stamping = core.NotStamped }, "belong together"},
		"two ids":                     {func(d *schemes.JWT) { d.ID, d.IDClaim = schemes.JSON("id"), "jti" }, "IDClaim"},
		"an id in a header":           {func(d *schemes.JWT) { d.ID = schemes.Header("X-Id") }, "not JSON"},
		"an optional id from nowhere": {func(d *schemes.JWT) { d.IDOptional = true }, "without an ID"},
		"indistinct beside a time":    {func(d *schemes.JWT) { d.Indistinct = true }, "Indistinct"},
		"a hash of no address":        {func(d *schemes.JWT) { d.URLHash = "url" }, "belong together"},
		"an address that is none":     {func(d *schemes.JWT) { d.URLHash, d.URL = "url", "/hook" }, "public address"},
		"nothing that identifies":     {func(d *schemes.JWT) { d.Stamping = core.NotIdentified }, "NotIdentified"},
	} {
		d := acmeJWT()
		tt.change(&d)
		if _, err := d.Scheme(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestATokenThatSaysSomethingElseIsRefused(t *testing.T) {
	t.Parallel()
	d := acmeJWT()
	d.Issuer = "acme"
	scheme, err := d.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	now := remoteNow
	good := map[string]any{"iss": "acme", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "hash": hexSum("{}")}
	with := func(name string, value any) map[string]any {
		claims := maps.Clone(good)
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
		return claims
	}
	send := func(token string) error {
		_, err := verifier(t, scheme, now, secret).Verify(t.Context(), request("{}", "Authorization", "Bearer "+token))
		return err
	}
	if err := send(hs256(secret, good)); err != nil {
		t.Error(err)
	}
	for name, tt := range map[string]struct {
		token string
		want  error
	}{
		"another body":              {hs256(secret, with("hash", hexSum("[]"))), core.ErrNoMatch},
		"no hash":                   {hs256(secret, with("hash", nil)), core.ErrNoMatch},
		"a hash that is not text":   {hs256(secret, with("hash", 1)), core.ErrNoMatch},
		"another issuer":            {hs256(secret, with("iss", "other")), core.ErrMalformed},
		"no time":                   {hs256(secret, with("iat", nil)), core.ErrMalformed},
		"a time with a fraction":    {hs256(secret, with("iat", 1.5)), core.ErrMalformed},
		"an end that is not a time": {hs256(secret, with("exp", "soon")), core.ErrMalformed},
		"an end that is over":       {hs256(secret, with("exp", now.Add(-time.Hour).Unix())), core.ErrOutsideWindow},
		"a beginning that is late":  {hs256(secret, with("nbf", now.Add(time.Hour).Unix())), core.ErrOutsideWindow},
		"a time that is over":       {hs256(secret, with("iat", now.Add(-time.Hour).Unix())), core.ErrOutsideWindow},
		"no algorithm":              {compact("none", good, func(string) string { return "AA" }), core.ErrMalformed},
		"another algorithm":         {compact("HS512", good, func(text string) string { return urlMAC(secret, text) }), core.ErrMalformed},
		"no signature":              {compact("HS256", good, func(string) string { return "" }), core.ErrMalformed},
	} {
		if err := send(tt.token); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	r := request("{}", "MessageBird-Signature-JWT", hs256(secret, map[string]any{
		"iss": "MessageBird", "iat": now.Unix(), "jti": "1", "payload_hash": hexSum("{}"), "url_hash": hexSum("https://example.com/other"),
	}))
	if _, err := verifier(t, schemes.MessageBird(public), now, secret).Verify(t.Context(), r); !errors.Is(err, core.ErrNoMatch) {
		t.Errorf("another address: %v", err)
	}
}
