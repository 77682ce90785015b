package schemes

import "github.com/hookonce/hookonce/core"

// CircleCI returns the scheme for CircleCI's outbound webhooks. In the
// Circleci-Signature header, v1 is the hex-encoded HMAC-SHA256 of the body. The
// event's id in the body identifies the message. Attempts have no signed
// timestamp. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: circleci.com/docs/guides/integration/outbound-webhooks/, as of
// November 2026.
func CircleCI() core.Scheme {
	return must(Template{
		Name: "circleci", Signature: Header("Circleci-Signature"), List: ",", Label: "v1=",
		ID:      JSON("id"),
		Content: "{body}",
	})
}
