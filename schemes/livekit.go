package schemes

import "github.com/hookonce/hookonce/core"

// LiveKit is the scheme of LiveKit: a JWT in Authorization with HS256 under the
// API secret, without a word before it. Its claim sha256 is the hash of the
// body in base64, and nbf is the timestamp. A token for a participant has no
// such claim, so it is rejected. The id of the event in the body identifies the
// message; one without it is a message of its own.
//
// Source: www.npmjs.com/package/livekit-server-sdk/v/2.19.2, as of November
// 2026.
func LiveKit() core.Scheme {
	return mustJWT(JWT{
		Name: "livekit", Token: Header("Authorization"), BodyHash: "sha256", Encoding: core.Base64,
		Time: "nbf", Stamping: core.StampedEachAttempt,
		ID: JSON("id"), IDOptional: true,
	})
}
