package schemes

import "github.com/hookonce/hookonce/core"

// Vonage is the scheme of Vonage's Messages and Voice: a JWT after "Bearer" in
// Authorization with HS256 under the signature secret. Its claim payload_hash
// is the hash of the body in hexadecimal, and iat is the timestamp. A token
// without that claim would fit any body, so it is rejected. No document says
// that retries keep jti, so each attempt counts as a separate message.
//
// Source: developer.vonage.com/en/getting-started/concepts/webhooks and
// www.npmjs.com/package/@vonage/jwt/v/1.17.1, as of November 2026.
func Vonage() core.Scheme {
	return mustJWT(JWT{
		Name: "vonage", Token: Header("Authorization"), Prefix: "Bearer ", BodyHash: "payload_hash",
		Time: "iat", Stamping: core.StampedEachAttempt,
	})
}
