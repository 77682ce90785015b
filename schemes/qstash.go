package schemes

import "github.com/hookonce/hookonce/core"

// QStash is the scheme of Upstash QStash: a JWT in Upstash-Signature with HS256
// under the signing key. Its claim body is the hash of the body in base64url,
// and nbf is the timestamp. Configure the current and the next signing key. No
// document says that retries keep jti, so each attempt counts as a separate
// message.
//
// Source: www.npmjs.com/package/@upstash/qstash/v/2.12.0, as of November 2026.
func QStash() core.Scheme {
	return mustJWT(JWT{
		Name: "qstash", Token: Header("Upstash-Signature"), BodyHash: "body", Encoding: core.Base64URL, Issuer: "Upstash",
		Time: "nbf", Stamping: core.StampedEachAttempt,
	})
}
