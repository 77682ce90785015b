package schemes

import (
	"context"
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// Front returns the scheme for Front's application webhooks. The
// X-Front-Signature header holds the base64-encoded HMAC-SHA256 of
// "timestamp:body". The X-Front-Request-Timestamp header holds the timestamp in
// milliseconds. No id is signed, so each attempt counts as a separate message.
//
// The scheme responds to the signed sync request that Front sends when a
// webhook is saved. The response contains the X-Front-Challenge header. This
// scheme has not been tested against an official library or a published test
// vector.
//
// Source: dev.frontapp.com/docs/application-webhooks, as of November 2026.
func Front() core.Scheme {
	return front{must(Template{
		Name: "front", Signature: Header("X-Front-Signature"), Encoding: core.Base64,
		Timestamp: Header("X-Front-Request-Timestamp"), Unit: Milliseconds, Stamping: core.StampedEachAttempt,
		Content: "{timestamp}:{body}",
	})}
}

type front struct{ *templated }

// Facts implements [core.Describer].
func (s front) Facts() core.Facts {
	f := s.facts(s, nil)
	f.Challenge = answerFront
	return f
}

// answerFront responds to a sync request. The challenge itself is not signed.
func answerFront(_ context.Context, r *core.Request, _ *core.Message, _ core.VerifyKey) *core.Answer {
	if kind, ok := find(r.Body, []string{"type"}); !ok || string(kind) != "sync" {
		return nil
	}
	challenges := lines(r.Header, "X-Front-Challenge")
	if len(challenges) != 1 || len(challenges[0]) > maxChallenge {
		return refused(http.StatusBadRequest)
	}
	return answerJSON(map[string]string{"challenge": challenges[0]})
}
