package schemes

import "github.com/hookonce/hookonce/core"

// Teams returns the scheme for outgoing webhooks from Microsoft Teams. The
// Authorization header holds "HMAC " followed by the base64-encoded HMAC-SHA256
// of the body. The secret is the base64-encoded security token, which Teams
// shows only once.
//
// The activity's id in the body identifies the message. Attempts have no signed
// timestamp. Teams shows the response in the channel if it arrives within ten
// seconds. A redelivery is therefore refused, and never acknowledged with an
// empty body. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: OfficeDev/Microsoft-Teams-Samples, samples/outgoing-webhook at commit
// 03676a0, as of November 2026.
func Teams() core.Scheme {
	return teams{must(Template{
		Name: "teams", Signature: Header("Authorization"), Label: "HMAC ", Secret: Base64Text, Encoding: core.Base64,
		ID:      JSON("id"),
		Content: "{body}",
	})}
}

type teams struct{ *templated }

// Facts implements [core.Describer].
func (s teams) Facts() core.Facts { return s.facts(s, nil) }

// ReadHeader implements [core.Scheme].
func (s teams) ReadHeader(r *core.Request, a *core.Attempt) error {
	a.Reply = true
	return s.templated.ReadHeader(r, a)
}
