package schemes

import (
	"github.com/hookonce/hookonce/core"
)

// Shopify returns the scheme for Shopify's webhooks. The X-Shopify-Hmac-SHA256
// header holds the base64-encoded HMAC-SHA256 of the body. The key is the app's
// client secret. After a rotation, Shopify may sign with the old secret for an
// hour, so configure both secrets.
//
// The body names neither the topic nor the event. The X-Shopify-Webhook-Id and
// X-Shopify-Topic headers are not signed. Together with the body they identify
// the message, up to the limit in [core.Config].Repeats. Attempts have no
// signed timestamp.
//
// Shopify's events have the same headers without "X-". The scheme reads those
// headers if X-Shopify-Hmac-SHA256 is absent. The signed content is the same,
// so an attacker who renames the headers of a captured request cannot exceed
// Config.Repeats.
//
// Source: Shopify/shopify-app-js,
// packages/apps/shopify-api/lib/webhooks/validate.ts at commit 1eb863d, as of
// November 2026.
func Shopify() core.Scheme {
	under := func(prefix, id string) *templated {
		return must(Template{
			Name: "shopify", Signature: Header(prefix + "Hmac-Sha256"), Encoding: core.Base64,
			ID: Header(prefix + id), IDOptional: true, Indistinct: true, Topic: Header(prefix + "Topic"),
			Content: "{body}",
		})
	}
	return shopify{under("X-Shopify-", "Webhook-Id"), under("Shopify-", "Webhook-Id"), under("Shopify-", "Event-Id")}
}

// shopify reads one of two families of headers. For the id in the newer family,
// Shopify's documentation uses Shopify-Webhook-Id and its library
// Shopify-Event-Id.
type shopify struct {
	*templated

	byWebhook, byEvent *templated
}

// Facts implements [core.Describer]. It lists the headers of webhooks before
// those of events.
func (s shopify) Facts() core.Facts {
	f := s.facts(s, nil)
	f.Headers = append(f.Headers, s.byWebhook.headers(), s.byEvent.headers())
	return f
}

// ReadHeader implements [core.Scheme].
func (s shopify) ReadHeader(r *core.Request, a *core.Attempt) error {
	// Decide only by which headers are present. The signed content is the same for both families,
	// so renaming headers forges nothing.
	has := func(f Field) bool { return len(r.Header.Values(f.header)) > 0 }
	switch {
	case has(s.t.Signature) || !has(s.byEvent.t.Signature):
		return s.templated.ReadHeader(r, a)
	case has(s.byWebhook.t.ID):
		return s.byWebhook.ReadHeader(r, a)
	default:
		return s.byEvent.ReadHeader(r, a)
	}
}
