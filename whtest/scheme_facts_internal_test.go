package whtest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// lying is the toy, which says something of itself.
type lying struct {
	toy

	facts core.Facts
	key   func(core.VerifyKey) core.VerifyKey
}

func (s lying) Facts() core.Facts { return s.facts }

func (s lying) ParseKey(text string) (core.VerifyKey, error) {
	k, err := s.toy.ParseKey(text)
	if err != nil || s.key == nil {
		return k, err
	}
	return s.key(k), nil
}

// fetching is a key that needs a context for what it fetches.
type fetching struct{ core.VerifyKey }

func (k fetching) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return k.VerifyKey.Verify(ctx, a)
}

// changing says something else each time.
type changing struct {
	toy

	calls *atomic.Int64
}

func (s changing) Facts() core.Facts { return core.Facts{Past: time.Duration(s.calls.Add(1))} }

// hiding hides the facts of another scheme.
type hiding struct{ core.Scheme }

func TestEveryWrongFactIsCaught(t *testing.T) {
	t.Parallel()
	toySign := func(r *core.Request, _ string, at time.Time, secrets ...string) error {
		if len(secrets) != 1 {
			return errors.New("one secret")
		}
		s, stamp := toy{kept: new(kept)}, strconv.FormatInt(at.Unix(), 10)
		var a core.Attempt
		s.content(&a, schemeID, stamp)
		a.Content.WriteBody(r.Body)
		lines(r)["Toy-Time"], lines(r)["Toy-Sig"] = []string{stamp}, []string{"h=" + (&toyKey{s, []byte(secrets[0])}).sum(&a)}
		return nil
	}
	all := [][]string{{"Toy-Id", "Toy-Time", "Toy-Sig"}}
	needsContext := func(k core.VerifyKey) core.VerifyKey { return fetching{k} }
	for name, c := range map[string]struct {
		scheme core.Scheme
		caught bool
	}{
		"none":                      {lying{}, false},
		"true ones":                 {lying{facts: core.Facts{Headers: all, Sign: toySign, Past: time.Minute, FreeText: true}}, false},
		"a mistake":                 {lying{facts: core.Facts{Mistake: errors.New("no")}}, true},
		"others each time":          {changing{calls: new(atomic.Int64)}, true},
		"hidden ones":               {hiding{lying{}}, true},
		"unsigned values":           {lying{facts: core.Facts{Unsigned: true}}, true},
		"a header not named":        {lying{facts: core.Facts{Headers: [][]string{{"Toy-Id", "Toy-Sig"}}}}, true},
		"a header in lower case":    {lying{facts: core.Facts{Headers: [][]string{{"toy-id", "Toy-Id", "Toy-Time", "Toy-Sig"}}}}, true},
		"the body identifies":       {lying{facts: core.Facts{IdentifiedBy: "{body}"}}, true},
		"an id the body has not":    {lying{facts: core.Facts{IdentifiedBy: "/event/id"}}, true},
		"an identity of no form":    {lying{facts: core.Facts{IdentifiedBy: "event.id"}}, true},
		"fetches, and says so":      {lying{facts: core.Facts{Fetches: true}, key: needsContext}, false},
		"fetches, and says nothing": {lying{key: needsContext}, true},
		"an address nobody signs": {lying{facts: core.Facts{URL: "https://example.com/", At: func(string) core.Scheme {
			return toy{kept: new(kept)}
		}}}, true},
		"signs something else": {lying{facts: core.Facts{Sign: func(r *core.Request, _ string, _ time.Time, secrets ...string) error {
			lines(r)["Toy-Sig"] = []string{"h=" + http.StatusText(200)}
			if len(secrets) == 0 {
				return errors.New("none")
			}
			return nil
		}}}, true},
		"signs without a secret": {lying{facts: core.Facts{Sign: func(r *core.Request, id string, at time.Time, secrets ...string) error {
			return toySign(r, id, at, append(secrets, "x")[0])
		}}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule := schemeCases()[slices.IndexFunc(schemeCases(), func(c schemeCase) bool { return c.name == "facts" })]
			s := toySubject("")
			s.Scheme = c.scheme
			if l, ok := c.scheme.(lying); ok {
				l.kept = new(kept)
				s.Scheme = l
			}
			if problems := rule.run(s); (len(problems) > 0) != c.caught {
				t.Errorf("%q", problems)
			} else {
				t.Logf("%q", problems)
			}
		})
	}
}
