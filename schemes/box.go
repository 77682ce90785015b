package schemes

import (
	"time"

	"github.com/hookonce/hookonce/core"
)

// Box is the scheme of Box's webhooks (version 1, HmacSHA256):
// box-signature-primary and -secondary, one for each key in rotation,
// HMAC-SHA256 of the body followed by box-delivery-timestamp, in base64;
// tolerance 10 minutes.
//
// The id in the body identifies the message: Box keeps it over retries. Without
// an id, each attempt counts as a separate message. box-delivery-id is not
// signed, and differs for each retry.
func Box() core.Scheme {
	return must(Template{
		Name: "box", Signature: Header("Box-Signature-Primary"), More: []Field{Header("Box-Signature-Secondary")}, Encoding: core.Base64,
		Timestamp: Header("Box-Delivery-Timestamp"), Unit: RFC3339, Stamping: core.StampedEachAttempt,
		ID: JSON("id"), IDOptional: true, Stable: []Field{JSON("trigger"), JSON("created_at"), JSON("source", "id")},
		Past: 10 * time.Minute, Future: 10 * time.Minute,
		Content: "{body}{timestamp}",
	})
}
