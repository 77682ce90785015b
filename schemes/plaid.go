package schemes

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// PlaidOptions are the options of [Plaid]. The zero value is ready for use in
// production.
type PlaidOptions struct {
	// Client fetches keys. It never follows redirects. Default: a client of
	// this package that uses the proxy from the environment.
	Client *http.Client
	// Sandbox accepts only the keys of Plaid's sandbox.
	Sandbox bool

	seams seams
}

// Plaid returns the scheme for Plaid webhooks. The Plaid-Verification header
// holds a JWT signed with ES256, which contains the timestamp and the SHA-256
// of the body. The scheme fetches the key that the JWT names from Plaid's API.
// The secret is the API credentials: "client_id:secret". No id is signed, so
// each attempt counts as a separate message.
//
// Do not assume that a key signs for only one customer: check that a message's
// item_id is one of yours. This scheme has not been tested against an official
// library or a published test vector.
//
// Source: plaid.com/docs/api/webhooks/webhook-verification, as of August 2026.
func Plaid(o PlaidOptions) core.Scheme {
	host := "production.plaid.com"
	if o.Sandbox {
		host = "sandbox.plaid.com"
	}
	return &plaid{
		address: "https://" + host + "/webhook_verification_key/get", client: fetchClient(o.Client),
		keys: cache[*ecdsa.PublicKey]{now: o.seams.clock()}, fetches: newFetches(o.seams.clock()),
	}
}

type plaid struct {
	address string
	client  *http.Client
	keys    cache[*ecdsa.PublicKey]
	fetches *fetches
}

const plaidLabel = "ES256"

func (*plaid) Name() string            { return "plaid" }
func (*plaid) Stamping() core.Stamping { return core.StampedEachAttempt }

// Facts implements [core.Describer].
func (*plaid) Facts() core.Facts {
	return core.Facts{PublicKeys: true, Fetches: true, Headers: [][]string{{"Plaid-Verification"}}}
}

// ParseKey implements [core.Scheme].
func (p *plaid) ParseKey(credentials string) (core.VerifyKey, error) {
	client, secret, ok := strings.Cut(credentials, ":")
	if !ok || !isToken(client) || !isToken(secret) {
		return nil, errors.New("these are not Plaid API credentials: write both values from the dashboard as client_id:secret")
	}
	scope := sha256.Sum256([]byte(credentials)) // cache per credentials, since different credentials may see different keys
	return plaidKey{func(ctx context.Context, kid string) (*ecdsa.PublicKey, error) {
		return p.keys.get(ctx, string(scope[:])+kid, loading[*ecdsa.PublicKey]{
			spend: func() error { return p.fetches.spend(string(scope[:]), kid) },
			load: func(ctx context.Context) (*ecdsa.PublicKey, time.Time, error) {
				return p.fetch(ctx, client, secret, kid)
			},
		})
	}, p.fetches}, nil
}

// plaidToken is the JWT in the header, with the body's hash from it.
type plaidToken struct {
	jwt

	sum string
}

// ReadHeader implements [core.Scheme].
func (p *plaid) ReadHeader(r *core.Request, a *core.Attempt) error {
	text, err := single(r.Header, "Plaid-Verification")
	if err != nil {
		return err
	}
	token, err := namedJWT(text, "ES256")
	if err != nil {
		return err
	}
	at, ok := token.claims.seconds("iat")
	if !ok {
		return malformed("the claim \"iat\" of the JWT is missing or is not a whole number of seconds")
	}
	sum, ok := token.claims.text("request_body_sha256")
	if !ok {
		return malformed("the claim \"request_body_sha256\" of the JWT is missing or is not a string")
	}
	a.Timestamp, a.BodySigned = at, true
	a.Signatures = append(a.Signatures, core.Signature{Label: plaidLabel, Text: token.signature})
	a.State = &plaidToken{token, sum}
	a.Unmatched = p.fetches.name(token.kid)
	return nil
}

