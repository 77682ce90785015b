package schemes

import "github.com/hookonce/hookonce/core"

// Fireblocks returns the scheme for version 2 webhooks of Fireblocks. The
// Fireblocks-Webhook-Signature header holds a detached JWS that signs the body
// with RS512. The secret is the URL of your environment's key set:
// "https://keys.fireblocks.io/.well-known/jwks.json", or the same with eu-keys,
// eu2-keys or sandbox-keys. See [KeySet]. The secret may also be a
// base64-encoded public key.
//
// The notification's id in the body identifies the message. Attempts have no
// signed timestamp: createdAt in the body is the time of the event. The older
// Fireblocks-Signature header is ignored. This scheme has not been tested
// against an official library or a published test vector.
//
// Source: developers.fireblocks.com/reference/validating-webhooks as described
// in hookdeck/webhook-skills, as of November 2026.
func Fireblocks() core.Scheme { return fireblocks(KeySetOptions{}) }

func fireblocks(o KeySetOptions) core.Scheme {
	o.Hosts = []string{"keys.fireblocks.io", "eu-keys.fireblocks.io", "eu2-keys.fireblocks.io", "sandbox-keys.fireblocks.io"}
	return KeySet(mustJWT(JWT{
		Name: "fireblocks", Token: Header("Fireblocks-Webhook-Signature"), Detached: true, Algorithm: RSASHA512, Secret: Base64Text,
		ID: JSON("id"),
	}), o)
}
