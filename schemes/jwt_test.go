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

// compact returns a token with these claims.
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
		"fusionauth": {schemes.FusionAuth(), secret, stranger, func(secret, id string, _ time.Time, content []byte) *core.Request {
			body := around(id, content, "event", "id")
			return request(body, "X-FusionAuth-Signature-JWT", hs256(secret, map[string]any{
				"request_body_sha256": base64.StdEncoding.EncodeToString(sumOf(body)),
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

// TestAJWTUnderEachAlgorithmPassesTheSuite covers the algorithms that no sender
// here uses.
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
			// Whoever knows the public key must not be able to sign with it as a shared secret.
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
		"no name":              {func(d *schemes.JWT) { d.Name = "" }, "Name is"},
		"a token in the body":  {func(d *schemes.JWT) { d.Token = schemes.JSON("token") }, "must be a Header"},
		"no hash of the body":  {func(d *schemes.JWT) { d.BodyHash = "" }, "valid for any body"},
		"no token, but a hash": {func(d *schemes.JWT) { d.Token, d.Prefix = schemes.Field{}, "" }, "the body is the token"},
		"no token, but an id beside it": {func(d *schemes.JWT) {
			d.Token, d.Prefix, d.BodyHash, d.ID = schemes.Field{}, "", "", schemes.JSON("id")
		}, "the body is the token"},
		"detached claims":             {func(d *schemes.JWT) { d.Detached, d.BodyHash = true, "" }, "has no claims"},
		"a detached hash":             {func(d *schemes.JWT) { d.Detached, d.Time, d.Stamping = true, "", core.NotStamped }, "has no claims"},
		"an algorithm of no JWT":      {func(d *schemes.JWT) { d.Algorithm = schemes.HMACSHA1 }, "one that JWTs use"},
		"a public key as text":        {func(d *schemes.JWT) { d.Algorithm = schemes.RSASHA256 }, "Base64Text"},
		"a time that is not a claim":  {func(d *schemes.JWT) { d.Time = "at" }, "belong together"},
		"a time without stamping":     {func(d *schemes.JWT) { d.Stamping = core.NotStamped }, "belong together"},
		"two ids":                     {func(d *schemes.JWT) { d.ID, d.IDClaim = schemes.JSON("id"), "jti" }, "IDClaim"},
		"an id in a header":           {func(d *schemes.JWT) { d.ID = schemes.Header("X-Id") }, "must be a JSON field"},
		"an optional id from nowhere": {func(d *schemes.JWT) { d.IDOptional = true }, "needs an ID"},
		"indistinct beside a time":    {func(d *schemes.JWT) { d.Indistinct = true }, "Indistinct"},
		"a hash of no address":        {func(d *schemes.JWT) { d.URLHash = "url" }, "or neither"},
		"an address that is none":     {func(d *schemes.JWT) { d.URLHash, d.URL = "url", "/hook" }, "must be an address"},
		"nothing that identifies":     {func(d *schemes.JWT) { d.Stamping = core.NotIdentified }, "NotIdentified"},
	} {
		d := acmeJWT()
		tt.change(&d)
		if _, err := d.Scheme(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func detachedJWT(tb testing.TB) core.Scheme {
	tb.Helper()
	s, err := schemes.JWT{Name: "acme", Token: schemes.Header("X-Jws"), Detached: true, ID: schemes.JSON("id")}.Scheme()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestADetachedTokenPassesTheSuite(t *testing.T) {
	t.Parallel()
	scheme := detachedJWT(t)
	whtest.TestScheme(t, whtest.Subject{
		Scheme: scheme, Secret: secret, Stranger: stranger,
		Sign: func(id string, _ time.Time, content []byte) *core.Request {
			body := around(id, content, "id")
			first := segment(map[string]any{"alg": "HS256"})
			return request(body, "X-Jws", first+".."+urlMAC(secret, first+"."+segment(body)))
		},
	})
	now := time.Now()
	r := request(`{"id":""}`)
	if err := schemes.Sign(scheme, r, "evt_1", now, secret); err != nil {
		t.Fatal(err)
	}
	if m, err := verifier(t, scheme, now, secret).Verify(t.Context(), r); err != nil || m.ID != "evt_1" || !m.BodySigned {
		t.Errorf("what Sign made: %+v, %v", m, err)
	}
}

// The same message may come under another key, named in the header of its
// token. With another body it does not verify.
func TestADetachedTokenIsReadInOneWay(t *testing.T) {
	t.Parallel()
	scheme, now := detachedJWT(t), time.Now()
	v := verifier(t, scheme, now, secret)
	body := `{"id":"1"}`
	sign := func(header map[string]any) *core.Request {
		first := segment(header)
		return request(body, "X-Jws", first+".."+urlMAC(secret, first+"."+segment(body)))
	}
	wantSame(t, v, sign(map[string]any{"alg": "HS256"}), sign(map[string]any{"alg": "HS256", "kid": "2", "jku": "https://evil.example.com"}))
	first, mac, _ := strings.Cut(asMap(sign(map[string]any{"alg": "HS256"}).Header).Get("X-Jws"), "..")
	for name, text := range map[string]string{
		"with its payload":     first + "." + segment(body) + "." + mac,
		"with another payload": first + "." + segment("{}") + "." + mac,
		"one dot":              first + "." + mac,
		"three dots":           first + "..." + mac,
		"no signature":         first + "..",
		"no header":            ".." + mac,
		"something behind it":  first + ".." + mac + ".x",
		"no algorithm":         segment(map[string]any{"alg": "none"}) + ".." + mac,
		"another algorithm":    segment(map[string]any{"alg": "RS256"}) + ".." + mac,
		"no base64 (RFC 7797)": segment(map[string]any{"alg": "HS256", "b64": false, "crit": []string{"b64"}}) + ".." + mac,
		"too long":             first + ".." + mac + strings.Repeat("A", 8<<10),
	} {
		if _, err := v.Verify(t.Context(), request(body, "X-Jws", text)); !errors.Is(err, core.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestABodyThatIsATokenPassesTheSuite(t *testing.T) {
	t.Parallel()
	k := testKeys()
	for alg, tt := range map[string]struct {
		algorithm       schemes.Algorithm
		secret          schemes.SecretText
		mine, strangers string
		sign            func(claims map[string]any) string
	}{
		"HS256": {schemes.HMACSHA256, schemes.Verbatim, secret, stranger, func(c map[string]any) string { return hs256(secret, c) }},
		"RS256": {schemes.RSASHA256, schemes.Base64Text, k.rsa.public, k.rsaOther.public, func(c map[string]any) string {
			return k.rsa.token("RS256", "", crypto.SHA256, c)
		}},
		"ES256": {schemes.ECDSAP256, schemes.Base64Text, k.ecdsa.public, k.ecdsaOther.public, func(c map[string]any) string {
			return k.ecdsa.token("ES256", "", crypto.SHA256, c)
		}},
	} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			scheme, err := schemes.JWT{
				Name: "acme", Algorithm: tt.algorithm, Secret: tt.secret, Issuer: "acme", Time: "iat", Stamping: core.StampedEachAttempt, IDClaim: "jti",
			}.Scheme()
			if err != nil {
				t.Fatal(err)
			}
			sign := func(id string, at time.Time, content []byte) *core.Request {
				return request(tt.sign(map[string]any{"iss": "acme", "iat": at.Unix(), "jti": id, "data": string(content)}))
			}
			whtest.TestScheme(t, whtest.Subject{Scheme: scheme, Secret: tt.mine, Stranger: tt.strangers, Sign: sign})
			m, err := verifier(t, scheme, remoteNow, tt.mine).Verify(t.Context(), sign("1", remoteNow, nil))
			if err != nil || m.BodySigned != (alg != "ES256") {
				t.Errorf("BodySigned is %t: %v", m.BodySigned, err)
			}
			if _, err := verifier(t, scheme, remoteNow, tt.mine).Verify(t.Context(), request(tt.sign(map[string]any{"iat": remoteNow.Unix(), "jti": "1"}))); !errors.Is(err, core.ErrMalformed) {
				t.Errorf("of another issuer: %v", err)
			}
			if err := schemes.Sign(scheme, request("{}"), "", remoteNow, tt.mine); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("signing: %v", err)
			}
		})
	}
}

// A later attempt has another time in its claims, and is still the same
// message.
func TestAnAttemptOfABodyTokenIsKnownByItsOtherClaims(t *testing.T) {
	t.Parallel()
	scheme, err := schemes.JWT{Name: "acme", Time: "iat", Stamping: core.StampedEachAttempt, IDClaim: "jti"}.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	v := verifier(t, scheme, remoteNow, secret)
	send := func(claims map[string]any) *core.Delivery {
		r := request(hs256(secret, claims))
		return v.Admit(t.Context(), r, atHand(r.Body))
	}
	if err := send(map[string]any{"iat": remoteNow.Unix(), "jti": "0", "data": strings.Repeat("a", 256<<10)}).Err(); !errors.Is(err, core.ErrBodyTooLarge) {
		t.Errorf("a token that is too long: %v", err)
	}
	d := send(map[string]any{"iat": remoteNow.Unix(), "exp": remoteNow.Unix() + 60, "jti": "1", "data": "a"})
	if d.Answer() != nil {
		t.Fatal(d.Err())
	}
	d.Settle(200)
	if err := send(map[string]any{"iat": remoteNow.Unix() + 1, "exp": remoteNow.Unix() + 61, "jti": "1", "data": "a"}).Err(); !errors.Is(err, core.ErrRedelivery) {
		t.Errorf("a later attempt: %v", err)
	}
	if err := send(map[string]any{"iat": remoteNow.Unix() + 2, "jti": "1", "data": "b"}).Err(); !errors.Is(err, core.ErrIDReused) {
		t.Errorf("another event under the same id: %v", err)
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

// TestAnAccessTokenOfTheSameKeyIsAMessageUnlessTheDescriptionRefusesIt tests
// the warning in the documentation of JWT.
func TestAnAccessTokenOfTheSameKeyIsAMessageUnlessTheDescriptionRefusesIt(t *testing.T) {
	t.Parallel()
	k := testKeys().rsa
	claims := map[string]any{"iss": "https://acme.example.com", "sub": "user_1", "iat": remoteNow.Unix(), "exp": remoteNow.Unix() + 3600, "jti": "1"}
	token := k.token("RS256", "", crypto.SHA256, claims)
	parts := strings.Split(token, ".")
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	whole, detached := request(token), request(string(body), "X-Signature", parts[0]+".."+parts[2])
	hashed := request(string(body), "X-Signature", token)
	acme := schemes.JWT{Name: "acme", Algorithm: schemes.RSASHA256, Secret: schemes.Base64Text}
	with := func(change func(*schemes.JWT)) schemes.JWT {
		d := acme
		change(&d)
		return d
	}
	header := schemes.Header("X-Signature")
	for name, tt := range map[string]struct {
		description schemes.JWT
		r           *core.Request
		taken       bool
	}{
		"the body is the token":                      {acme, whole, true},
		"the body is the token, with its issuer":     {with(func(d *schemes.JWT) { d.Issuer = "https://acme.example.com" }), whole, true},
		"the body is the token, with another issuer": {with(func(d *schemes.JWT) { d.Issuer = "acme-webhooks" }), whole, false},
		"the body is the token, with an id":          {with(func(d *schemes.JWT) { d.IDClaim = "event_id" }), whole, false},
		"detached":                                   {with(func(d *schemes.JWT) { d.Token, d.Detached = header, true }), detached, true},
		"detached, with an id":                       {with(func(d *schemes.JWT) { d.Token, d.Detached, d.ID = header, true, schemes.JSON("id") }), detached, false},
		"detached, with an id that may be missing": {
			with(func(d *schemes.JWT) { d.Token, d.Detached, d.ID, d.IDOptional = header, true, schemes.JSON("id"), true }), detached, true,
		},
		"with the hash of the body": {with(func(d *schemes.JWT) { d.Token, d.BodyHash = header, "body_sha256" }), hashed, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scheme, err := tt.description.Scheme()
			if err != nil {
				t.Fatal(err)
			}
			r := *tt.r // several cases have the same request
			if taken := runs(verifier(t, scheme, remoteNow, k.public), &r); taken != tt.taken {
				t.Errorf("it is taken for a message: %t", taken)
			}
		})
	}
}
