package schemes

import "github.com/hookonce/hookonce/core"

// FusionAuth returns the scheme for FusionAuth events. The
// X-FusionAuth-Signature-JWT header holds a JWT signed with HS256. Its
// request_body_sha256 claim is the base64-encoded hash of the body. The event's
// id in the body identifies the message. Without an id, the body identifies the
// message, and a redelivery is refused with [core.ErrRepeated]. Attempts have
// no signed timestamp. For another algorithm, write a [JWT] with these names.
// This scheme has not been tested against an official library or a published
// test vector.
//
// Source: hookdeck/webhook-skills at commit 3d91ac1, as of November 2026.
func FusionAuth() core.Scheme {
	return mustJWT(JWT{
		Name: "fusionauth", Token: Header("X-FusionAuth-Signature-JWT"), BodyHash: "request_body_sha256", Encoding: core.Base64,
		ID: JSON("event", "id"), IDOptional: true, Indistinct: true,
	})
}
