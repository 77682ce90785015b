package schemes

import "github.com/hookonce/hookonce/core"

// TikTok is the scheme of TikTok: t and s in Tiktok-Signature, HMAC-SHA256 of
// "t.body" under the client secret. No id is signed, so each attempt is a
// message of its own. Neither a library of the sender nor a published vector
// confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at developers.tiktok.com/doc/webhooks-verification.
func TikTok() core.Scheme {
	return must(Template{
		Name: "tiktok", Signature: Header("Tiktok-Signature"), List: ",", Label: "s=",
		Timestamp: Entry("Tiktok-Signature", "t"), Stamping: core.StampedEachAttempt,
		Content: "{timestamp}.{body}",
	})
}
