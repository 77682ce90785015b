package schemes

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// PubSubOptions are the options of [DangerouslyReplayablePubSub].
type PubSubOptions struct {
	// Audience is the audience of the push subscription: the configured one, or
	// by default the endpoint's URL. Audience is required, because Google signs
	// tokens for everyone.
	Audience string
	// Client fetches Google's keys. It never follows redirects. Default: a
	// client of this package that uses the proxy from the environment.
	Client *http.Client

	seams seams
}

// DangerouslyReplayablePubSub returns the scheme for Google Cloud Pub/Sub push
// subscriptions that authenticate with a service account's token. The "secret"
// is that account's email address. The Authorization header holds the token, a
// JWT signed with RS256. The token is valid for an hour and for any message.
// The body is not signed, nothing identifies a message, and the handler runs
// for each attempt. Anyone who captures one request can send anything for an
// hour. A pull subscription does not have this weakness. This scheme has not
// been tested against an official library or a published test vector.
//
// Source: docs.cloud.google.com/pubsub/docs/authenticate-push-subscriptions, as
// of November 2026.
func DangerouslyReplayablePubSub(o PubSubOptions) core.Scheme {
	if o.Audience == "" {
		return unusable{"pubsub", errors.New("PubSubOptions.Audience is missing: set it to the push subscription's audience or, if the subscription has " +
			"none, to the push endpoint's URL")}
	}
	return &pubsub{audience: o.Audience, client: fetchClient(o.Client), sets: cache[googleSet]{now: o.seams.clock()}}
}

type pubsub struct {
	audience string
	client   *http.Client
	sets     cache[googleSet]
}

const (
	pubsubLabel = "RS256"
	googleKeys  = "https://www.googleapis.com/oauth2/v3/certs"
)

func (*pubsub) Name() string            { return "pubsub" }
func (*pubsub) Stamping() core.Stamping { return core.NotIdentified }

// Facts implements [core.Describer].
func (*pubsub) Facts() core.Facts {
	return core.Facts{PublicKeys: true, Fetches: true, Headers: [][]string{{"Authorization"}}}
}

// ParseKey implements [core.Scheme].
func (p *pubsub) ParseKey(email string) (core.VerifyKey, error) {
	const letters = "-.0123456789abcdefghijklmnopqrstuvwxyz"
	name, domain, ok := strings.Cut(email, "@")
	if !ok || name == "" || len(email) > 256 || !only(name, letters) || !only(domain, letters) || !strings.HasSuffix(domain, ".gserviceaccount.com") {
		return nil, errors.New("this is not the email address of a service account: give the address that authenticates the push subscription, which ends " +
			"with .gserviceaccount.com")
	}
	return &pubsubKey{email, p}, nil
}

// ReadHeader implements [core.Scheme].
func (*pubsub) ReadHeader(r *core.Request, a *core.Attempt) error {
	text, err := bearer(r)
	if err != nil {
		return err
	}
	token, err := namedJWT(text, "RS256")
	if err != nil {
		return err
	}
	a.Signatures = append(a.Signatures, core.Signature{Label: pubsubLabel, Text: token.signature})
	a.Content.WriteString(token.signed)
	a.State = &token
	return nil
}

// ReadBody implements [core.Scheme]. The id is unsigned and serves only for
// logs.
func (*pubsub) ReadBody(r *core.Request, a *core.Attempt) error {
	if id, ok := find(r.Body, []string{"message", "messageId"}); ok && visible(string(id)) {
		a.ID = string(id)
	}
	return nil
}

// pubsubKey is the key for one service account.
type pubsubKey struct {
	email  string
	scheme *pubsub
}

// Verify implements [core.VerifyKey].
func (k *pubsubKey) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	token, ok := a.State.(*jwt)
	if !ok || len(a.Signatures) == 0 {
		return false, nil
	}
	// This is not an error: the token may belong to the account of another key.
	if email, _ := token.claims.text("email"); email != k.email {
		return false, nil
	}
	issuer, _ := token.claims.text("iss")
	audience, _ := token.claims.text("aud")
	end, ok := token.claims.seconds("exp")
	switch {
	case issuer != "accounts.google.com" && issuer != "https://accounts.google.com":
		return false, noMatch("the token was not issued by accounts.google.com")
	case audience != k.scheme.audience:
		return false, noMatch("the token's audience is not PubSubOptions.Audience: set it to the push subscription's audience")
	case string(token.claims["email_verified"]) != "true":
		return false, noMatch("the token does not say that its email address is verified")
	case !ok:
		return false, noMatch("the claim \"exp\" of the token is missing or is not a whole number of seconds")
	case !k.scheme.sets.now().Before(end):
		return false, noMatch("the token has expired, or our clock is ahead of Google's")
	}
	public, err := k.scheme.key(ctx, token.kid)
	if err != nil {
		return false, err
	}
	return verifyRSA(ctx, pubsubLabel, core.Base64URL, public, crypto.SHA256, a)
}

// googleSet holds Google's keys by id.
type googleSet map[string]*rsa.PublicKey

// key returns the key with this id. Since an unknown id may belong to a new
// key, it causes a refresh of the set, at most once a minute.
func (p *pubsub) key(ctx context.Context, kid string) (*rsa.PublicKey, error) {
	for _, age := range []time.Duration{maxFresh, time.Minute} {
		// No budget is needed, since there is only one URL and a message cannot name another.
		set, err := p.sets.younger(ctx, googleKeys, age, loading[googleSet]{load: p.fetch})
		if err != nil {
			return nil, err
		}
		if public, ok := set[kid]; ok {
			return public, nil
		}
	}
	return nil, noMatch("Google has no key with the id in the token")
}

func (p *pubsub) fetch(ctx context.Context) (googleSet, time.Time, error) {
	f, err := getOK(ctx, p.client, googleKeys)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("fetching Google's keys: %w", err)
	}
	keys, err := parseSet(f.body)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("fetching Google's keys: %w", err)
	}
	set := googleSet{}
	for _, k := range keys {
		public, err := k.public()
		if key, ok := public.(*rsa.PublicKey); ok && err == nil && k.Alg == "RS256" && k.Kid != "" {
			set[k.Kid] = key
		}
	}
	if len(set) == 0 {
		return nil, time.Time{}, errors.New("fetching Google's keys: the response has no key for RS256")
	}
	// Follow Google's max-age, but refresh at least daily, and at most every five minutes.
	return set, p.sets.now().Add(min(max(maxAge(f.header), 5*time.Minute), maxFresh)), nil
}

// maxAge returns the max-age of a response, or zero if the response has none.
func maxAge(h http.Header) time.Duration {
	for part := range strings.SplitSeq(strings.Join(h["Cache-Control"], ","), ",") {
		text, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(part)), "max-age=")
		if n, err := strconv.Atoi(text); ok && err == nil && n > 0 {
			return time.Duration(min(n, 1<<20)) * time.Second
		}
	}
	return 0
}
