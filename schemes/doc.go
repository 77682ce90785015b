// Package schemes implements the webhook signature schemes of common providers.
// Each is a function that returns a [core.Scheme] for [core.Config]:
//
//	v, err := core.New(core.Secrets(secret), seen, &core.Config{Scheme: schemes.Stripe()})
//
// [New] returns a scheme by its name, for configuration files. For a sender
// that is not listed, describe it with a [Template] of about ten lines.
//
// Schemes identify a message by signed content, so core can distinguish a
// replay from a retry. For each provider, docs/providers.md says what
// identifies a message. Functions whose names begin with Dangerously are for
// providers where that is impossible. Their documentation says why.
package schemes
