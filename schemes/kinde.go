package schemes

import "github.com/hookonce/hookonce/core"

// Kinde is the scheme of Kinde: the body is a JWT with RS256. The secret is the
// address of your domain's key set,
// "https://acme.kinde.com/.well-known/jwks.json". For a set on your own domain,
// pass this scheme to [KeySet] with that host.
//
// The claim event_id identifies the message. Attempts have no signed timestamp:
// the claim timestamp is the time of the event. The handler gets the token
// unchanged. Kinde signs access tokens with the same keys. Those are not
// accepted as messages, because they have no event_id. So do not add a claim of
// that name to your tokens.
//
// Source: www.npmjs.com/package/@kinde/webhooks/v/1.0.0, as of November 2026.
func Kinde() core.Scheme { return kinde(KeySetOptions{}) }

func kinde(o KeySetOptions) core.Scheme {
	o.Hosts = []string{".kinde.com"}
	return KeySet(mustJWT(JWT{Name: "kinde", Algorithm: RSASHA256, Secret: Base64Text, IDClaim: "event_id"}), o)
}
