package schemes

import "github.com/hookonce/hookonce/core"

// Vonage returns the scheme for webhooks of Vonage's Messages and Voice APIs.
// The Authorization header holds "Bearer" followed by a JWT signed with HS256.
// The key is the signature secret. Its payload_hash claim is the hex-encoded
// hash of the body, and iat is the timestamp. A token without payload_hash
// would fit any body, so it is rejected. It is not known whether retries keep
// the jti claim, so each attempt counts as a separate message.
//
// Source: developer.vonage.com/en/getting-started/concepts/webhooks and
// www.npmjs.com/package/@vonage/jwt/v/1.17.1, as of November 2026.
func Vonage() core.Scheme {
	return mustJWT(JWT{
		Name: "vonage", Token: Header("Authorization"), Prefix: "Bearer ", BodyHash: "payload_hash",
		Time: "iat", Stamping: core.StampedEachAttempt,
	})
}
