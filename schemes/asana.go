package schemes

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// Asana returns the scheme for Asana's webhooks. The X-Hook-Signature header
// holds the hex-encoded HMAC-SHA256 of the body. The key is the secret from the
// handshake. The body identifies the message. Heartbeats have no events, and
// their bytes are always the same. The scheme responds to heartbeats itself, so
// they never reach the handler. Attempts have no signed timestamp.
//
// The handshake delivers the secret in the X-Hook-Secret header, and nothing
// proves who sent it. pending must store the secret and return true. If you are
// not registering a webhook, it must return false. pending must be safe for
// concurrent use. If pending is nil, the endpoint does not respond to
// handshakes. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: developers.asana.com/reference/createwebhook, as of August 2026.
func Asana(pending func(secret string) bool) core.Scheme {
	return asana{must(Template{Name: "asana", Signature: Header("X-Hook-Signature"), Content: "{body}"}), pending}
}

type asana struct {
	*templated

	pending func(secret string) bool
}

// Facts implements [core.Describer].
func (a asana) Facts() core.Facts {
	f := a.facts(a, nil)
	f.Handshake, f.Challenge = a.answer, answerHeartbeat
	return f
}

// answer accepts the secret from a handshake.
func (a asana) answer(r *core.Request) *core.Answer {
	secret := r.Header.Values("X-Hook-Secret")
	// Without pending, the request is treated as an ordinary message and rejected.
	if a.pending == nil || r.Method != http.MethodPost || len(secret) == 0 {
		return nil
	}
	if len(secret) != 1 || !visible(secret[0]) || !a.pending(secret[0]) {
		return refused(http.StatusForbidden)
	}
	return &core.Answer{Status: http.StatusNoContent, Header: http.Header{"X-Hook-Secret": {secret[0]}, "Cache-Control": {"no-store"}}}
}

// answerHeartbeat responds to heartbeats, so they do not reach the handler.
func answerHeartbeat(_ context.Context, r *core.Request, _ *core.Message, _ core.VerifyKey) *core.Answer {
	var body struct {
		Events []json.RawMessage `json:"events"`
	}
	if json.Unmarshal(r.Body, &body) != nil || body.Events == nil || len(body.Events) > 0 {
		return nil
	}
	return &core.Answer{Status: http.StatusOK}
}
