// Package ginwh makes webhook endpoints of a gin application safe with one line: the handlers after [New] run for messages that are
// authentic, fresh and new. What the sender is answered otherwise is core's decision, the same in every framework.
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
// # Reading the body
//
// Everything works as without the middleware: c.Request.Body, BindJSON and all of ShouldBind*, ShouldBindBodyWith, GetRawData, PostForm,
// FormFile. The bytes are also under gin.BodyBytesKey, so ShouldBindBodyWith works after any other binding; like Message(c).Body they
// are shared and must not be changed.
//
// What reads or changes the body goes behind New: gin-contrib/gzip's DefaultDecompressHandle, middlewares that bind or call PostForm. In front
// they are found out by the length (a body of unknown length that was cut or decompressed is only a wrong signature), answered 500 and observed
// as body-consumed. ShouldBindBodyWith in front is fine: it leaves the bytes it read, and they are verified.
//
// # Outcome
//
// The status that the sender will see decides. 2xx commits the message; anything else releases it for the sender's next attempt, and so
// do a panic, which goes on, and a hijack. A handler that writes nothing in time has answered 200, which is written at once, so that nothing
// outside can make something else of it. IsAborted says nothing: AbortWithStatus(204) is a success.
//
// A panic with nothing written leaves the status 500 unsent. gin sends it if something outside swallows the panic: a crash
// reporter with Repanic false, or gin.Recovery for http.ErrAbortHandler. gin alone would send 200.
//
// Informational statuses, 103 for one, are sent and do not count. gin alone takes one for the response, and sends 200 after it.
//
// New entries in c.Errors with nothing written are a failure, because a middleware outside will render them. If none does, the
// sender is told 500, where gin alone would say 200. Errors beside a written answer are taken for log entries.
//
// # Context
//
// The handler's c.Request.Context() outlives the sender's connection and ends before the claim on the message does: give it to databases and
// clients. [core.FromContext] finds the message in it, and in c itself with Engine.ContextWithFallback. The request and the writer of the
// middlewares outside are put back after the handlers; Message(c) still works there, and with c.Copy().
//
// # What it cannot see
//
//   - "200 written, then a panic" under a Recovery inside: the sender saw the 200, so it counts.
//   - http.TimeoutHandler inside: its 503 releases the message while the handler still runs, and the next attempt runs beside it.
//     Outside the engine, the sender sees 503 and the handler's late success is committed: the next attempt is acknowledged.
//   - gin-contrib/timeout outside, which responds 408 when the handler has ended, since version 1.2.1. A late success is
//     recorded as failed, and the next attempt runs the handler again. It swallows a late panic. Version 1.2.0
//     responds at once, and the late handler shares its gin.Context with a later request: do not use it. A deadline
//     of the handler's own, from c.Request.Context(), has none of this.
//   - What a handler leaves to a goroutine. Answer after the work is done or stored.
//
// # Refusals
//
// The default answer is written as core gives it, and the chain is aborted; loggers outside see its status. c.Error is not called, because middlewares
// that render c.Errors would append a document of their own; [Deny] can.
//
// # Mounting it wrongly
//
//   - A net/http middleware around c.Next() (the usual snippet) cannot see failures: gin writes to its own c.Writer, not to the one that the net/http
//     middleware watches. nethttp refuses to run there. gin runs the next handler even after that, unless the snippet calls
//     c.Abort. nethttp.New around the whole engine is fine, in gin use this package.
//   - Engine.HandleContext before gin 1.11.0 runs handlers of the new route's chain after it has returned, even if a middleware
//     of that chain aborted it. That bypasses every authentication middleware, this one too. Use gin 1.11.0 or newer.
//   - g.Use(ginwh.New(v)) on all routes refuses browsers and health checks as well. Put it on the routes of the sender.
package ginwh
