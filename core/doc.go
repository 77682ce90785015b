// Package core verifies webhooks: every message that it admits is authentic
// (signed by a key you trust), fresh (a timestamp within the tolerance) and new
// (not handled before). The adapters nethttp, ginwh, echowh, echov5wh, fiberwh
// and fiberv3wh are thin layers over it. It depends on the standard library
// only.
//
// # Quick start
//
// Make a [Verifier] at start-up and mount the adapter of your framework:
//
//	v, err := core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), memstore.New(), nil)
//	mux.Handle("POST /hook", nethttp.New(v)(handler))
//
// [New] reports every mistake in the configuration at once. [Verifier.Verify]
// checks one request without replay protection.
//
// # Replay
//
// A sender repeats a message until it gets a 2xx response. Each attempt has the
// same id and a fresh signed timestamp. A later attempt of a handled message is
// the sender's retry: it is acknowledged without running the handler again. The
// same attempt presented again is a replay: it is refused. A message whose
// handler failed runs again. The [SeenStore] keeps these records. All processes
// that handle the same messages must share it.
//
// If a sender signs no id or no time, its messages are identified by the
// content that it signs and, within [Config.Repeats], by unsigned ids. A
// message that cannot be distinguished from an old one is refused, not
// acknowledged. See docs/identity.md for the rules.
//
// # Rotation
//
// [Secrets] takes several keys, newest first. [Message.KeyID] and [Event.KeyID]
// say which one matched, so they show when a rotation is finished. A
// [KeySource] finds the keys of a tenant or endpoint.
//
// # Schemes
//
// [StandardWebhooks] is the default. A [Scheme] implements another provider's
// signature. It finds id, timestamp, signatures and signed content. This
// package does the rest.
//
// # Threat model
//
// Attackers can send any request, and have captured requests of the sender.
// They do not have the secret. A process that dies between the handler's effect
// and its commit makes the message run again. See docs/threat-model.md for what
// is not protected.
package core
