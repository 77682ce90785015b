// Package schemes has the ways in which providers sign their webhooks. Each is
// a function that returns a [core.Scheme] for [core.Config]:
//
//	v, err := core.New(core.Secrets(secret), seen, &core.Config{Scheme: schemes.Stripe()})
//
// [New] makes one by its name, for configuration files. A sender that is not
// here is ten lines of [Template].
//
// What identifies a message, and so decides whether a replay is told from a
// retry, is always signed: docs/providers.md says what it is for each provider.
// Functions whose name begins with Dangerously are for providers with which it
// cannot be told, and say why.
package schemes
