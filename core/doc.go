// Package core verifies webhooks. A message that it admits is authentic: signed
// with a key that you trust. If the sender signs a timestamp, the message is
// also fresh: the timestamp is within the tolerance. If the scheme identifies
// messages, the message is also new: it was not handled within
// [Config.Remember]. The exceptions are below. This package depends only on the
// standard library. The adapters nethttp, ginwh, echowh, echov5wh, fiberwh and
// fiberv3wh are thin layers over it.
//
// # Quick start
//
// Create a [Verifier] at start-up and mount the adapter for your framework:
//
//	v, err := core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), memstore.New(), nil)
//	mux.Handle("POST /hook", nethttp.New(v)(handler))
//
// [New] reports configuration mistakes together, not one at a time.
// [Verifier.Verify] checks one request without replay protection.
//
// # Replay
//
// A Standard Webhooks sender retries a message until it gets a 2xx response or
// gives up. Each attempt has the same id and a new signed timestamp. A later
// attempt of a handled message is a redelivery: it is acknowledged without
// running the handler again. The newest attempt presented again is a replay: it
// is refused. If the handler fails, it runs again for a later attempt. The
// [SeenStore] keeps a record of each message. All processes that handle the
// same messages must share the store.
//
// If a sender does not sign a new timestamp for each attempt, no signed field
// distinguishes a retry from a replay. Once the message has been handled, both
// are usually acknowledged.
//
// If a sender signs no id, the signed content identifies the message, together
// with any unsigned ids. [Config.Repeats] limits how many messages with
// different unsigned ids may have the same signed content. An attempt that may
// be either a redelivery or another event is refused with 503 ([ErrRepeated]).
// See docs/identity.md for the rules.
//
// The handler may run again for a handled message if the sender uses the
// response ([Attempt.Reply]), or if it signs the time of each attempt and sends
// no id. Some Dangerously… schemes trust a bare token or do not identify
// messages. In report-only mode ([Config.DangerouslyReportOnly]) the handler
// runs for every request, whatever the rest of this documentation says.
//
// # Keys and schemes
//
// [Secrets] takes one or more secrets, newest first. [Message.KeyID] and
// [Event.KeyID] name the key that matched, so they show when a rotation is
// finished. A [KeySource] finds the keys of a tenant or endpoint.
// [StandardWebhooks] is the default scheme. A [Scheme] for another provider
// finds the id, timestamp, signatures and signed content of a request.
//
// # Threat model
//
// Attackers can send any request and may have captured the sender's requests.
// They do not have the secret. If a process dies between the handler's effect
// and the commit, the handler runs again for that message. See
// docs/threat-model.md for what is not protected.
package core
