package schemes

import (
	"context"
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// Discord returns the scheme for Discord's interactions and webhook events. The
// X-Signature-Ed25519 header holds the hex-encoded Ed25519 signature of the
// timestamp directly followed by the body. The secret is the application's
// hex-encoded public key. Discord sometimes sends invalid signatures on
// purpose, and removes the URL of an endpoint that accepts them.
//
// An interaction's id identifies the message. Discord shows the response to the
// user, so an interaction is never acknowledged with an empty body. A webhook
// event has no id, so each attempt counts as a separate message. The scheme
// responds to the signed pings of interactions and of webhook events.
//
// Source: discord/discord-interactions-js, src/index.ts at commit 0273b66, as
// of November 2026.
func Discord() core.Scheme {
	return discord{must(Template{
		Name: "discord", Signature: Header("X-Signature-Ed25519"), Algorithm: Ed25519, Secret: HexText,
		Timestamp: Header("X-Signature-Timestamp"), Stamping: core.StampedEachAttempt, ID: JSON("id"), IDOptional: true,
		Content: "{timestamp}{body}",
	})}
}

type discord struct{ *templated }

// Facts implements [core.Describer].
func (d discord) Facts() core.Facts {
	f := d.facts(d, nil)
	f.Challenge = answerDiscordPing
	return f
}

// ReadBody implements [core.Scheme].
func (d discord) ReadBody(r *core.Request, a *core.Attempt) error {
	err := d.templated.ReadBody(r, a)
	a.Reply = a.IDSigned && !isDiscordEvent(r.Body)
	return err
}

// isDiscordEvent reports whether a body is a webhook event and not an
// interaction.
func isDiscordEvent(body []byte) bool {
	s := scanner{b: body}
	return s.enter("event")
}

// answerDiscordPing responds to both pings: an interaction with type 1, and an
// event with type 0. An event with type 1 is not a ping.
func answerDiscordPing(_ context.Context, r *core.Request, _ *core.Message, _ core.VerifyKey) *core.Answer {
	kind, _ := find(r.Body, []string{"type"})
	switch {
	case string(kind) == "0":
		return &core.Answer{Status: http.StatusNoContent, Header: http.Header{"Content-Type": {"application/json"}}}
	case string(kind) == "1" && !isDiscordEvent(r.Body):
		return answerJSON(map[string]int{"type": 1})
	default:
		return nil
	}
}
