package schemes

import "github.com/hookonce/hookonce/core"

// Flutterwave returns the scheme for Flutterwave's version 4 webhooks. The
// Flutterwave-Signature header holds the base64-encoded HMAC-SHA256 of the
// body. The secret is the secret hash that you set in the dashboard.
//
// The body identifies the message. It is not known whether its webhook_id
// belongs to the event, or whether two events can have the same body. A
// redelivery is therefore refused with [core.ErrRepeated]. Attempts have no
// signed timestamp. Version 3 webhooks send the secret itself in the verif-hash
// header and sign nothing. For those, see [DangerouslyReplayableToken]. This
// scheme has not been tested against an official library or a published test
// vector.
//
// Source: developer.flutterwave.com/docs/webhooks as described in
// teesofttech/PayBridge#111, as of November 2026.
func Flutterwave() core.Scheme {
	return must(Template{
		Name: "flutterwave", Signature: Header("Flutterwave-Signature"), Encoding: core.Base64, Indistinct: true,
		Content: "{body}",
	})
}
