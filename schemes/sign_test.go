package schemes_test

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/senders"
	"github.com/hookonce/hookonce/schemes"
)

// unsigned returns the schemes that Sign cannot sign for: their sender has a
// private key, or signs nothing.
func unsigned() []string {
	return append([]string{
		"auth0", "chargebee", "discord", "eventgrid", "gitlab-token", "graph", "okta", "paypal", "plaid", "postmark",
		"pubsub", "rfc9421", "sendgrid", "sns", "token",
	}, slices.Collect(maps.Keys(privateSenders()))...)
}

// named returns the scheme with this name, with all settings that it may need.
func named(t testing.TB, name string) core.Scheme {
	t.Helper()
	scheme, err := schemes.New(name, schemes.Settings{URL: public, Audience: "https://example.com", Header: "X-Event-Id", DangerouslyReplayable: true})
	if err != nil {
		t.Fatal(err)
	}
	return scheme
}

// bodyToSign has ids, and placeholders for what the sender signs in a body.
func bodyToSign(t *testing.T, name string) string {
	t.Helper()
	return cmp.Or(known(t)[name].Sample, senders.EveryID)
}

func TestEverySchemeWithASharedSecretIsSignedAsItIsVerified(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_760_000_000, 0)
	for _, name := range schemes.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scheme := named(t, name)
			mine, other := hexKey, hexOther
			if scheme.Name() == "standard" {
				mine, other = core.GenerateSecret(), core.GenerateSecret()
			}
			r := request(bodyToSign(t, name), "Content-Type", "application/json")
			err := schemes.Sign(scheme, r, "", now, mine)
			if slices.Contains(unsigned(), name) {
				if !errors.Is(err, errors.ErrUnsupported) || strings.Contains(err.Error(), mine) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			m, err := verifier(t, scheme, now, mine).Verify(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if want := scheme.Stamping(); (want == core.StampedEachAttempt || want == core.StampedOnce) && !m.Timestamp.Equal(now) {
				t.Errorf("signed at %v instead of %v", m.Timestamp, now)
			}
			if _, err := verifier(t, scheme, now, other).Verify(t.Context(), r); !errors.Is(err, core.ErrNoMatch) {
				t.Errorf("under another secret: %v", err)
			}
			// Once more, later: another attempt of the same message.
			later := now.Add(time.Second)
			if err := schemes.Sign(scheme, r, "", later, mine); err != nil {
				t.Fatal(err)
			}
			again, err := verifier(t, scheme, later, mine).Verify(t.Context(), r)
			if err != nil || again.ID != m.ID {
				t.Errorf("signed again: id %q instead of %q, error %v", again.ID, m.ID, err)
			}
		})
	}
}

// TestItSignsAsTheSendersOfTheSuite compares Sign with the independently
// written senders of the suite.
func TestItSignsAsTheSendersOfTheSuite(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_760_000_000, 0).UTC()
	signed := 0
	for name, s := range subjects() {
		if strings.HasPrefix(name, "box") || strings.HasSuffix(name, " in milliseconds") {
			continue // which write their time in another way, so that the signed text differs
		}
		r := s.sign(s.secret, "msg_1", now, []byte(`{"a":1}`))
		want := signatures(t, s.scheme, r)
		err := schemes.Sign(s.scheme, r, "", now, s.secret)
		if errors.Is(err, errors.ErrUnsupported) {
			continue
		}
		signed++
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, ok := jwtSenders()[name]; ok {
			continue // the claims of a token may stand in any order
		}
		got := signatures(t, s.scheme, r)
		if !slices.ContainsFunc(want, func(w core.Signature) bool { return w == got[0] }) {
			t.Errorf("%s: signed %q, the sender %q", name, got, want)
		}
	}
	if signed < 30 {
		t.Errorf("only %d senders compared", signed)
	}
}

func signatures(t *testing.T, scheme core.Scheme, r *core.Request) []core.Signature {
	t.Helper()
	a := new(core.Attempt)
	if err := errors.Join(scheme.ReadHeader(r, a), scheme.ReadBody(r, a)); err != nil {
		t.Fatal(err)
	}
	return a.Signatures
}

