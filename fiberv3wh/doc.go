// Package fiberv3wh protects webhook endpoints of a fiber v3 application: the
// handlers after New run only for messages that are authentic, new and, if the
// sender signs a timestamp, fresh. Package core decides all other responses,
// which are the same in every framework. Package fiberwh is for fiber v2.
//
// # Quick start
//
//	v := core.Must(core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), memstore.New(), nil))
//	app := fiber.New(fiber.Config{
//		ReadTimeout: 10 * time.Second, // otherwise fiber waits for a body indefinitely
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
// Mount New on the sender's routes. app.Use(fiberv3wh.New(v)) on all routes
// also refuses browsers and health checks.
//
// # Limits
//
// fiber reads the whole body before any middleware runs, so
// fiber.Config.BodyLimit and ReadTimeout protect the server.
// core.Config.MaxBody has an effect only if it is smaller than BodyLimit.
// core.Config.BodyTimeout has none. Serve through Listener: without it fiber
// reserves memory for every announced body.
//
// # Body
//
// The handler reads the body in the usual ways: Bind, Body, BodyRaw, FormValue,
// FormFile, MultipartForm. The signature covers the bytes on the wire.
//
// fasthttp reuses the memory of a request, so the results of c.Body, c.Get and
// c.Params are valid only until the handler returns. Message(c) is a copy and
// may be kept.
//
// # Outcome
//
// The status that the sender sees decides. A 2xx status commits the message.
// Any other status, a returned error, a panic or a hijack releases the message
// for the sender's next attempt. A handler that writes nothing has responded
// 200. Without a recover middleware a panic ends the process, as in every fiber
// application.
//
// # Context
//
// Pass c.Context() to database and network calls. It ends before the claim on
// the message does. [core.FromContext] finds the message in it.
//
// Use a shared store with fiber.ListenConfig.EnablePrefork: child processes do
// not share memory, and with a store in memory the middleware responds 500 to
// every request. The section on fiber in [frameworks] covers timeouts,
// streaming and adaptor.
//
// [frameworks]: https://github.com/hookonce/hookonce/blob/main/docs/frameworks.md#fiber
package fiberv3wh
