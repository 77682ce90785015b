package schemes

import (
	"errors"
	"slices"

	"github.com/hookonce/hookonce/core"
)

// EasyPost returns the scheme for EasyPost webhooks. The X-Hmac-Signature
// header holds "hmac-sha256-hex=" followed by the hex-encoded HMAC-SHA256 of
// the body. The secret is the text that was set when the webhook was created.
// EasyPost first normalizes it to Unicode NFKD. Only an ASCII secret is
// accepted, because normalization does not change it.
//
// The event's id in the body identifies the message. Attempts have no signed
// timestamp. The raw body is signed as it is, with weights such as "1.0".
// (EasyPost's library for Node.js restores the ".0", because it parses the body
// first.)
//
// Source: www.npmjs.com/package/@easypost/api/v/8.9.0 and
// EasyPost/easypost-node#467, as of November 2026.
func EasyPost() core.Scheme {
	return must(Template{
		Name: "easypost", Signature: Header("X-Hmac-Signature"), Label: "hmac-sha256-hex=",
		DeriveKey: easyPostKey,
		ID:        JSON("id"),
		Content:   "{body}",
	})
}

// easyPostKey is the secret in Unicode NFKD, which does not change ASCII.
func easyPostKey(secret []byte) ([]byte, error) {
	if slices.ContainsFunc(secret, func(c byte) bool { return c > '~' }) {
		return nil, errors.New("the secret is not ASCII, and EasyPost changes such secrets before it signs: choose an ASCII secret for the webhook")
	}
	return secret, nil
}
