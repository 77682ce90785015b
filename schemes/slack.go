package schemes

import (
	"context"

	"github.com/hookonce/hookonce/core"
)

// Slack returns the scheme for requests from Slack. The X-Slack-Signature
// header holds the hex-encoded HMAC-SHA256 of "v0:timestamp:body". The key is
// the text of the signing secret. The X-Slack-Request-Timestamp header holds
// the timestamp. The X-Slack-Retry-Num header is not signed.
//
// In an event, event_id in the body identifies the message. A slash command or
// an interaction has no event_id, so each attempt counts as a separate message.
// Slack shows the response to the user, so commands and interactions are never
// acknowledged with an empty body.
//
// The scheme responds to a signed url_verification request.
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
	// Without an event_id, this is a command or an interaction, and the user sees the response.
	a.Reply = !a.IDSigned
	return err
}

// answerSlack responds to a url_verification request.
func answerSlack(_ context.Context, r *core.Request, _ *core.Message, _ core.VerifyKey) *core.Answer {
	if kind, ok := find(r.Body, []string{"type"}); !ok || string(kind) != "url_verification" {
		return nil
	}
	return plain(textAt(r.Body, "challenge"))
}
