package schemes

import "github.com/hookonce/hookonce/core"

// Flutterwave is the scheme of Flutterwave's webhooks of version 4:
// Flutterwave-Signature, HMAC-SHA256 of the body in base64. The secret is the
// secret hash that you set in the dashboard.
//
// The body identifies the message. No document says whether its webhook_id
// belongs to the event, or whether two events can have the same body. So a
// redelivery is not acknowledged. No time of an attempt is signed. Webhooks of
// version 3 send the secret itself in verif-hash and sign nothing. For those
// see [DangerouslyReplayableToken]. Neither a library of the sender nor a
// published vector confirms this scheme.
//
// Source: developer.flutterwave.com/docs/webhooks as read by
// teesofttech/PayBridge#111, as of November 2026.
func Flutterwave() core.Scheme {
	return must(Template{
		Name: "flutterwave", Signature: Header("Flutterwave-Signature"), Encoding: core.Base64, Indistinct: true,
		Content: "{body}",
	})
}
