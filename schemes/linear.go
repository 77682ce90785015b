package schemes

import (
	"time"

	"github.com/hookonce/hookonce/core"
)

// Linear is the scheme of Linear's webhooks: linear-signature, HMAC-SHA256 of
// the body, which holds webhookTimestamp in milliseconds.
//
// Linear's libraries accept a timestamp that is a minute old. Linear retries
// after a minute, an hour and six hours, and does not document whether a retry
// has a new timestamp. If it repeats the first one, a tolerance of a minute
// would reject every retry. So the scheme assumes that all attempts share one
// timestamp, which may be seven hours and ten minutes old. Linear also does not
// document whether retries keep Linear-Delivery, so that is only for logs. The
// body, including the timestamp, identifies the message. A redelivery with the
// first timestamp is acknowledged; with a new one it runs again.
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