func TestSeveralSecretsSignWhereTheSenderCan(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_760_000_000, 0)
	for name, both := range map[string]bool{"stripe": true, "paddle": true, "box": true, "docusign": true, "pagerduty": true, "github": false, "shopify": false} {
		scheme, err := schemes.New(name, schemes.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		r := request(`{"id":"evt_1","event_id":"evt_1","event":{"id":"evt_1"}}`)
		err = schemes.Sign(scheme, r, "", now, secret, stranger)
		if (err == nil) != both {
			t.Errorf("%s: error %v", name, err)
			continue
		}
		for _, s := range []string{secret, stranger} {
			if _, err := verifier(t, scheme, now, s).Verify(t.Context(), r); both && err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestWhatCannotBeSignedIsSaid(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_760_000_000, 0)
	for name, tt := range map[string]struct {
		scheme core.Scheme
		body   string
		secret string
		at     time.Time
		want   string
	}{
		"no time in the body":      {schemes.Linear(), `{}`, secret, now, "webhookTimestamp"},
		"no signature in the body": {schemes.Adyen(), `{"notificationItems":[{"NotificationRequestItem":{}}]}`, hexKey, now, "hmacSignature"},
		"a placeholder that is there twice": {
			schemes.Mailgun(),
			`{"signature":{"timestamp":"0","token":"` + strings.Repeat("0", 50) + `","signature":"x"},"a":"x"}`, secret, now, "once",
		},
		"a scheme without its URL":   {schemes.Square(""), `{}`, secret, now, "the URL is empty"},
		"a secret of another form":   {schemes.AdyenPlatform(), `{}`, "no hex", now, "hexadecimal"},
		"an empty secret":            {schemes.GitHub(), `{}`, "", now, "empty"},
		"a time before 1970":         {schemes.Stripe(), `{}`, secret, time.Unix(-5, 0), "timestamp"},
		"a whpk_ key":                {core.StandardWebhooks{}, `{}`, "whpk_" + strings.Repeat("A", 43) + "=", now, "whpk_"},
		"a header that is not there": {schemes.Hook0("X-Missing"), `{}`, secret, now, "exactly once"},
	} {
		err := schemes.Sign(tt.scheme, &core.Request{Method: http.MethodPost, URL: "/hook", Body: []byte(tt.body)}, "", tt.at, tt.secret)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := schemes.Sign(schemes.GitHub(), request("{}"), "", now); err == nil {
		t.Error("no secret: signed")
	}
}

func TestAnAnySignsAsTheMemberThatTheSecretNames(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_760_000_000, 0)
	public, shared := subjects()["discord"].secret, schemes.Template{
		Name: "shared", Signature: schemes.Header("Shared-Signature"), Timestamp: schemes.Header("Shared-Time"),
		Stamping: core.StampedEachAttempt, ID: schemes.JSON("id"), Content: "{timestamp}.{body}",
	}
	own, err := shared.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	mixed, err := schemes.Any("mixed", schemes.Discord(), own)
	if err != nil {
		t.Fatal(err)
	}
	alike, err := schemes.Any("alike", schemes.GitHub(), schemes.LemonSqueezy())
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		scheme      core.Scheme
		secrets     []string
		header      string // that is set
		unsupported bool
		says        string
	}{
		"the member that the secret names": {mixed, []string{"shared:" + secret}, "Shared-Signature", false, ""},
		"one that only verifies":           {mixed, []string{"discord:" + public}, "", true, "discord"},
		"no member":                        {mixed, []string{secret}, "", false, "cannot tell whether"},
		"two members":                      {mixed, []string{"shared:" + secret, "discord:" + public}, "", false, "shared and discord"},
		"no secret":                        {mixed, nil, "", false, "no secret"},
		"the first of several":             {alike, []string{secret}, "X-Hub-Signature-256", false, ""},
		"what none can read":               {alike, []string{""}, "", true, "alike"},
	} {
		r := request(`{"id":"evt_1"}`)
		err := schemes.Sign(tt.scheme, r, "", now, tt.secrets...)
		switch {
		case tt.header == "" && (err == nil || errors.Is(err, errors.ErrUnsupported) != tt.unsupported || !strings.Contains(err.Error(), tt.says)):
			t.Errorf("%s: %v", name, err)
		case tt.header != "" && (err != nil || asMap(r.Header).Get(tt.header) == ""):
			t.Errorf("%s: %v, %v", name, err, r.Header)
		case tt.header != "":
			if _, err := verifier(t, tt.scheme, now, tt.secrets...).Verify(t.Context(), r); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
