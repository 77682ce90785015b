package schemes

import "github.com/hookonce/hookonce/core"

// CircleCI is the scheme of CircleCI's outbound webhooks: v1 in
// Circleci-Signature, HMAC-SHA256 of the body in hexadecimal. The event's id in
// the body identifies the message. Attempts have no signed timestamp. This
// scheme has not been tested against an official library or a published test
// vector.
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
