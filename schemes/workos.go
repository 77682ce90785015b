package schemes

import (
	"time"

	"github.com/hookonce/hookonce/core"
)

// WorkOS is the scheme of WorkOS's webhooks: t (milliseconds) and v1 in
// WorkOS-Signature, HMAC-SHA256 of "t.body", 3 minutes. The event's id in the
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
