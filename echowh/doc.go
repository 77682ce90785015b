// Package echowh makes webhook endpoints of an echo v4 application safe with one line: handlers behind [New] run for messages that are
// authentic, fresh and new. What the sender is answered otherwise is core's decision, the same in every framework.
//
// # Quick start
//
//	v := core.Must(core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), memstore.New(), nil))
//	e := echo.New()
//	e.POST("/hook", func(c echo.Context) error {
//		msg := echowh.Message(c)
//		…
//	}, echowh.New(v))
//
// # Reading the body
//
// Everything works as without the middleware: c.Request().Body, Bind, FormValue, FormParams, FormFile, MultipartForm. Message(c).Body is
// shared and must not be changed.
//
// What reads or changes the body goes behind New: middleware.Decompress, and MethodOverride from a form, which in Pre is always in front. They
// are found out by the length (a body of unknown length that was decompressed is only a wrong signature), answered 500 and observed as
// body-consumed. BodyDump, Gzip and BodyLimit work on either side, but BodyDump outside reads without a limit. CSRF
// blocks every webhook: skip it for the route.
//
// An *echo.HTTPError out of Body.Read is returned unchanged: BodyLimit outside answers for itself (413). The observer is told malformed.
//
// # Outcome
//
// What was written through the response decides, down to c.Response().Writer: 2xx commits the message, anything else releases it for the sender's next
// attempt. So do a returned error, whatever the HTTPErrorHandler makes of it later, a panic, which goes on, and a hijack. An error that
// something inside has rendered (Recover, RequestLogger, c.Error) is seen by its status. A handler that writes nothing in time has answered 200,
// which is written at once, so that nothing outside can make something else of it.
//
// # Context
//
// The handler's c.Request().Context() outlives the sender's connection and ends before the claim on the message does: give it to databases and
// clients. [core.FromContext] finds the message in it. The request and the writer of the middlewares outside are put back after
// the handler; Message(c) still works there.
//
// # What it cannot see
//
//   - middleware.Timeout (deprecated) inside: its 503 releases the message while the handler still runs, and the next attempt runs beside it.
//     Outside, the sender sees 503 and the handler's late success is committed: the next attempt is acknowledged. Use ContextTimeout.
//   - A middleware outside that swallows a panic and writes nothing, as a crash reporter with Repanic false. The message is
//     released, but the sender sees 200 and does not retry. Let it panic again, under middleware.Recover.
//   - A status after c.Response().WriteHeader with a 1xx. echo takes the 1xx for the response, and ignores a later status and
//     an error that something inside renders: the sender sees 200, and the message is committed. A returned error or a panic
//     is a 500, and releases. To send 103 write it to c.Response().Writer.
//   - What a handler leaves to a goroutine. Answer after the work is done or stored.
//
// # Refusals
//
// The default answer is written as core gives it and nil is returned: an error would be rendered by the HTTPErrorHandler, in its own way and
// with its own headers, and senders act on these. Loggers outside see the status in c.Response(). [Deny] replaces the answer and may return an
// error. Use SetInternal there on an error of your own, never on echo.ErrUnauthorized: it changes that variable for the whole program.
//
// # Mounting it wrongly
//
//   - echo.WrapMiddleware(nethttp.New(v)) cannot see an error that a handler returns: echo renders it later. nethttp refuses to
//     run there. nethttp.New around the whole echo is fine, inside use this package.
//   - e.Use(echowh.New(v)) on all routes refuses browsers and health checks as well. Put it on the routes of the sender.
package echowh
