// Package echowh protects webhook endpoints of an echo v4 application: handlers
// wrapped by New run only for messages that are authentic, fresh and new. core
// decides every other response, the same in every framework. Package echov5wh
// is for echo v5.
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
// Mount New on the routes of the sender. e.Use(echowh.New(v)) on all routes
// also refuses browsers and health checks.
//
// # Body
//
// The handler reads the body as without the middleware: c.Request().Body, Bind,
// FormValue, FormParams, FormFile, MultipartForm. Message(c).Body is shared: do
// not change it.
//
// A middleware that reads or changes the body belongs after New. CSRF
// protection blocks every webhook: skip it for the route.
//
// # Outcome
//
// The status written through the response decides, down to c.Response().Writer.
// A 2xx status commits the message. Any other status, a returned error, a panic
// and a hijack release it for the sender's next attempt. The panic continues. A
// returned error counts as a failure whatever the HTTPErrorHandler makes of it
// later. A handler that writes nothing has responded 200, and the middleware
// writes that at once.
//
// If a handler leaves work to a goroutine and responds 2xx, the message counts
// as handled. Respond after the work is done or stored.
//
// # Context
//
// Pass c.Request().Context() to databases and clients. It does not end when the
// sender disconnects, and it ends before the claim on the message does.
// [core.FromContext] finds the message in it.
//
// # Other middlewares
//
// A middleware upstream that recovers a panic and writes nothing makes echo
// respond 200, so the sender does not retry. Use ContextTimeout, not the
// deprecated middleware.Timeout. The section on echo in [frameworks] covers
// both, and compression, body limits and 1xx statuses.
//
// [frameworks]: https://github.com/hookonce/hookonce/blob/main/docs/frameworks.md#echo
package echowh
