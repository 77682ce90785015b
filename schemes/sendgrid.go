package schemes

import "github.com/hookonce/hookonce/core"

// SendGrid is the scheme of SendGrid's signed event webhook: ECDSA on P-256
// over the timestamp and the body, with nothing between. The secret is the
// public key in base64, as SendGrid shows it.
//
// An ECDSA signature can be rewritten without the private key, so the signed
// bytes identify the message, not the signature. Each attempt has its own
// timestamp and no id is signed, so a retry is a message of its own.
// sg_event_id does not help: users of SendGrid saw a new one in each duplicate
// of an event.
//
// Source: sendgrid/sendgrid-nodejs, packages/eventwebhook/src/eventwebhook.js
// at commit 16d4d39, as of November 2026.
func SendGrid() core.Scheme {
	return must(Template{
		Name: "sendgrid", Signature: Header("X-Twilio-Email-Event-Webhook-Signature"), Algorithm: ECDSAP256, Encoding: core.Base64, Secret: Base64Text,
		Timestamp: Header("X-Twilio-Email-Event-Webhook-Timestamp"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}{body}",
	})
}
