// Package fiberv3wh makes webhook endpoints of a fiber v3 application safe with one line: the handlers after [New] run for messages that
// are authentic, fresh and new. What the sender is answered otherwise is core's decision, the same in every framework. Package fiberwh is for fiber v2.
//
// # Quick start
//
//	v := core.Must(core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), memstore.New(), nil))
//	app := fiber.New(fiber.Config{
//		ReadTimeout: 10 * time.Second, // fiber waits for a body indefinitely otherwise
//		BodyLimit:   1 << 20,
//	})
//	app.Post("/hook", fiberv3wh.New(v), func(c fiber.Ctx) error {
//		msg := fiberv3wh.Message(c)
//		…
//	})
//	ln, err := net.Listen("tcp", ":8080")
//	…
//	log.Fatal(app.Listener(fiberv3wh.Listener(app, ln)))
//
// # Reading the body
//
// Everything works as without the middleware: Bind, Body, BodyRaw, FormValue, FormFile, MultipartForm, and net/http handlers behind
// adaptor.HTTPHandler. The signature is checked over the bytes of the wire, before anything is decompressed. Body and Bind decompress
// as always in fiber: after us only for a sender who has the key. Of a body that only claims an encoding, Body returns the text of an error,
// and of an unknown encoding it also makes the response 415. Message(c).Body is what was signed.
//
// fasthttp uses the memory of a request for the next one on its connection, so what c.Body, c.Get and c.Params return must not be kept after
// the handler. Message(c) may be kept, body included: it is a copy. Its strings share memory of half a kilobyte: strings.Clone
// what is kept in large numbers.
//
// Without [Listener] and with the default configuration fasthttp parses multipart bodies of known length before any middleware runs, and
// throws their bytes away. Such a request is answered 500 and observed as body-consumed; set
// fiber.Config.DisablePreParseMultipartForm. A body whose length is not the announced one was changed by a middleware in front, and is
// answered and observed likewise.
//
// # Limits
//
// fiber has read the whole body before any middleware runs. So fiber.Config.BodyLimit (413 by the ErrorHandler, handlers not run) and
// ReadTimeout (default: none) are the limits that protect the server; core's Config.MaxBody can only be smaller, Config.BodyTimeout has no
// effect, and a request with "Expect: 100-continue" is told to continue before anybody looked at its headers.
//
// Serve through [Listener]. fiber alone makes room for an announced body before its first byte: 1,000 connections that announce 1 MiB hold
// 1 GiB. It also closes over the rest of a refused body, and the reset can overtake the response: the sender does not learn why.
//
// With fiber.Config.StreamRequestBody the body is read here, and MaxBody and BodyTimeout hold. fasthttp does not enforce BodyLimit then, and
// parses what is left of an unread body as the next request; so a refusal that leaves some closes the connection. In report-only
// mode a chunked stream is read without a limit, because what was taken off it must be there for the handler.
//
// # Outcome
//
// The status that the sender will see decides. 2xx commits the message; anything else releases it for the sender's next attempt, and so do:
// a returned error, whatever the ErrorHandler makes of it later, even after c.SendString; no route after the middleware; a panic, which
// goes on, and leaves the status 500 for something outside that swallows it; a hijack; the answer of RequestCtx.TimeoutError. A handler that writes nothing has answered 200: fiber knows no other.
//
// Without a recover middleware a panic ends the process, as in every fiber application. The message is released first.
//
// # Context
//
// The handler's c.Context() ends before the claim on the message does: give it to databases and clients. It has the values of the one
// outside, which is put back after the handler. [core.FromContext] finds the message in c.Context(), in c.RequestCtx(), and in the request context
// of net/http handlers behind adaptor.HTTPHandler. c.RequestCtx() itself is pooled: never use it as a context.Context beyond the handler.
//
// # What it cannot see
//
//   - A stream writer (SetBodyStreamWriter) runs after all handlers: the message was committed with its status before.
//   - A sender that disconnects: neither context is cancelled then. The answer is lost, the sender tries again, and is acknowledged.
//   - A handler that goes on after TimeoutError or after middleware/timeout's New answered for it, outside or inside: the message is released,
//     and the next attempt runs beside it. The race detector finds both writing to one response. Give the handler a context that
//     ends, context.WithTimeout(c.Context(), …), and return its error.
//   - A header that fasthttp keeps only once: of repeated Content-Type, User-Agent, Host and Content-Length lines, the last.
//
// # Refusals
//
// The default answer is written as core gives it and nil is returned, so that the ErrorHandler cannot change it; loggers outside see its status.
// [Deny] replaces it; an error returned there goes through the ErrorHandler.
//
// # Mounting it wrongly
//
//   - adaptor.HTTPMiddleware(nethttp.New(v)) would commit before the handler has run: adaptor runs the fiber handlers after the net/http
//     middleware returned. nethttp refuses to run there. Use this package in fiber.
//   - adaptor.FiberApp (net/http in front of fiber, as in AWS Lambda's fiber adapter) hands over only the last of repeated header lines: a repeated id
//     cannot be refused then. Prefer nethttp.New around it.
//   - fiber.ListenConfig.EnablePrefork with a store in memory: each child process would have its own and handle every message once. Each request
//     is answered 500, and the observer is told.
//   - app.Use(fiberv3wh.New(v)) on all routes refuses browsers and health checks as well. Put it on the routes of the sender.
//
// fiber.Config.DisableHeaderNormalizing does no harm here: header names are compared without regard to case.
package fiberv3wh
