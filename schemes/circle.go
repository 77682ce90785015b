package schemes

import "github.com/hookonce/hookonce/core"

// Circle returns the scheme for version 2 webhooks of Circle (the payments
// company, not [CircleCI]). The X-Circle-Signature header holds the
// base64-encoded ECDSA P-256 signature of the body. The secret is the
// base64-encoded public key that Circle's API returns for the key id in the
// X-Circle-Key-Id header. A [core.KeySource] can look that key up. The
// notificationId in the body identifies the message. Attempts have no signed
// timestamp.
//
// Source: developers.circle.com/cpn/howtos/verify-webhook-signatures, as of
// November 2026.
func Circle() core.Scheme {
	return must(Template{
		Name: "circle", Signature: Header("X-Circle-Signature"), Algorithm: ECDSAP256, Secret: Base64Text, Encoding: core.Base64,
		ID:      JSON("notificationId"),
		Content: "{body}",
	})
}
