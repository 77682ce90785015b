package schemes

import (
	"strings"

	"github.com/hookonce/hookonce/core"
)

// HubSpot is the scheme of HubSpot's v3 signatures: HMAC-SHA256 of method, URL,
// body and timestamp (milliseconds) in base64, under the app's client secret.
// url is the address as HubSpot calls it, whole. v1 and v2 of the same request,
// plain hashes that can be extended, are not looked at. No id is signed: each
// attempt is a message of its own, and its events have eventId.
//
// Source: HubSpot/hubspot-api-nodejs, src/utils/signature.ts at commit 11dd578,
// as of November 2026.
func HubSpot(url string) core.Scheme {
	// HubSpot decodes these in the URL that it signs.
	path, query, has := strings.Cut(url, "?")
	path = strings.NewReplacer("%3A", ":", "%2F", "/", "%3F", "?", "%40", "@", "%21", "!", "%24", "$", "%27", "'", "%28", "(", "%29", ")",
		"%2A", "*", "%2C", ",", "%3B", ";").Replace(path)
	if has {
		path += "?" + query
	}
	return fromSettings(Template{
		Name: "hubspot", Signature: Header("X-HubSpot-Signature-v3"), Encoding: core.Base64,
		Timestamp: Header("X-HubSpot-Request-Timestamp"), Unit: Milliseconds, Stamping: core.StampedEachAttempt,
		Content: "{method}{url}{body}{timestamp}", URL: path,
	})
}
