package schemes

import "github.com/hookonce/hookonce/core"

// MessageBird returns the scheme for Bird (MessageBird) webhooks. The
// MessageBird-Signature-JWT header holds a JWT signed with HS256. The key is
// the signing key. Its payload_hash and url_hash claims are the hex-encoded
// hashes of the body and of the endpoint's public URL, including the query. The
// iat claim is the timestamp. address is the public URL, as in [Template].URL.
// It is not known whether retries keep the jti claim, so each attempt counts as
// a separate message. A request without a body has no payload_hash, so it is
// rejected.
//
// Source: www.npmjs.com/package/messagebird/v/4.0.1, as of November 2026.
func MessageBird(address string) core.Scheme {
	return JWT{
		Name: "messagebird", Token: Header("MessageBird-Signature-JWT"), BodyHash: "payload_hash", URLHash: "url_hash", URL: address,
		Issuer: "MessageBird", Time: "iat", Stamping: core.StampedEachAttempt,
	}.orUnusable()
}
