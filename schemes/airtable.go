package schemes

import "github.com/hookonce/hookonce/core"

// Airtable is the scheme of Airtable's webhooks: X-Airtable-Content-MAC,
// HMAC-SHA256 of the body in hexadecimal under macSecretBase64, the secret that
// the API returned when the webhook was made.
//
// A notification only names base and webhook, with the time in milliseconds. It
// has no changes. The body identifies the message by that time. The handler
// fetches the changes after its cursor, and responds with 200 or 204 and no
// body. Airtable sends no known handshake. No time of an attempt is signed.
// Neither a library of the sender nor a published vector confirms this scheme.
//
// Source: pyairtable, models/webhook.py at commit 022f4fc, as of November 2026.
func Airtable() core.Scheme {
	return must(Template{
		Name: "airtable", Signature: Header("X-Airtable-Content-MAC"), Label: "hmac-sha256=", Secret: Base64Text,
		Content: "{body}",
	})
}
