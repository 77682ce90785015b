package schemes

import (
	"context"

	"github.com/hookonce/hookonce/core"
)

// Slack is the scheme of Slack's requests: X-Slack-Signature and
// X-Slack-Request-Timestamp, HMAC-SHA256 of "v0:timestamp:body" under the text
// of the signing secret. X-Slack-Retry-Num is not signed.
//
// event_id in the body of an event identifies the message. A slash command or
// an interaction has no event_id, so each attempt counts as a separate message.
// Slack shows the response to the user, so none is acknowledged with an empty
// body.
//
// The scheme responds to a signed url_verification.
//
// Source: slackapi/bolt-js, src/receivers/verify-request.ts at commit 0a29693,
// as of November 2026.
func Slack() core.Scheme {
	return slack{must(Template{
		Name: "slack", Signature: Header("X-Slack-Signature"), Label: "v0=",
		Timestamp: Header("X-Slack-Request-Timestamp"), Stamping: core.StampedEachAttempt, ID: JSON("event_id"), IDOptional: true,
		Stable:  []Field{JSON("team_id"), JSON("event")},
		Content: "v0:{timestamp}:{body}",
	})}
}

type slack struct{ *templated }

// Facts implements [core.Describer].
func (s slack) Facts() core.Facts {
	f := s.facts(s, nil)
	f.Challenge = answerSlack
	return f
}

// ReadBody implements [core.Scheme].
func (s slack) ReadBody(r *core.Request, a *core.Attempt) error {
	err := s.templated.ReadBody(r, a)
	// Without an event_id this is a command or an interaction, whose response the user sees.
	a.Reply = !a.IDSigned
	return err
}

// answerSlack answers the url_verification.
func answerSlack(_ context.Context, r *core.Request, _ *core.Message, _ core.VerifyKey) *core.Answer {
	if kind, ok := find(r.Body, []string{"type"}); !ok || string(kind) != "url_verification" {
		return nil
	}
	return plain(textAt(r.Body, "challenge"))
}
