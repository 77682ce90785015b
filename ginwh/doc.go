// Package ginwh protects webhook endpoints of a gin application: the handlers
// after New run only for messages that are authentic, new and, if the sender
// signs a timestamp, fresh. Package core decides all other responses, which are
// the same in every framework.
//
// # Quick start
//
//	v := core.Must(core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), memstore.New(), nil))
//	g := gin.New()
//	g.POST("/hook", ginwh.New(v), func(c *gin.Context) {
//		msg := ginwh.Message(c)
//		…
//	})
//
// Mount New on the sender's routes. g.Use(ginwh.New(v)) on all routes also
// refuses browsers and health checks.
//
// # Body
//
// The handler reads the body in the usual ways: c.Request.Body, BindJSON, all
// of ShouldBind*, GetRawData, PostForm, FormFile. The bytes are also stored
// under gin.BodyBytesKey, so ShouldBindBodyWith works after any other binding.
// Like Message(c).Body, these bytes are shared: do not change them.
//
// Mount middleware that reads or changes the body after New.
//
// # Outcome
//
// The status that the sender sees decides. A 2xx status commits the message.
// Any other status, a panic or a hijack releases the message for the sender's
// next attempt. The middleware does not recover panics. A handler that writes
// nothing has responded 200, and the middleware writes that status at once. If
// a handler adds to c.Errors and writes nothing, it has failed.
// AbortWithStatus(204) is a success: IsAborted does not count.
//
// If a handler leaves work to a goroutine and responds 2xx, the message counts
// as handled. Respond after the work is done or stored.
//
// # Context
//
// Pass c.Request.Context() to database and network calls. A client disconnect
// does not cancel it, and it ends before the claim on the message does.
// [core.FromContext] finds the message in it. With Engine.ContextWithFallback
// it also finds the message in c itself.
//
// # Other middleware
//
// Do not use Engine.HandleContext before gin 1.11.0: it bypasses every
// authentication middleware. After New, do not use http.TimeoutHandler or
// gin-contrib/timeout 1.2.0. The section on gin in [frameworks] says why, and
// also covers compression, recovery and timeouts.
//
// [frameworks]: https://github.com/hookonce/hookonce/blob/main/docs/frameworks.md#gin
package ginwh
