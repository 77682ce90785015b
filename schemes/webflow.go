package schemes

import "github.com/hookonce/hookonce/core"

// Webflow returns the scheme for Webflow webhooks. The x-webflow-signature
// header holds the hex-encoded HMAC-SHA256 of "timestamp:body". The
// x-webflow-timestamp header holds the timestamp in milliseconds. No id is
// signed, so each attempt counts as a separate message.
//
// Source: webflow/js-webflow-api, src/wrapper/WebhooksClient.ts at commit
// 010fff0, as of November 2026.
func Webflow() core.Scheme {
	return must(Template{
		Name: "webflow", Signature: Header("X-Webflow-Signature"),
		Timestamp: Header("X-Webflow-Timestamp"), Unit: Milliseconds, Stamping: core.StampedEachAttempt,
		Content: "{timestamp}:{body}",
	})
}
