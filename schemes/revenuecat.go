package schemes

import "github.com/hookonce/hookonce/core"

// RevenueCat returns the scheme for RevenueCat webhooks for which signing is
// enabled. In the X-RevenueCat-Webhook-Signature header, t is the timestamp and
// v1 is the hex-encoded HMAC-SHA256 of "t.body". The event's id in the body
// identifies the message. This scheme has not been tested against an official
// library or a published test vector.
//
// Source: the third-party verifier iktakahiro/revcatgo at commit 8fb38da, as of
// November 2026. The sender documents its webhooks at
// www.revenuecat.com/docs/integrations/webhooks.
func RevenueCat() core.Scheme {
	return must(Template{
		Name: "revenuecat", Signature: Header("X-Revenuecat-Webhook-Signature"), List: ",", Label: "v1=",
		Timestamp: Entry("X-Revenuecat-Webhook-Signature", "t"), Stamping: core.StampedEachAttempt,
		ID:      JSON("event", "id"),
		Content: "{timestamp}.{body}",
	})
}
