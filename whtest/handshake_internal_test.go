package whtest

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// askingToy is the toy of a sender that sends GET ?toy=token and expects the token. Its switches
// are those of the toy.
type askingToy struct {
	toy

	answers bool
}

func (s askingToy) Facts() core.Facts {
	return core.Facts{AwaitsHandshake: s.awaits, AnswerHandshake: s.answer}
}

func (s askingToy) awaits(r *core.Request) bool {
	h := lines(r)
	signed := len(h["Toy-Id"])+len(h["Toy-Time"])+len(h["Toy-Sig"]) > 0
	if s.mistake == "looks at one header" {
		signed = len(h["Toy-Sig"]) > 0
	}
	if s.mistake == "empty is absent" {
		signed = h.Get("Toy-Id")+h.Get("Toy-Time")+h.Get("Toy-Sig") != ""
	}
	return r.Method == http.MethodGet && (!signed || s.mistake == "answers a signed request") && s.answers
}

func (s askingToy) answer(r *core.Request, key core.VerifyKey) *core.Answer {
	const before = "/hook?toy="
	token := r.URL[len(before):]
	answer := &core.Answer{Status: http.StatusOK, Body: []byte(token), Header: http.Header{
		"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"},
	}}
	switch s.mistake {
	case "never answers":
		return nil
	case "repeats without bound":
		return answer
	case "HTML":
		answer.Header["Content-Type"] = []string{"text/html"}
	case "no nosniff":
		delete(answer.Header, "X-Content-Type-Options")
	case "panics on a body":
		if len(r.Body) > 0 {
			_ = r.Body[10_000]
		}
	case "signs what it is asked":
		k, _ := key.(*toyKey)
		var a core.Attempt
		s.content(&a, schemeID, "1759997226")
		a.Content.WriteString(token)
		answer.Body = []byte("h=" + k.sum(&a))
	}
	if len(token) > 128 {
		return nil
	}
	return answer
}

func TestEveryBrokenHandshakeIsCaught(t *testing.T) {
	t.Parallel()
	i := slices.IndexFunc(schemeCases(), func(c schemeCase) bool { return c.name == "handshake" })
	rule := schemeCases()[i]
	for _, tt := range []struct {
		mistake       string
		answers, asks bool
		caught        bool
	}{
		{"", true, true, false},
		{"", false, false, false},
		{"answers, but nobody asked it to", true, false, true},
		{"never answers", true, true, true},
		{"does not await", false, true, true},
		{"answers a signed request", true, true, true},
		{"looks at one header", true, true, true},
		{"empty is absent", true, true, true},
		{"repeats without bound", true, true, true},
		{"HTML", true, true, true},
		{"no nosniff", true, true, true},
		{"panics on a body", true, true, true},
		{"signs what it is asked", true, true, true},
	} {
		t.Run("mistake "+tt.mistake, func(t *testing.T) {
			t.Parallel()
			s := toySubject(tt.mistake)
			toy, _ := s.Scheme.(toy)
			s.Scheme = askingToy{toy, tt.answers}
			if tt.asks {
				s.Handshake = func() *core.Request {
					return &core.Request{Method: http.MethodGet, URL: "/hook?toy=pogchamp-kappa", Header: http.Header{}}
				}
			}
			if problems := rule.run(s); (len(problems) > 0) != tt.caught {
				t.Errorf("found %q", problems)
			}
		})
	}
	s := toySubject("")
	s.Handshake = func() *core.Request { return nil }
	if problems := rule.run(s); len(problems) == 0 {
		t.Error("a scheme that answers nothing passes with a Subject.Handshake")
	}
}

// postingToy is the toy of a sender whose handshake has a body.
type postingToy struct {
	toy

	anyBody bool // is answered
}

func (s postingToy) Facts() core.Facts {
	return core.Facts{
		Headers: [][]string{{"Toy-Id", "Toy-Time", "Toy-Sig"}},
		AwaitsHandshake: func(r *core.Request) bool {
			h := lines(r)
			return r.Method == http.MethodPost && len(h["Toy-Id"])+len(h["Toy-Time"])+len(h["Toy-Sig"]) == 0
		},
		AnswerHandshake: func(r *core.Request, _ core.VerifyKey) *core.Answer {
			if !s.anyBody && string(r.Body) != "toy asks" {
				return nil
			}
			return &core.Answer{Status: http.StatusNoContent}
		},
	}
}

func TestAHandshakeThatMatchesUnsignedMessagesIsCaught(t *testing.T) {
	t.Parallel()
	i := slices.IndexFunc(schemeCases(), func(c schemeCase) bool { return c.name == "handshake" })
	for _, anyBody := range []bool{false, true} {
		s := toySubject("")
		s.Scheme = postingToy{toy{kept: new(kept)}, anyBody}
		s.Handshake = func() *core.Request {
			return &core.Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{}, Body: []byte("toy asks")}
		}
		if problems := schemeCases()[i].run(s); (len(problems) > 0) != anyBody {
			t.Errorf("any body %t: %q", anyBody, problems)
		}
	}
}

// pingedToy is the toy of a sender whose challenge is a signed ping. The ping has an id like a
// message.
type pingedToy struct {
	toy

	mistake string
}

func (s pingedToy) Facts() core.Facts {
	if s.mistake == "no challenge" {
		return core.Facts{}
	}
	return core.Facts{Challenge: func(_ context.Context, r *core.Request, _ *core.Message, _ core.VerifyKey) *core.Answer {
		if string(r.Body) != "ping" || s.mistake == "never answers" {
			return nil
		}
		kind := "text/plain"
		if s.mistake == "HTML" {
			kind = "text/html"
		}
		return &core.Answer{Status: http.StatusOK, Body: []byte("pong"), Header: http.Header{"Content-Type": {kind}, "X-Content-Type-Options": {"nosniff"}}}
	}}
}

func (s pingedToy) ReadBody(r *core.Request, a *core.Attempt) error {
	if s.mistake == "refuses what has no id" && string(r.Body) == "ping" {
		return core.ErrMalformed
	}
	return s.toy.ReadBody(r, a)
}

func (s pingedToy) ParseKey(text string) (core.VerifyKey, error) {
	k, err := s.toy.ParseKey(text)
	if s.mistake == "answers everybody" {
		return anyPing{k}, err
	}
	return k, err
}

// anyPing verifies every ping.
type anyPing struct{ core.VerifyKey }

func (k anyPing) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	if bytes.HasSuffix(a.Content.Bytes(), []byte(".ping")) {
		return true, nil
	}
	return k.VerifyKey.Verify(ctx, a)
}

func TestEveryBrokenChallengeIsCaught(t *testing.T) {
	t.Parallel()
	i := slices.IndexFunc(schemeCases(), func(c schemeCase) bool { return c.name == "challenge" })
	for _, mistake := range []string{"", "no challenge", "never answers", "HTML", "refuses what has no id", "answers everybody"} {
		s := toySubject("")
		s.Scheme = pingedToy{toy{kept: new(kept)}, mistake}
		sign := s.Sign
		s.Challenge = func(at time.Time) *core.Request { return sign(schemeID, at, []byte("ping")) }
		if problems := schemeCases()[i].run(s); (len(problems) > 0) != (mistake != "") {
			t.Errorf("%s: %q", mistake, problems)
		}
	}
}
