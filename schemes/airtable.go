package schemes

import "github.com/hookonce/hookonce/core"

// Airtable returns the scheme for Airtable's webhooks. The
// X-Airtable-Content-MAC header holds the hex-encoded HMAC-SHA256 of the body.
// The secret is the macSecretBase64 that the API returned when the webhook was
// created.
//
// A notification names only the base and the webhook, with the time in
// milliseconds. It does not contain the changes. The body identifies the
// message, because it contains that time. The handler fetches the changes after
// its cursor, and responds with 200 or 204 and no body. Airtable sends no known
// handshake. Attempts have no signed timestamp. This scheme has not been tested
// against an official library or a published test vector.
//
// Source: pyairtable, models/webhook.py at commit 022f4fc, as of November 2026.
func Airtable() core.Scheme {
	return must(Template{
		Name: "airtable", Signature: Header("X-Airtable-Content-MAC"), Label: "hmac-sha256=", Secret: Base64Text,
		Content: "{body}",
	})
}
