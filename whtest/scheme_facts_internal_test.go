package whtest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// lying is the toy with wrong facts.
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

// fetching is a key that fetches and so needs a live context.
type fetching struct{ core.VerifyKey }

func (k fetching) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return k.VerifyKey.Verify(ctx, a)
}

// changing returns other facts each time.
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
		"none":                         {lying{}, false},
		"true ones":                    {lying{facts: core.Facts{Headers: all, Sign: toySign, Past: time.Minute, FreeText: true}}, false},
		"a mistake":                    {lying{facts: core.Facts{Mistake: errors.New("no")}}, true},
		"differ each time":             {changing{calls: new(atomic.Int64)}, true},
		"hidden ones":                  {hiding{lying{}}, true},
		"an optional header":           {lying{toy: toy{mistake: "time from a header if it is there"}, facts: core.Facts{Headers: all}}, true},
		"unsigned values":              {lying{facts: core.Facts{Unsigned: true}}, true},
		"a header not named":           {lying{facts: core.Facts{Headers: [][]string{{"Toy-Id", "Toy-Sig"}}}}, true},
		"a header in lower case":       {lying{facts: core.Facts{Headers: [][]string{{"toy-id", "Toy-Id", "Toy-Time", "Toy-Sig"}}}}, true},
		"the body identifies":          {lying{facts: core.Facts{IdentifiedBy: "{body}"}}, true},
		"an id that the body lacks":    {lying{facts: core.Facts{IdentifiedBy: "/event/id"}}, true},
		"an identity in no known form": {lying{facts: core.Facts{IdentifiedBy: "event.id"}}, true},
		"fetches and says so":          {lying{facts: core.Facts{Fetches: true}, key: needsContext}, false},
		"fetches but does not say so":  {lying{key: needsContext}, true},
		"an address that is not signed": {lying{facts: core.Facts{URL: "https://example.com/", At: func(string) core.Scheme {
			return toy{kept: new(kept)}
		}}}, true},
		"an address with its query":       {overQuery{}, false},
		"an address whose query may grow": {overQuery{loose: true}, true},
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
			} else if o, ok := c.scheme.(overQuery); ok {
				s = o.subject()
			}
			if problems := rule.run(s); (len(problems) > 0) != c.caught {
				t.Errorf("%q", problems)
			} else {
				t.Logf("%q", problems)
			}
		})
	}
}

// overQuery is the toy with a signed address.
type overQuery struct {
	toy

	url   string
	loose bool // the query of the request is not looked at
}

func (s overQuery) subject() Subject {
	s.toy, s.url = toy{kept: new(kept)}, "https://example.com/hook"
	subject := toySubject("")
	subject.Scheme = s
	subject.Sign = func(id string, at time.Time, content []byte) *core.Request {
		stamp := strconv.FormatInt(at.Unix(), 10)
		var a core.Attempt
		s.content(&a, id, stamp)
		a.Content.WriteBody(content)
		a.Content.WriteString(s.url)
		mac := (&toyKey{toy{}, []byte(subject.Secret)}).sum(&a)
		return &core.Request{Method: http.MethodPost, URL: "/hook", Body: content, Header: http.Header{
			"Toy-Id": {id}, "Toy-Time": {stamp}, "Toy-Sig": {"h=" + mac},
		}}
	}
	return subject
}

func (s overQuery) Facts() core.Facts {
	return core.Facts{URL: s.url, At: func(url string) core.Scheme {
		s.url = url
		return s
	}}
}

func (s overQuery) ReadBody(r *core.Request, a *core.Attempt) error {
	a.Content.WriteBody(r.Body)
	a.Content.WriteString(s.url)
	if _, query, ok := strings.Cut(r.URL, "?"); ok && !s.loose {
		a.Content.WriteString("?" + query)
	}
	return nil
}

func TestAResponseToEveryMessageIsCaught(t *testing.T) {
	t.Parallel()
	yes := &core.Answer{Status: http.StatusOK}
	for want, f := range map[string]core.Facts{
		"Facts.Challenge responded to an ordinary message with 200": {
			Challenge: func(context.Context, *core.Request, *core.Message, core.VerifyKey) *core.Answer { return yes },
		},
		"Facts.Handshake responded to an ordinary message with 200": {Handshake: func(*core.Request) *core.Answer { return yes }},
	} {
		s := toySubject("")
		s.Scheme = lying{toy: toy{kept: new(kept)}, facts: f}
		if problems := schemeCases()[0].run(s); len(problems) != 1 || !strings.HasPrefix(problems[0], want) {
			t.Errorf("got %q, want %q", problems, want)
		}
	}
}

