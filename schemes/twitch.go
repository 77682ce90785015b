package schemes

import (
	"context"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Twitch returns the scheme for Twitch's EventSub. The signature is the
// hex-encoded HMAC-SHA256 of the message id, timestamp and body, without
// separators. The tolerance is 10 minutes. The id, a UUID, identifies the
// message. The Twitch-Eventsub-Message-Type header is not signed: use the type
// in the body.
//
// The scheme responds to the signed challenge of a new subscription. This
// scheme has not been tested against an official library or a published test
// vector.
//
// Source: twitchdev/eventsub-webhooks-node-sample, index.js at commit 6c2a8f5,
// as of November 2026.
func Twitch() core.Scheme {
	return twitch{must(Template{
		Name: "twitch", Signature: Header("Twitch-Eventsub-Message-Signature"), Label: "sha256=",
		Timestamp: Header("Twitch-Eventsub-Message-Timestamp"), Unit: RFC3339, Stamping: core.StampedEachAttempt,
		ID: Header("Twitch-Eventsub-Message-Id"), IDLength: 36,
		Past: 10 * time.Minute, Future: 10 * time.Minute,
		Content: "{id}{timestamp}{body}",
	})}
}

type twitch struct{ *templated }

// Facts implements [core.Describer].
func (t twitch) Facts() core.Facts {
	f := t.facts(t, nil)
	f.Challenge = answerTwitch
	return f
}

// answerTwitch reads the subscription's state in the body, because the header
// with the message type is not signed.
func answerTwitch(_ context.Context, r *core.Request, _ *core.Message, _ core.VerifyKey) *core.Answer {
	if state, ok := find(r.Body, []string{"subscription", "status"}); !ok || string(state) != "webhook_callback_verification_pending" {
		return nil
	}
	if challenge := textAt(r.Body, "challenge"); challenge != "" {
		return plain(challenge)
	}
	return nil
}
