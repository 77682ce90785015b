package schemes

import "github.com/hookonce/hookonce/core"

// SendGrid returns the scheme for SendGrid's signed event webhook. The
// signature is the base64-encoded ECDSA P-256 signature of the timestamp
// directly followed by the body. The secret is the base64-encoded public key,
// as SendGrid shows it.
//
// An ECDSA signature can be rewritten without the private key, so the signed
// bytes identify the message, not the signature. Each attempt has its own
// timestamp and no id is signed, so a retry counts as a separate message.
// sg_event_id does not help: users of SendGrid saw a new sg_event_id in each
// duplicate of an event.
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
