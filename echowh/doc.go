// Package echowh protects webhook endpoints of an echo v4 application: handlers
// wrapped by New run only for messages that are authentic, new and, if the
// sender signs a timestamp, fresh. Package core decides all other responses,
// which are the same in every framework. Package echov5wh is for echo v5.
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
// Mount New on the sender's routes. e.Use(echowh.New(v)) on all routes also
// refuses browsers and health checks.
//
// # Body
//
// The handler reads the body in the usual ways: c.Request().Body, Bind,
// FormValue, FormParams, FormFile, MultipartForm. Message(c).Body is shared: do
// not change it.
//
// Mount middleware that reads or changes the body after New. CSRF protection
// blocks every webhook: skip it for the route.
//
// # Outcome
//
// The status that the handler writes decides, even if it is written to
// c.Response().Writer. A 2xx status commits the message. Any other status, a
// returned error, a panic or a hijack releases the message for the sender's
// next attempt. The middleware does not recover panics. A returned error counts
// as a failure, whatever status the HTTPErrorHandler writes later. A handler
// that writes nothing has responded 200, and the middleware writes that status
// at once.
//
// If a handler leaves work to a goroutine and responds 2xx, the message counts
// as handled. Respond after the work is done or stored.
//
// # Context
//
// Pass c.Request().Context() to database and network calls. A client disconnect
// does not cancel it, and it ends before the claim on the message does.
// [core.FromContext] finds the message in it.
//
// # Other middleware
//
// If an upstream middleware recovers a panic and writes nothing, echo responds
// 200 and the sender does not retry. Use ContextTimeout, not the deprecated
// middleware.Timeout. The section on echo in [frameworks] covers both, and also
// compression, body limits and 1xx statuses.
//
// [frameworks]: https://github.com/hookonce/hookonce/blob/main/docs/frameworks.md#echo
package echowh
