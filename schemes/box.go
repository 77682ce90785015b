package schemes

import (
	"time"

	"github.com/hookonce/hookonce/core"
)

// Box returns the scheme for Box webhooks (version 1, HmacSHA256). The headers
// box-signature-primary and box-signature-secondary hold one signature for each
// of the two keys. A signature is the base64-encoded HMAC-SHA256 of the body
// followed by box-delivery-timestamp. The tolerance is 10 minutes.
//
// The id in the body identifies the message, since it is the same in all
// retries. Without an id, each attempt counts as a separate message. The
// box-delivery-id header is not signed and differs in each retry.
func Box() core.Scheme {
	return must(Template{
		Name: "box", Signature: Header("Box-Signature-Primary"), More: []Field{Header("Box-Signature-Secondary")}, Encoding: core.Base64,
		Timestamp: Header("Box-Delivery-Timestamp"), Unit: RFC3339, Stamping: core.StampedEachAttempt,
		ID: JSON("id"), IDOptional: true, Stable: []Field{JSON("trigger"), JSON("created_at"), JSON("source", "id")},
		Past: 10 * time.Minute, Future: 10 * time.Minute,
		Content: "{body}{timestamp}",
	})
}
