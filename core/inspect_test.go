package core_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

func TestInspectSaysWhatTheVerifierGoesBy(t *testing.T) {
	t.Parallel()
	secret, other := core.GenerateSecret(), core.GenerateSecret()
	outage := errors.New("the vault is down")
	genuine := func() *core.Request { return signed(t, secret, "msg_1", now, "{}") }
	stale := func() *core.Request { return signed(t, secret, "msg_1", now-3600, "{}") }
	for name, c := range map[string]struct {
		keys    *core.Keys
		err     error
		request func() *core.Request
		want    error
	}{
		"a genuine message":                 {core.Secrets(secret), nil, genuine, nil},
		"another secret":                    {core.Secrets(other), nil, genuine, core.ErrNoMatch},
		"its headers are refused first":     {core.Secrets(other), nil, stale, core.ErrOutsideWindow},
		"a secret that cannot be one":       {core.Secrets(secret + "\n"), nil, genuine, core.ErrMisconfigured},
		"an unknown tenant":                 {nil, core.ErrUnknownSource, genuine, core.ErrUnknownSource},
		"an outage":                         {nil, outage, genuine, core.ErrKeysUnavailable},
		"an outage, told with its old keys": {core.Secrets(secret), outage, genuine, core.ErrKeysUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			source := core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) {
				asked++
				return "acme", c.keys, c.err
			})
			v := core.Must(core.New(source, untouched{}, &core.Config{Clock: func() time.Time { return time.Unix(now, 0) }}))
			i := v.Inspect(t.Context(), c.request())
			if !errors.Is(i.Err, c.want) || i.Keys != c.keys || !errors.Is(i.KeysErr, c.err) || i.Source != "acme" || asked != 1 {
				t.Errorf("asked %d times: %+v", asked, i)
			}
			if i.Config.Past != 5*time.Minute || i.Config.MaxBody != 1<<20 || i.Config.Scheme == nil {
				t.Errorf("the configuration has no defaults: %+v", i.Config)
			}
			if _, err := v.Verify(t.Context(), c.request()); !errors.Is(err, c.want) {
				t.Errorf("Verify says something else: %v", err)
			}
		})
	}
}

func TestInspectOfStaticKeysAndOfARequestWithoutHeaders(t *testing.T) {
	t.Parallel()
	keys := core.Secrets(core.GenerateSecret()).From("acme")
	v := core.Must(core.New(keys, untouched{}, nil))
	r := &core.Request{Method: http.MethodPost, URL: "/hook"}
	if i := v.Inspect(t.Context(), r); i.Source != "acme" || i.Keys != keys || !errors.Is(i.Err, core.ErrMissingHeader) || r.Header != nil {
		t.Errorf("%+v, and the request %+v", i, r)
	}
}

// online is Standard Webhooks whose keys fetch.
type online struct {
	core.StandardWebhooks

	silent bool // it does not say so in its facts
	called *int
	ended  *bool
}

func (o online) Facts() core.Facts { return core.Facts{Fetches: !o.silent} }

func (o online) ParseKey(string) (core.VerifyKey, error) { return o, nil }

func (o online) Verify(ctx context.Context, _ *core.Attempt) (bool, error) {
	*o.called++
	*o.ended = ctx.Err() != nil
	return false, ctx.Err()
}

func TestInspectAsksNoKeyThatFetches(t *testing.T) {
	t.Parallel()
	called := 0
	v := core.Must(core.New(core.Secrets("x-y-z"), untouched{}, &core.Config{Scheme: online{called: &called, ended: new(bool)}, Clock: func() time.Time { return time.Unix(now, 0) }}))
	secret := core.GenerateSecret()
	if i := v.Inspect(t.Context(), signed(t, secret, "msg_1", now, "{}")); i.Err != nil || called != 0 {
		t.Errorf("called %d times: %v", called, i.Err)
	}
	if i := v.Inspect(t.Context(), signed(t, secret, "msg_1", now-3600, "{}")); !errors.Is(i.Err, core.ErrOutsideWindow) {
		t.Errorf("what the headers tell is not told: %v", i.Err)
	}
}

func TestInspectCallsKeysUnderAContextThatHasEnded(t *testing.T) {
	t.Parallel()
	called, ended := 0, false
	v := core.Must(core.New(core.Secrets("x-y-z"), untouched{}, &core.Config{
		Scheme: online{silent: true, called: &called, ended: &ended}, Clock: func() time.Time { return time.Unix(now, 0) },
	}))
	r := signed(t, core.GenerateSecret(), "msg_1", now, "{}")
	if i := v.Inspect(t.Context(), r); called != 1 || !ended || !errors.Is(i.Err, core.ErrKeysUnavailable) {
		t.Errorf("called %d times, under a context that has ended: %t, %v", called, ended, i.Err)
	}
}
