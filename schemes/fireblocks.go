package schemes

import "github.com/hookonce/hookonce/core"

// Fireblocks is the scheme of Fireblocks' webhooks of version 2: a detached JWS
// in Fireblocks-Webhook-Signature, RS512 over the body. The secret is the
// address of the key set of your environment,
// "https://keys.fireblocks.io/.well-known/jwks.json", or one at eu-keys,
// eu2-keys or sandbox-keys; see [KeySet]. It may also be a public key in
// base64.
//
// The notification's id in the body identifies the message. Attempts have no
// signed timestamp: createdAt in the body is the time of the event. The older
// Fireblocks-Signature is ignored. This scheme has not been tested against an
// official library or a published test vector.
//
// Source: developers.fireblocks.com/reference/validating-webhooks as read by
// hookdeck/webhook-skills, as of November 2026.
func Fireblocks() core.Scheme { return fireblocks(KeySetOptions{}) }

func fireblocks(o KeySetOptions) core.Scheme {
	o.Hosts = []string{"keys.fireblocks.io", "eu-keys.fireblocks.io", "eu2-keys.fireblocks.io", "sandbox-keys.fireblocks.io"}
	return KeySet(mustJWT(JWT{
		Name: "fireblocks", Token: Header("Fireblocks-Webhook-Signature"), Detached: true, Algorithm: RSASHA512, Secret: Base64Text,
		ID: JSON("id"),
	}), o)
}
