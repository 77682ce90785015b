package schemes

import (
	"time"

	"github.com/hookonce/hookonce/core"
)

// Calendly returns the scheme for Calendly webhooks. In the
// Calendly-Webhook-Signature header, t is the timestamp and v1 is the
// hex-encoded HMAC-SHA256 of "t.body". The tolerance is 3 minutes. No id is
// signed, so each attempt counts as a separate message. This scheme has not
// been tested against an official library or a published test vector.
//
// Source: developer.calendly.com/api-docs/overview/webhooks/webhook-signatures,
// as of August 2026.
func Calendly() core.Scheme {
	return must(Template{
		Name: "calendly", Signature: Header("Calendly-Webhook-Signature"), List: ",", Label: "v1=",
		Timestamp: Entry("Calendly-Webhook-Signature", "t"), Stamping: core.StampedEachAttempt, Past: 3 * time.Minute, Future: 3 * time.Minute,
		Content: "{timestamp}.{body}",
	})
}
