// Package nethttp protects an http.Handler with a [core.Verifier]. It works
// with net/http, chi, and every router that takes a func(http.Handler)
// http.Handler.
//
//	v := core.Must(core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), memstore.New(), nil))
//	mux.Handle("POST /hook", nethttp.New(v)(handler))
//
// # Handler
//
// The handler runs only for messages that are authentic, fresh if the sender
// signs a timestamp, and new if the scheme identifies messages. Package core
// lists exceptions, such as report-only mode. [Message] returns the message.
// Every way to read a body in net/http still works: r.Body, GetBody, ParseForm,
// multipart forms and a reverse proxy. Message.Body, r.Body and GetBody share
// one buffer: do not change it.
//
// Pass r.Context() to database and network calls. A client disconnect does not
// cancel it. Stop working when it ends: the claim may end soon after.
//
// # Outcome
//
// A 2xx status commits the message, including the implicit 200 of a handler
// that writes nothing and returns before its context ends. Any other status, a
// panic (including http.ErrAbortHandler) or runtime.Goexit releases the message
// for the sender's next attempt. So does a hijack, unless a 2xx status was
// written before it. A message that [core.Commit] recorded stays handled. The
// middleware does not recover panics. 1xx statuses except 101 do not count.
//
// If a handler starts a goroutine and responds 2xx, the message counts as
// handled, whatever happens in the goroutine.
//
// # Other middleware
//
// Mount the middleware upstream of everything that reads, decompresses or
// changes the body. Downstream of such code the body usually cannot be
// verified. If the middleware detects the change, the response is 500 and the
// observer gets the reason. It detects a body whose length differs from
// Content-Length, and a form that was parsed. It cannot detect other changes:
// then the signature does not match, and the response is 401.
//
// An upstream middleware that recovers a panic must respond 500. If nobody
// writes a response, net/http responds 200 and the sender does not retry.
//
// Do not use http.TimeoutHandler downstream. Its 503 releases the message while
// the handler still runs. Set a deadline on the handler's own context instead.
//
// Do not wrap the middleware around gin, echo or fiber handlers: it cannot see
// their failures. If you do, the middleware refuses every request, and the
// error names the right package. Wrapping the whole engine is allowed.
//
// The net/http section of [docs/frameworks.md] also covers AWS Lambda.
//
// # Without the middleware
//
// [Verify] checks the headers, timestamp and signature of a request, without
// claiming the message. It has no replay protection. [NewTransport] signs the
// requests of an http.Client.
//
// [docs/frameworks.md]: https://github.com/hookonce/hookonce/blob/main/docs/frameworks.md#nethttp-and-chi
package nethttp
