// Package schemes implements the webhook signature schemes of common providers.
// Each is a function that returns a [core.Scheme] for [core.Config]:
//
//	v, err := core.New(core.Secrets(secret), seen, &core.Config{Scheme: schemes.Stripe()})
//
// [New] makes a scheme by its name, for configuration files. For a sender that
// is not listed, write ten lines of [Template].
//
// What identifies a message is always signed, so a replay can be distinguished
// from a retry. See docs/providers.md for what it is for each provider.
// Functions whose names begin with Dangerously are for providers where that is
// impossible. Their documentation says why.
package schemes
