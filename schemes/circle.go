package schemes

import "github.com/hookonce/hookonce/core"

// Circle is the scheme of Circle's webhooks of version 2 (the payments company,
// not [CircleCI]): X-Circle-Signature, ECDSA on P-256 over the body, in base64.
// The secret is the public key in base64, as Circle's API returns it for the
// name in X-Circle-Key-Id; a [core.KeySource] can look that up. The
// notificationId in the body identifies the message. No time of an attempt is
// signed.
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
