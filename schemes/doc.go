// Package schemes implements the webhook signature schemes of common providers.
// Each constructor returns a [core.Scheme] for [core.Config]:
//
//	v, err := core.New(core.Secrets(secret), seen, &core.Config{Scheme: schemes.Stripe()})
//
// [New] returns a scheme by its name, for configuration files. If a sender is
// not listed, describe it with a [Template] of about ten lines.
//
// Where possible, a scheme identifies a message by signed fields only, so that
// core recognizes a redelivery. For each provider, docs/providers.md says what
// identifies a message. Constructors whose names begin with Dangerously are for
// providers whose messages cannot be identified or can be forged. Their
// documentation says why.
package schemes
