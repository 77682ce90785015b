package schemes

import "github.com/hookonce/hookonce/core"

// NPM is the scheme of the hooks of the npm registry: X-Npm-Signature,
// HMAC-SHA256 of the body in hexadecimal. The body identifies the message. No
// document says that two events have different bodies, so a redelivery is not
// acknowledged. No time of an attempt is signed. Neither a library of the
// sender nor a published vector confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at docs.npmjs.com/cli/v6/commands/npm-hook.
func NPM() core.Scheme {
	return must(Template{
		Name: "npm", Signature: Header("X-Npm-Signature"),
		Label:      "sha256=",
		Indistinct: true,
		Content:    "{body}",
	})
}
