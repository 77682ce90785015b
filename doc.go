// Package hookonce is the overview of a module that makes webhook endpoints
// safe. It has no code: import the packages below.
//
// A middleware verifies each request before your handler runs. The handler sees
// messages that are authentic (signed with a key you trust), fresh (a timestamp
// within the tolerance) and new (not handled before). The tolerance applies
// only to senders that sign a timestamp. The middleware buffers the body,
// verifies the signature and the timestamp, and rejects replays with a seen-id
// store. It then passes the restored body to the handler.
//
//	v, err := core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), memstore.New(), &core.Config{
//		Observe: core.SlogObserver(slog.Default()),
//	})
//	if err != nil {
//		log.Fatal(err)
//	}
//	http.Handle("POST /hook", nethttp.New(v)(handler))
//
// # Packages
//
// [github.com/hookonce/hookonce/core] verifies and signs messages, and
// implements the claim protocol. Everything else is built on it.
//
// Adapters, each mounted with one line:
//
//   - [github.com/hookonce/hookonce/nethttp] for net/http and chi
//   - [github.com/hookonce/hookonce/ginwh] for gin
//   - [github.com/hookonce/hookonce/echowh] for echo v4
//   - [github.com/hookonce/hookonce/fiberwh] for fiber v2
//   - github.com/hookonce/hookonce/echov5wh and fiberv3wh, separate modules,
//     for echo v5 and fiber v3
//   - [github.com/hookonce/hookonce/adapter] to write one for another framework
//
// Seen-id stores:
//
//   - [github.com/hookonce/hookonce/stores/memstore] in the process
//   - [github.com/hookonce/hookonce/stores/redisstore] in Redis or Valkey
//   - [github.com/hookonce/hookonce/stores/sqlstore] in PostgreSQL, MySQL,
//     MariaDB or SQLite
//   - [github.com/hookonce/hookonce/stores/casstore] in any engine with a
//     compare-and-swap
//
// Other senders and tools:
//
//   - [github.com/hookonce/hookonce/schemes] implements the signatures of
//     GitHub, Stripe, Slack and many other senders
//   - [github.com/hookonce/hookonce/explain] reports why a request was refused
//   - [github.com/hookonce/hookonce/whtest] signs requests in tests, and has
//     the suites that stores, schemes and adapters must pass
//   - github.com/hookonce/hookonce/otelwh, a separate module, exports
//     OpenTelemetry metrics and spans
//   - [github.com/hookonce/hookonce/cmd/hookonce] is the command line
package hookonce
