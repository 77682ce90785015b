package schemes

import "github.com/hookonce/hookonce/core"

// Square returns the scheme for Square webhooks. The
// x-square-hmacsha256-signature header holds the base64-encoded HMAC-SHA256 of
// the notification URL directly followed by the body. url is the complete URL
// as registered with Square. event_id in the body identifies the message.
// Attempts have no signed timestamp.
//
// Source: square/square-nodejs-sdk, src/wrapper/WebhooksHelper.ts at commit
// d1cc03d, as of November 2026.
func Square(url string) core.Scheme {
	return fromSettings(Template{
		Name: "square", Signature: Header("X-Square-Hmacsha256-Signature"), Encoding: core.Base64, ID: JSON("event_id"),
		Content: "{url}{body}", URL: url,
	})
}
