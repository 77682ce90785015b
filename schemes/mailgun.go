package schemes

import (
	"time"

	"github.com/hookonce/hookonce/core"
)

// Mailgun is the scheme of Mailgun's webhooks: signature.signature in the body,
// HMAC-SHA256 of signature.timestamp and signature.token under the webhook
// signing key. An event of a subaccount also has signature.parent-signature,
// under the key of the parent account.
//
// Mailgun signs a message once and retries it over eight hours, so its
// timestamp may be eight hours and ten minutes old. A status of 406 ends the
// retries.
//
// The event itself is not signed: whoever captured a message can put another
// event into it. Message.BodySigned is false. Ask Mailgun's API before you act
// on an event. The token identifies the message, so a captured one works once.
//
// Source:
// documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks,
// as of November 2026.
func Mailgun() core.Scheme {
	return must(Template{
		Name: "mailgun", Signature: JSON("signature", "signature"), More: []Field{JSON("signature", "parent-signature")},
		Timestamp: JSON("signature", "timestamp"), Stamping: core.StampedOnce, Past: 8*time.Hour + 10*time.Minute,
		ID: JSON("signature", "token"), IDLength: 50,
		Content: "{timestamp}{id}", bodyless: true,
	})
}
