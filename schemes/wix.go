package schemes

import "github.com/hookonce/hookonce/core"

// Wix returns the scheme for Wix webhooks. The body is a JWT signed with RS256.
// The secret is your app's base64-encoded public key: the PEM text in the app's
// dashboard between its BEGIN and END lines, without the line breaks.
//
// The data claim is JSON text with eventType, instanceId and an inner data
// member, which is JSON text again. The id in the inner data identifies the
// message. Older events have no id. Then the token identifies the message, and
// a redelivery is refused with [core.ErrRepeated]. The exp claim is checked.
// The iat claim is ignored, because it is not known whether it is the time of
// an attempt. A token without an eventType is rejected, because Wix signs other
// calls with the same key. The handler gets the token unchanged.
//
// Source: www.npmjs.com/package/@wix/sdk/v/1.21.16 and
// dev.wix.com/docs/rest/articles/get-started/webhook-structure, as of November
// 2026.
func Wix() core.Scheme {
	return wix{mustJWT(JWT{Name: "wix", Algorithm: RSASHA256, Secret: Base64Text, Indistinct: true})}
}

type wix struct{ *bodyJWT }

// ReadBody implements [core.Scheme].
func (s wix) ReadBody(r *core.Request, a *core.Attempt) error {
	if err := s.bodyJWT.ReadBody(r, a); err != nil {
		return err
	}
	token, ok := a.State.(*jwt)
	if !ok {
		return malformed("ReadBody left no JWT")
	}
	text, _ := token.claims.text("data")
	event, err := parseObject([]byte(text))
	if err != nil {
		return malformed("the \"data\" claim of the JWT is not a valid event: " + err.Error())
	}
	if kind, _ := event.text("eventType"); kind == "" {
		return malformed("the \"data\" claim of the JWT has no eventType, so it is not a webhook")
	}
	text, _ = event.text("data")
	payload, _ := parseObject([]byte(text)) // if the payload is not an object, the event has no id
	if id, ok := payload.text("id"); ok && visible(id) {
		a.ID, a.IDSigned, a.Indistinct = id, true, false
		a.Stable = append(a.Stable, untimed(token.claims))
	}
	return nil
}
