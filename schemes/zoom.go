package schemes

import (
	"context"
	"encoding/hex"
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// Zoom returns the scheme for Zoom webhooks. The x-zm-signature header holds
// the hex-encoded HMAC-SHA256 of "v0:timestamp:body". The key is the secret
// token. The x-zm-request-timestamp header holds the timestamp. No id is
// signed, so each attempt counts as a separate message.
//
// The scheme responds to an endpoint.url_validation request with the HMAC of
// its plainToken. It does so only after the signature verified, and only for a
// token of letters, digits, - and _. Nobody can therefore get a signature for a
// text of their choice. This scheme has not been tested against an official
// library or a published test vector.
//
// Source: developers.zoom.us/docs/api/webhooks, as of August 2026.
func Zoom() core.Scheme {
	return zoom{must(Template{
		Name: "zoom", Signature: Header("X-Zm-Signature"), Label: "v0=",
		Timestamp: Header("X-Zm-Request-Timestamp"), Stamping: core.StampedEachAttempt, ID: Header("X-Zm-Trackingid"), idForLogs: true,
		Content: "v0:{timestamp}:{body}",
	})}
}

type zoom struct{ *templated }

func (z zoom) ParseKey(text string) (core.VerifyKey, error) {
	key, err := z.templated.ParseKey(text)
	if err != nil {
		return nil, err
	}
	return answering(key, text), nil
}

// Facts implements [core.Describer].
func (z zoom) Facts() core.Facts {
	f := z.facts(z, nil)
	f.Challenge = answerZoom
	return f
}

func answerZoom(_ context.Context, r *core.Request, _ *core.Message, key core.VerifyKey) *core.Answer {
	if event, ok := find(r.Body, []string{"event"}); !ok || string(event) != "endpoint.url_validation" {
		return nil
	}
	token := textAt(r.Body, "payload", "plainToken")
	k, ok := key.(answeringKey)
	if !ok || !isToken(token) {
		return refused(http.StatusBadRequest)
	}
	return answerJSON(map[string]string{"plainToken": token, "encryptedToken": hex.EncodeToString(k.answer(token))})
}