// ReadBody implements [core.Scheme].
func (*plaid) ReadBody(r *core.Request, a *core.Attempt) error {
	token, ok := a.State.(*plaidToken)
	if !ok {
		return malformed("ReadBody was called without ReadHeader")
	}
	if sum := sha256.Sum256(r.Body); hex.EncodeToString(sum[:]) != token.sum {
		return noMatch("the body does not match the hash in the JWT: does something upstream change the body?")
	}
	a.Content.WriteString(token.signed)
	return nil
}

// plaidKey holds the credentials in a function, because fmt prints only a
// function's address.
type plaidKey struct {
	fetch   func(ctx context.Context, kid string) (*ecdsa.PublicKey, error)
	fetches *fetches
}

// Verify implements [core.VerifyKey].
func (k plaidKey) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	token, ok := a.State.(*plaidToken)
	if !ok || len(a.Signatures) == 0 {
		return false, nil
	}
	public, err := k.fetch(ctx, token.kid)
	if errors.Is(err, core.ErrNoMatch) {
		return false, nil // the key may be visible to other credentials
	}
	if err != nil {
		return false, err
	}
	ok, err = ecdsaRaw(plaidLabel, core.Base64URL, public).Verify(ctx, a)
	if ok {
		k.fetches.prove(token.kid)
	}
	return ok, err
}

func (p *plaid) fetch(ctx context.Context, client, secret, kid string) (*ecdsa.PublicKey, time.Time, error) {
	fail := func(format string, args ...any) (*ecdsa.PublicKey, time.Time, error) {
		return nil, time.Time{}, fmt.Errorf("fetching a key from Plaid: "+format, args...)
	}
	question, err := json.Marshal(map[string]string{"client_id": client, "secret": secret, "key_id": kid})
	if err != nil {
		return fail("%w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.address, bytes.NewReader(question))
	if err != nil {
		return fail("%w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	f, err := fetch(p.client, req)
	if err != nil {
		return fail("%w", err)
	}
	var answer struct {
		Key struct {
			Alg       string `json:"alg"`
			Crv       string `json:"crv"`
			Kid       string `json:"kid"`
			Kty       string `json:"kty"`
			Use       string `json:"use"`
			X         string `json:"x"`
			Y         string `json:"y"`
			ExpiredAt *int64 `json:"expired_at"`
		} `json:"key"`
		ErrorCode string `json:"error_code"`
	}
	err = json.Unmarshal(f.body, &answer)
	switch {
	// Plaid says that there is no such key. That is a mismatch, not an outage.
	case err == nil && answer.ErrorCode == "INVALID_WEBHOOK_VERIFICATION_KEY_ID":
		return nil, time.Time{}, noMatch("Plaid has no key with the id in the JWT")
	case f.status != http.StatusOK:
		return fail("the response has status %d and error %.60q: are client_id and secret right, and are they for this environment?", f.status, answer.ErrorCode)
	case err != nil:
		return fail("the response is not JSON")
	}
	k, now := answer.Key, p.keys.now()
	public, ok := p256(k.X, k.Y)
	// Plaid repeats the id, so this detects a cache or proxy that returns another key.
	if !ok || k.Kty != "EC" || k.Crv != "P-256" || k.Alg != "ES256" || k.Use != "sig" || k.Kid != kid {
		return fail("the response is not the ES256 key that was requested")
	}
	until := now.Add(maxFresh)
	if k.ExpiredAt != nil {
		expired := time.Unix(*k.ExpiredAt, 0)
		if !now.Before(expired) {
			return nil, time.Time{}, noMatch("the JWT's signing key expired at %s", expired.UTC().Format(time.RFC3339))
		}
		if expired.Before(until) {
			until = expired
		}
	}
	return public, until, nil
}

// p256 returns the key with these coordinates.
func p256(x, y string) (*ecdsa.PublicKey, bool) {
	point := []byte{4} // uncompressed
	for _, text := range []string{x, y} {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || len(raw) != 32 {
			return nil, false
		}
		point = append(point, raw...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	return key, err == nil
}
