package schemes

import (
	"time"

	"github.com/hookonce/hookonce/core"
)

// Mailgun returns the scheme for Mailgun webhooks. signature.signature in the
// body holds the hex-encoded HMAC-SHA256 of signature.timestamp and
// signature.token. The key is the webhook signing key. A subaccount's event
// also has signature.parent-signature, for which the key is the parent
// account's.
//
// Mailgun signs a message once and retries it for eight hours, so its timestamp
// may be up to eight hours and ten minutes old. A 406 status ends the retries.
//
// The event itself is not signed: anyone who captured a message can put another
// event into it. Message.BodySigned is therefore false. Query Mailgun's API
// before you act on an event. The token identifies the message, so a captured
// message is handled only once.
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
