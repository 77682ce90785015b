package schemes

import "github.com/hookonce/hookonce/core"

// Kinde is the scheme of Kinde: the body is a JWT with RS256. The secret is the
// address of your domain's key set,
// "https://acme.kinde.com/.well-known/jwks.json". For a set at a domain of your
// own, give this scheme to [KeySet] with that host.
//
// The claim event_id identifies the message. No time of an attempt is signed:
// the claim timestamp is that of the event. The handler gets the token as it
// came. Kinde's key set signs access tokens as well: they are no messages,
// because they have no event_id. Give none of yours a claim of that name.
//
// Source: www.npmjs.com/package/@kinde/webhooks/v/1.0.0, as of November 2026.
func Kinde() core.Scheme { return kinde(KeySetOptions{}) }

func kinde(o KeySetOptions) core.Scheme {
	o.Hosts = []string{".kinde.com"}
	return KeySet(mustJWT(JWT{Name: "kinde", Algorithm: RSASHA256, Secret: Base64Text, IDClaim: "event_id"}), o)
}
