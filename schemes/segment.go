package schemes

import "github.com/hookonce/hookonce/core"

// Segment returns the scheme for Segment's Webhooks (Actions) destination. The
// X-Signature header holds the hex-encoded HMAC-SHA1 of the body. The body
// identifies the message. Mappings determine the body, so two events can have
// the same body. A redelivery is therefore refused with [core.ErrRepeated].
// Attempts have no signed timestamp.
//
// For a batch, Segment signs only the first event, so the other events could be
// forged. A batch is therefore refused: leave the batch size of the mapping at
// 0. This scheme has not been tested against an official library or a published
// test vector.
//
// Source: www.npmjs.com/package/@segment/action-destinations/v/3.497.0, the
// code that signs, as of November 2026.
func Segment() core.Scheme {
	return must(Template{
		Name: "segment", Signature: Header("X-Signature"), Algorithm: HMACSHA1,
		Indistinct: true,
		Content:    "{body}",
	})
}
