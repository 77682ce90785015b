package schemes

import (
	"context"

	"github.com/hookonce/hookonce/core"
)

// Slack is the scheme of Slack's requests: X-Slack-Signature and
// X-Slack-Request-Timestamp, HMAC-SHA256 of "v0:timestamp:body" under the
// signing secret as it is shown. X-Slack-Retry-Num is not signed.
//
// event_id in the body of an event identifies the message. A slash command or
// an interaction has none: each attempt of it is a message of its own, and none
// is acknowledged with an empty body, because Slack shows the response to the
// user.
//
// The signed url_verification is answered.
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
