package schemes

import (
	"time"

	"github.com/hookonce/hookonce/core"
)

// Linear returns the scheme for Linear webhooks. The linear-signature header
// holds the hex-encoded HMAC-SHA256 of the body. webhookTimestamp in the body
// is the timestamp in milliseconds.
//
// Linear's libraries accept a timestamp that is up to a minute old. Linear
// retries after a minute, an hour and six hours, and does not document whether
// a retry has a new timestamp. If a retry repeats the first timestamp, a
// tolerance of a minute would reject every retry. The scheme therefore assumes
// that all attempts share one timestamp, which may be up to seven hours and ten
// minutes old. Linear also does not document whether retries keep the
// Linear-Delivery header, so that header serves only for logs. The body,
// including the timestamp, identifies the message. A redelivery with the first
// timestamp is acknowledged. For a redelivery with a new timestamp, the handler
// runs again.
//
// Source: linear/linear, packages/sdk/src/webhooks/client.ts at commit 039267d,
// as of November 2026.
func Linear() core.Scheme {
	return must(Template{
		Name: "linear", Signature: Header("Linear-Signature"), ID: Header("Linear-Delivery"), idForLogs: true,
		Timestamp: JSON("webhookTimestamp"), Unit: Milliseconds, Stamping: core.StampedOnce,
		Past: 7*time.Hour + 10*time.Minute, Future: time.Minute,
		Content: "{body}",
	})
}
