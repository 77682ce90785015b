package schemes

import "github.com/hookonce/hookonce/core"

// MessageBird is the scheme of Bird (MessageBird): a JWT in
// MessageBird-Signature-JWT with HS256 under the signing key. Its claims
// payload_hash and url_hash are the hashes of the body and of the public
// address, query included, in hexadecimal; iat is the time. address is as in
// [Template].URL. No document says that retries keep jti, so each attempt
// counts as a separate message. A request without a body has no payload_hash,
// so it is rejected.
//
// Source: www.npmjs.com/package/messagebird/v/4.0.1, as of November 2026.
func MessageBird(address string) core.Scheme {
	return JWT{
		Name: "messagebird", Token: Header("MessageBird-Signature-JWT"), BodyHash: "payload_hash", URLHash: "url_hash", URL: address,
		Issuer: "MessageBird", Time: "iat", Stamping: core.StampedEachAttempt,
	}.orUnusable()
}
