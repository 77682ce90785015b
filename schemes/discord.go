package schemes

import (
	"context"
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// Discord is the scheme of Discord's interactions and webhook events: ed25519
// over timestamp and body under the application's public key, in hexadecimal.
// Discord sends wrong signatures now and then, and takes the address away from
// an endpoint that accepts them.
//
// The id of an interaction identifies the message. Discord shows the response
// to the user, so an interaction is never acknowledged with an empty body. A
// webhook event has no id: each attempt is a message of its own. The signed
// pings of both are answered.
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

// isDiscordEvent tells a webhook event from an interaction.
func isDiscordEvent(body []byte) bool {
	s := scanner{b: body}
	return s.enter("event")
}

// answerDiscordPing knows both pings: type 1 of an interaction, and type 0 of
// an event, whose type 1 is a real one.
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
