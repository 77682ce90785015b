package core_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/memstore"
)

// describing counts how many times its facts are read.
type describing struct {
	core.StandardWebhooks

	asked *int
	facts core.Facts
}

func (d describing) Facts() core.Facts {
	*d.asked++
	return d.facts
}

func TestASchemeIsAskedForItsFactsOnceAndForNoRequest(t *testing.T) {
	t.Parallel()
	asked := 0
	secret := core.GenerateSecret()
	v := core.Must(core.New(core.Secrets(secret), memstore.New(), &core.Config{
		Scheme: describing{asked: &asked}, Clock: func() time.Time { return time.Unix(now, 0) },
	}))
	for _, id := range []string{"msg_1", "msg_2"} {
		r := signed(t, secret, id, now, "{}")
		if _, err := v.Verify(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		d := v.Admit(t.Context(), r, given("{}"))
		if d.Err() != nil {
			t.Fatal(d.Err())
		}
		d.Settle(http.StatusOK)
	}
	if asked != 1 {
		t.Errorf("asked %d times, want once", asked)
	}
}

func TestFactsThatCannotBeAreReportedAtBoot(t *testing.T) {
	t.Parallel()
	await := func(*core.Request) bool { return true }
	for name, c := range map[string]struct {
		facts core.Facts
		want  string
	}{
		"a handshake awaited and not answered": {core.Facts{AwaitsHandshake: await}, "one of AwaitsHandshake and AnswerHandshake"},
		"an address that nothing can change":   {core.Facts{URL: "https://example.com"}, "one of URL and At"},
		"a mistake in the settings":            {core.Facts{Mistake: errors.New("the URL is missing")}, "Config.Scheme (standard): the URL is missing"},
	} {
		_, err := core.New(core.Secrets(core.GenerateSecret()), memstore.New(), &core.Config{Scheme: describing{asked: new(int), facts: c.facts}})
		if !errors.Is(err, core.ErrMisconfigured) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// embedding embeds a scheme as an interface.
type (
	embedding struct{ core.Scheme }
	deep      struct{ *embedding }
	renamed   = core.Scheme
	quiet     struct{ renamed }
	noFacts   struct{ github }
)

func TestFactsOf(t *testing.T) {
	t.Parallel()
	full := describing{asked: new(int), facts: core.Facts{Past: time.Hour}}
	for name, c := range map[string]struct {
		scheme core.Scheme
		lost   bool
		past   time.Duration
	}{
		"none":                     {scheme: github{}},
		"no scheme":                {scheme: nil},
		"some":                     {scheme: full, past: time.Hour},
		"embedded as a struct":     {scheme: struct{ describing }{full}, past: time.Hour},
		"embedded, without any":    {scheme: embedding{noFacts{}}},
		"an embedded nil":          {scheme: embedding{}},
		"a nil pointer in between": {scheme: deep{}},
		"embedded":                 {scheme: embedding{full}, lost: true},
		"by a pointer":             {scheme: &embedding{full}, lost: true},
		"behind a pointer":         {scheme: deep{&embedding{full}}, lost: true},
		"under another name":       {scheme: quiet{full}, lost: true},
		"twice":                    {scheme: embedding{embedding{full}}, lost: true},
	} {
		f := core.FactsOf(c.scheme)
		if (f.Mistake != nil) != c.lost || f.Past != c.past {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestSigningWithAKeyThatOnlyVerifiesIsUnsupported(t *testing.T) {
	t.Parallel()
	_, public := core.GenerateKeyPair()
	r := &core.Request{Header: http.Header{}}
	sign := core.FactsOf(core.StandardWebhooks{}).Sign
	if err := sign(r, "", time.Unix(now, 0), public); !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, core.ErrMisconfigured) {
		t.Errorf("got %v", err)
	}
	if err := sign(&core.Request{}, "", time.Unix(now, 0), core.GenerateSecret()); err == nil {
		t.Error("signed without headers")
	}
	secret := core.GenerateSecret()
	if err := sign(r, "", time.Unix(now, 0), secret); err != nil {
		t.Fatal(err)
	}
	v := core.Must(core.New(core.Secrets(secret), untouched{}, &core.Config{Clock: func() time.Time { return time.Unix(now, 0) }}))
	if m, err := v.Verify(context.Background(), r); err != nil || !strings.HasPrefix(m.ID, "msg_") {
		t.Errorf("%+v, %v", m, err)
	}
}