// idInBody is the toy with its id in the body, at /id. It claims that the id is at pointer.
type idInBody struct {
	toy

	pointer string
}

func (s idInBody) Facts() core.Facts { return core.Facts{IdentifiedBy: s.pointer} }

func (s idInBody) ReadBody(r *core.Request, a *core.Attempt) error {
	var body struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(r.Body, &body) != nil || body.ID == "" {
		return core.ErrMalformed
	}
	a.ID = body.ID
	a.Content.WriteBody(r.Body)
	return nil
}

func TestAnIdentityAtAnotherPlaceIsCaught(t *testing.T) {
	t.Parallel()
	for pointer, caught := range map[string]bool{"/id": false, "/other": true, "/list/1": true, "/nested/ident": true, "/n": true} {
		s := toySubject("")
		s.Scheme = idInBody{toy{kept: new(kept)}, pointer}
		sign := s.Sign
		s.Sign = func(id string, at time.Time, content []byte) *core.Request {
			body := `{"id":"` + id + `","other":"x","n":7,"list":["` + id + `",1],"nested":{"id":"` + id + `"}}`
			return sign("x", at, []byte(body))
		}
		var problems []string
		for _, c := range schemeCases() {
			if c.name == "facts" {
				problems = c.run(s)
			}
		}
		if (len(problems) > 0) != caught {
			t.Errorf("%s: %q", pointer, problems)
		}
	}
}

// bothKinds has shared secrets, and public keys ("public:…") whose private half is made up.
type bothKinds struct {
	toy

	mistake string
}

const noPrivateHalf = "nobody but the sender has this"

func (s bothKinds) Facts() core.Facts {
	return core.Facts{PublicKeys: s.mistake != "public keys not said", Sign: func(_ *core.Request, _ string, _ time.Time, secrets ...string) error {
		if len(secrets) == 1 && strings.HasPrefix(secrets[0], "public:") {
			return errors.ErrUnsupported
		}
		return errors.New("not signed here")
	}}
}

func (s bothKinds) ParseKey(text string) (core.VerifyKey, error) {
	bare, public := strings.CutPrefix(text, "public:")
	raw, err := hex.DecodeString(bare)
	if !public {
		if err == nil && s.mistake != "a bare key is a phrase" {
			return nil, errors.New("no public: in front")
		}
		return s.toy.ParseKey(text)
	}
	if err != nil {
		return nil, err
	}
	keys := eitherKey{&toyKey{s.toy, []byte(noPrivateHalf + bare)}}
	switch s.mistake {
	case "the whole text signs":
		keys = append(keys, &toyKey{s.toy, []byte(text)})
	case "the text signs":
		keys = append(keys, &toyKey{s.toy, []byte(bare)})
	case "the bytes sign":
		keys = append(keys, &toyKey{s.toy, raw})
	}
	return keys, nil
}

type eitherKey []core.VerifyKey

func (k eitherKey) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	for _, key := range k {
		if ok, err := key.Verify(ctx, a); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func TestASchemeWherePublicKeysSignIsCaught(t *testing.T) {
	t.Parallel()
	const public = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	for _, mistake := range []string{
		"", "public keys not said", "a bare key is a phrase", "the whole text signs", "the text signs", "the bytes sign",
	} {
		s := toySubject("")
		s.Scheme, s.Secret = bothKinds{toy{kept: new(kept)}, mistake}, "public:"+public
		s.Sign = func(id string, at time.Time, content []byte) *core.Request {
			stamp := strconv.FormatInt(at.Unix(), 10)
			var a core.Attempt
			toy{}.content(&a, id, stamp)
			a.Content.WriteBody(content)
			return &core.Request{Method: http.MethodPost, URL: "/hook", Body: content, Header: http.Header{
				"Toy-Id": {id}, "Toy-Time": {stamp}, "Toy-Sig": {"h=" + (&toyKey{toy{}, []byte(noPrivateHalf + public)}).sum(&a)},
			}}
		}
		var problems []string
		for _, c := range schemeCases() {
			if c.name == "public key" {
				problems = c.run(s)
			}
		}
		if (len(problems) > 0) != (mistake != "") {
			t.Errorf("%s: %q", mistake, problems)
		}
	}
}
