package schemes

import (
	"time"

	"github.com/hookonce/hookonce/core"
)

// WorkOS returns the scheme for WorkOS webhooks. In the WorkOS-Signature
// header, t is the timestamp in milliseconds and v1 is the hex-encoded
// HMAC-SHA256 of "t.body". The tolerance is 3 minutes. The event's id in the
// body identifies the message.
//
// Source: workos/workos-node, src/common/crypto/signature-provider.ts at commit
// 28d4dcd, as of November 2026.
func WorkOS() core.Scheme {
	return must(Template{
		Name: "workos", Signature: Header("WorkOS-Signature"), List: ",", Label: "v1=",
		Timestamp: Entry("WorkOS-Signature", "t"), Unit: Milliseconds, Stamping: core.StampedEachAttempt, ID: JSON("id"), Stable: []Field{JSON("event"), JSON("created_at"), JSON("data")},
		Past: 3 * time.Minute, Future: 3 * time.Minute,
		Content: "{timestamp}.{body}",
	})
}
