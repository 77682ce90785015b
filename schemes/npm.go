package schemes

import "github.com/hookonce/hookonce/core"

// NPM returns the scheme for npm registry hooks. The X-Npm-Signature header
// holds the hex-encoded HMAC-SHA256 of the body. The body identifies the
// message. It is not known whether two events can have the same body, so a
// redelivery is refused with [core.ErrRepeated]. Attempts have no signed
// timestamp. This scheme has not been tested against an official library or a
// published test vector.
//
// Source: a third-party verifier, as of November 2026. The sender documents its
// webhooks at docs.npmjs.com/cli/v6/commands/npm-hook.
func NPM() core.Scheme {
	return must(Template{
		Name: "npm", Signature: Header("X-Npm-Signature"),
		Label:      "sha256=",
		Indistinct: true,
		Content:    "{body}",
	})
}
