// Package core verifies webhooks. Every message that it admits is authentic
// (signed with a key you trust). It is also new (not handled before) if the
// scheme identifies messages. If the sender signs a timestamp, the message is
// also fresh (its timestamp is within the tolerance). If the sender signs no
// timestamp, a message may count as new again after [Config.Remember]. This
// package depends only on the standard library. The adapters nethttp, ginwh,
// echowh, echov5wh, fiberwh and fiberv3wh are thin layers over it.
//
// # Quick start
//
// Create a [Verifier] at start-up and mount the adapter for your framework:
//
//	v, err := core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), memstore.New(), nil)
//	mux.Handle("POST /hook", nethttp.New(v)(handler))
//
// [New] reports every mistake in the configuration at once. [Verifier.Verify]
// checks one request without replay protection.
//
// # Replay
//
// A Standard Webhooks sender retries a message until it gets a 2xx response.
// Each attempt has the same id and a new signed timestamp. A later attempt of a
// handled message is the sender's retry: it is acknowledged without running the
// handler again. The newest attempt presented again is a replay: it is refused.
// If the handler fails, it runs again on the sender's next attempt. If a sender
// does not sign a new timestamp for each attempt, a retry and a replay are
// identical byte for byte. After the message was handled, both are
// acknowledged. The [SeenStore] keeps a record of each message. All processes
// that handle the same messages must share the store.
//
// If a sender signs no id, the signed content identifies the message, together
// with any unsigned ids. [Config.Repeats] limits how many messages with
// different unsigned ids may have the same signed content. If each attempt has
// its own timestamp, only one message may have the same signed content. A
// redelivery that may be another event is refused with 503 ([ErrRepeated]), not
// acknowledged. See docs/identity.md for the rules.
//
// # Rotation
//
// [Secrets] takes several secrets, newest first. [Message.KeyID] and
// [Event.KeyID] name the key that matched, so they show when a rotation is
// finished. A [KeySource] finds the keys of a tenant or endpoint.
//
// # Schemes
//
// [StandardWebhooks] is the default. A [Scheme] implements another provider's
// signature. It finds the id, timestamp, signatures and signed content of a
// request. This package does the rest.
//
// # Threat model
//
// Attackers can send any request and may have captured the sender's requests.
// They do not have the secret. If a process dies between the handler's effect
// and the commit, the handler runs again for that message. See
// docs/threat-model.md for what is not protected.
package core
