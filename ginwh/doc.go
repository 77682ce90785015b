// Package ginwh protects webhook endpoints of a gin application: the handlers
// after New run only for messages that are authentic, fresh and new. core
// decides every other response, the same in every framework.
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
// Mount New on the routes of the sender. g.Use(ginwh.New(v)) on all routes also
// refuses browsers and health checks.
//
// # Body
//
// The handler reads the body as without the middleware: c.Request.Body,
// BindJSON, all of ShouldBind*, GetRawData, PostForm, FormFile. The bytes are
// also under gin.BodyBytesKey, so ShouldBindBodyWith works after any other
// binding. Like Message(c).Body they are shared: do not change them.
//
// A middleware that reads or changes the body belongs after New.
//
// # Outcome
//
// The status that the sender sees decides. A 2xx status commits the message.
// Any other status, a panic and a hijack release it for the sender's next
// attempt. The panic continues. A handler that writes nothing has responded
// 200, and the middleware writes that at once. New entries in c.Errors with
// nothing written are a failure. AbortWithStatus(204) is a success: IsAborted
// does not count.
//
// If a handler leaves work to a goroutine and responds 2xx, the message counts
// as handled. Respond after the work is done or stored.
//
// # Context
//
// Pass c.Request.Context() to databases and clients. It does not end when the
// sender disconnects, and it ends before the claim on the message does.
// [core.FromContext] finds the message in it, and in c itself with
// Engine.ContextWithFallback.
//
// # Other middlewares
//
// Do not use Engine.HandleContext before gin 1.11.0: it bypasses every
// authentication middleware. Do not use http.TimeoutHandler after New, nor
// gin-contrib/timeout 1.2.0. The section on gin in [frameworks] says why, and
// covers compression, recovery and timeouts.
//
// [frameworks]: https://github.com/hookonce/hookonce/blob/main/docs/frameworks.md#gin
package ginwh
