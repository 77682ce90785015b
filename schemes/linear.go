package schemes

import (
	"time"

	"github.com/hookonce/hookonce/core"
)

// Linear is the scheme of Linear's webhooks: linear-signature, HMAC-SHA256 of the body, whose webhookTimestamp (milliseconds, one minute either way) is
// the time of the attempt. Linear-Delivery is not signed and good for logs only: each attempt is a message of its own.
func Linear() core.Scheme {
	return must(Template{
		Name: "linear", Signature: Header("Linear-Signature"), ID: Header("Linear-Delivery"), IDOptional: true,
		Timestamp: JSON("webhookTimestamp"), Unit: Milliseconds, Stamping: core.StampedEachAttempt, Past: time.Minute, Future: time.Minute,
		Content: "{body}",
	})
}
