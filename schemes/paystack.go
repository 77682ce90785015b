package schemes

import "github.com/hookonce/hookonce/core"

// Paystack returns the scheme for Paystack webhooks. The X-Paystack-Signature
// header holds the hex-encoded HMAC-SHA512 of the body. The key is the API's
// secret key. The newer signature in github.com/PaystackOSS/doc-code-snippets,
// with t and v1, is not supported. The body identifies the message. It is not
// known whether two events can have the same body, so a redelivery is refused
// with [core.ErrRepeated]. Attempts have no signed timestamp. This scheme has
// not been tested against an official library or a published test vector.
//
// Source: the third-party verifier at
// www.mintlify.com/GoodnessFx/GatePass/api/webhooks/verification, as of
// November 2026.
func Paystack() core.Scheme {
	return must(Template{
		Name: "paystack", Signature: Header("X-Paystack-Signature"),
		Algorithm:  HMACSHA512,
		Indistinct: true,
		Content:    "{body}",
	})
}
