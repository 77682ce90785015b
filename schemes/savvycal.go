package schemes

import "github.com/hookonce/hookonce/core"

// SavvyCal returns the scheme for SavvyCal webhooks. The X-SavvyCal-Signature
// header holds "sha256=" followed by the HMAC-SHA256 of the body in upper-case
// hexadecimal. The id in the body identifies the message. Attempts have no
// signed timestamp. This scheme has not been tested against an official library
// or a published test vector.
//
// Source: savvycal.com/docs/api/webhooks, as of November 2026. Its example is
// in upper case.
func SavvyCal() core.Scheme {
	return must(Template{
		Name: "savvycal", Signature: Header("X-Savvycal-Signature"), Label: "sha256=", Encoding: core.HexUpper,
		ID:      JSON("id"),
		Content: "{body}",
	})
}
