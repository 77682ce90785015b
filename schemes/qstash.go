package schemes

import "github.com/hookonce/hookonce/core"

// QStash returns the scheme for Upstash QStash. The Upstash-Signature header
// holds a JWT signed with HS256. The key is the signing key. Its body claim is
// the base64url-encoded hash of the body, and nbf is the timestamp. Configure
// both the current and the next signing key. It is not known whether retries
// keep the jti claim, so each attempt counts as a separate message.
//
// Source: www.npmjs.com/package/@upstash/qstash/v/2.12.0, as of November 2026.
func QStash() core.Scheme {
	return mustJWT(JWT{
		Name: "qstash", Token: Header("Upstash-Signature"), BodyHash: "body", Encoding: core.Base64URL, Issuer: "Upstash",
		Time: "nbf", Stamping: core.StampedEachAttempt,
	})
}
