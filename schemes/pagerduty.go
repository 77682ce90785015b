package schemes

import "github.com/hookonce/hookonce/core"

// PagerDuty returns the scheme for PagerDuty's v3 webhooks. The
// X-PagerDuty-Signature header holds one v1 signature for each key: the
// hex-encoded HMAC-SHA256 of the body. event.id in the body identifies the
// message. Attempts have no signed timestamp.
//
// Source: PagerDuty/go-pagerduty, webhookv3/webhookv3.go at commit 142eaff, as
// of November 2026.
func PagerDuty() core.Scheme {
	return must(Template{
		Name: "pagerduty", Signature: Header("X-PagerDuty-Signature"), List: ",", Label: "v1=", ID: JSON("event", "id"),
		Stable:  []Field{JSON("event")},
		Content: "{body}",
	})
}
