package schemes

import (
	"context"

	"github.com/hookonce/hookonce/core"
)

// Slack is the scheme of Slack's requests: X-Slack-Signature and X-Slack-Request-Timestamp, HMAC-SHA256 of "v0:timestamp:body" under
// the signing secret as it is shown. event_id in the body of an event identifies the message; a slash command or an interaction has none,
// and each attempt of it is a message of its own. X-Slack-Retry-Num is not signed.
//
// The signed url_verification is answered.
func Slack() core.Scheme {
	return slack{must(Template{
		Name: "slack", Signature: Header("X-Slack-Signature"), Label: "v0=",
		Timestamp: Header("X-Slack-Request-Timestamp"), Stamping: core.StampedEachAttempt, ID: JSON("event_id"), IDOptional: true,
		EventType: JSON("event", "type"),
		Content:   "v0:{timestamp}:{body}",
	})}
}

type slack struct{ *templated }

// Challenge implements [core.Challenger].
func (slack) Challenge(_ context.Context, r *core.Request, _ *core.Message, _ core.VerifyKey) *core.Answer {
	if kind, ok := find(r.Body, []string{"type"}); !ok || string(kind) != "url_verification" {
		return nil
	}
	return plain(textAt(r.Body, "challenge"))
}
