// Package core verifies webhooks: every message that it admits is authentic
// (signed by a key you trust), fresh (inside the time window) and new (handled
// once). The adapters nethttp, ginwh, echowh, echov5wh, fiberwh and fiberv3wh
// are thin layers over it. It needs the standard library only.
//
// # Quick start
//
// Make a [Verifier] at start-up and mount the adapter of your framework:
//
//	v, err := core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), memstore.New(), nil)
//	mux.Handle("POST /hook", nethttp.New(v)(handler))
//
// [New] reports every mistake in the configuration at once. [Verifier.Verify]
// checks one request without any of the rest.
//
// # Replay
//
// A sender repeats a message until it is answered 2xx, under the same id, with
// a fresh signed timestamp at each attempt. So a later attempt of a handled
// message is the sender's retry, which is acknowledged without running the
// handler again, and the same attempt once more is a replay, which is refused.
// A message whose handler failed runs again. The [SeenStore] keeps what is
// needed for that; it must be shared by all processes that handle the same
// messages.
//
// Where a sender signs no id or no time, its messages are identified by what it
// does sign and, within [Config.Repeats], by unsigned ids. A message that
// cannot be distinguished from an old one is refused and not acknowledged;
// docs/identity.md has the rules.
//
// # Rotation
//
// [Secrets] takes several keys, newest first. [Message.KeyID] and [Event.KeyID]
// say which one matched, so the end of a rotation can be seen. A [KeySource]
// has keys for each tenant or endpoint.
//
// # Schemes
//
// [StandardWebhooks] is the default. Another provider's signature is a
// [Scheme]: it finds id, timestamp, signatures and signed content, and this
// package does the rest.
//
// # Threat model
//
// The attacker sends any request he likes and has seen requests of the sender;
// he does not have the secret. A process that dies between the handler's effect
// and its commit makes the message run again. See docs/threat-model.md for what
// is not protected.
package core
