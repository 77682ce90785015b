package schemes

import (
	"time"

	"github.com/hookonce/hookonce/core"
)

// Linear is the scheme of Linear's webhooks: linear-signature, HMAC-SHA256 of
// the body, which holds webhookTimestamp in milliseconds.
//
// Linear's libraries allow that time to be a minute old. It retries after a
// minute, an hour and six hours, and does not say whether a retry has a new
// time. Where it has the first one, a minute would refuse every retry. So the
// time is taken for the message's, and may be seven hours and ten minutes old.
// Linear also does not say that Linear-Delivery stays over retries, so that is
// for logs only. The body, time included, identifies the message: a retry of a
// handled message is acknowledged if its time is the first one, else it runs
// again.
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
