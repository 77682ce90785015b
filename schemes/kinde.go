package schemes

import "github.com/hookonce/hookonce/core"

// Kinde returns the scheme for Kinde webhooks. The body is a JWT signed with
// RS256. The secret is the URL of your domain's key set, such as
// "https://acme.kinde.com/.well-known/jwks.json". For a key set on a custom
// domain, pass this scheme to [KeySet] with that host.
//
// The event_id claim identifies the message. Attempts have no signed timestamp:
// the timestamp claim is the time of the event. The handler gets the token
// unchanged. Kinde signs access tokens with the same keys. Access tokens are
// not accepted as messages, because they have no event_id claim. Therefore do
// not add a claim with that name to your tokens.
//
// Source: www.npmjs.com/package/@kinde/webhooks/v/1.0.0, as of November 2026.
func Kinde() core.Scheme { return kinde(KeySetOptions{}) }

func kinde(o KeySetOptions) core.Scheme {
	o.Hosts = []string{".kinde.com"}
	return KeySet(mustJWT(JWT{Name: "kinde", Algorithm: RSASHA256, Secret: Base64Text, IDClaim: "event_id"}), o)
}
