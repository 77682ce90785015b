package schemes

import (
	"strings"

	"github.com/hookonce/hookonce/core"
)

// HubSpot returns the scheme for HubSpot's v3 signatures. The signature is the
// base64-encoded HMAC-SHA256 of the method, URL, body and timestamp (in
// milliseconds). The key is the app's client secret. url is the complete URL
// that HubSpot calls. Signatures v1 and v2 are plain hashes, which allow length
// extension attacks, so they are ignored. No id is signed, so each attempt
// counts as a separate message. To recognize an event, use its eventId.
//
// Source: HubSpot/hubspot-api-nodejs, src/utils/signature.ts at commit 11dd578,
// as of November 2026.
func HubSpot(url string) core.Scheme {
	// HubSpot decodes these escapes in the path before it signs the URL.
	path, query, has := strings.Cut(url, "?")
	path = strings.NewReplacer("%3A", ":", "%2F", "/", "%3F", "?", "%40", "@", "%21", "!", "%24", "$", "%27", "'", "%28", "(", "%29", ")",
		"%2A", "*", "%2C", ",", "%3B", ";").Replace(path)
	if has {
		path += "?" + query
	}
	s, err := Template{
		Name: "hubspot", Signature: Header("X-HubSpot-Signature-v3"), Encoding: core.Base64,
		Timestamp: Header("X-HubSpot-Request-Timestamp"), Unit: Milliseconds, Stamping: core.StampedEachAttempt,
		Content: "{method}{url}{body}{timestamp}", URL: path,
	}.build()
	if err != nil {
		return unusable{"hubspot", err}
	}
	return hubSpot{s}
}

type hubSpot struct{ *templated }

// Facts implements [core.Describer].
func (s hubSpot) Facts() core.Facts {
	f := s.facts(s, nil)
	f.At = HubSpot
	return f
}
