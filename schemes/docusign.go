package schemes

import (
	"fmt"

	"github.com/hookonce/hookonce/core"
)

// DocuSign returns the scheme for DocuSign Connect. The headers
// X-DocuSign-Signature-1 to X-DocuSign-Signature-100 hold one signature for
// each key: the base64-encoded HMAC-SHA256 of the body under the text of that
// key. The signatures and keys may be in any order. The body identifies the
// message. Attempts have no signed timestamp. This scheme has not been tested
// against an official library or a published test vector.
//
// Source: developers.docusign.com/platform/webhooks/connect/validate, as of
// November 2026.
func DocuSign() core.Scheme {
	t := Template{
		Name: "docusign", Signature: Header("X-DocuSign-Signature-1"), Encoding: core.Base64, MaxSignatures: 100,
		Content: "{body}",
	}
	// DocuSign allows 100 keys and numbers their headers.
	for i := 2; i <= 100; i++ {
		t.More = append(t.More, Header(fmt.Sprintf("X-DocuSign-Signature-%d", i)))
	}
	return must(t)
}
