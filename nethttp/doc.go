// Package nethttp puts a [core.Verifier] in front of an http.Handler: net/http itself, chi, and everything else that takes a
// func(http.Handler) http.Handler.
//
//	v := core.Must(core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), memstore.New(), nil))
//	mux.Handle("POST /hook", nethttp.New(v)(handler))
//
// # The handler
//
// It runs for messages that are authentic, fresh and new. It finds the message with [Message] and the body in the request, by
// every way that net/http reads one: r.Body, GetBody, ParseForm, multipart, a proxy behind it. Its context is not
// cancelled when the sender disconnects, and ends before the claim does; do not go on after that.
//
// A 2xx answer, also an implicit one, means that the message was handled. Anything else releases it, so that the sender's
// next attempt runs: another status, a panic (which goes on, it is not recovered), http.ErrAbortHandler, runtime.Goexit, a
// hijack. 1xx other than 101 are no answers yet. A handler that starts a goroutine and answers 2xx has said that the
// message is handled, whatever becomes of the goroutine.
//
// Up to 2 KiB that are not flushed are sent after the success was recorded. A longer answer or a Flush reaches the
// sender before that; an attempt that it sends at once may then be told that the first is in flight.
//
// # Where to mount it
//
// In front of everything that reads, decompresses or changes the body. Behind such a middleware the body cannot be verified:
// the answer is 500 and the observer says why. Only an earlier full or partial read of a chunked body without ParseForm cannot
// be told from a wrong signature.
//
// Recover middlewares and loggers may stand on either side; they see Pattern as without us. PathValues that an
// inner ServeMux sets stay inside. Smaller limits outside (http.MaxBytesHandler) are answered 413 as our own.
//
// A middleware outside that swallows a panic must respond 500. With nothing written net/http responds 200: the message
// is released, but its sender does not retry. Crash reporters do that with Repanic false.
//
// http.TimeoutHandler belongs outside, if it must be: the sender then sees 503, the handler goes on, and its success is
// recorded. Inside, its 503 releases the message while the handler is still running, so that the next attempt runs beside it: use
// the handler's context instead. Outside it also hides the connection, so Config.BodyTimeout does not work: set http.Server.ReadTimeout.
// A chi middleware.Timeout outside answers 504 only if nothing was written. A handler that wrote nothing is
// answered 200 explicitly, or 503 and released if its context had ended, so that both agree with what was recorded.
//
// Do not wrap the middleware around handlers of a framework: it cannot see errors that they return, nor responses that they
// write past it, so failures look like successes. Use the framework's adapter there, or wrap the whole engine. Inside gin, echo and fiber
// the middleware refuses such a place: genuine messages are answered 500, and the observer is told misconfigured with the
// name of the right adapter. That covers echo.WrapMiddleware, fiber's adaptor.HTTPMiddleware, and calls from a handler of
// gin or echo. For a handler of net/http, mount it by gin.WrapH, gin.WrapF, echo.WrapHandler or adaptor.HTTPHandler, made at start-up.
//
// It finds the framework by names of functions on the stack. So these stay hidden: a framework under another import path, as a
// fork; names that an obfuscator changed; a handler that something in between runs in another goroutine, if the
// middleware was made at start-up; a handler inside one of those four that finds the framework's context and runs its
// handlers; and every other framework.
//
// # Bodies
//
// The body is read once, up to Config.MaxBody, within Config.BodyTimeout, into one buffer, which Message.Body, r.Body
// and GetBody share: do not change it. The shorter of Config.BodyTimeout and
// http.Server.ReadTimeout ends a slow one. A refusal that leaves a body unread closes an HTTP/1 connection. It waits
// a little over half a second at most for the sender to notice, and as long again for one that goes on sending a body over
// the limit: many senders read the response only after that. HTTP/2 streams need none of it. After a panic too, temporary files of
// multipart forms are removed, unless the handler parsed a copy of the request that it made itself.
//
// # AWS Lambda
//
// Proxies from API Gateway events work, because settling is synchronous: nothing is left to do when the process is frozen. Binary bodies must
// arrive base64 encoded, or they are changed on the way (401). Signature headers that API Gateway splits at commas are joined again.
// Time limits are the invocation's.
//
// # Without the middleware
//
// [Verify] checks the signature of a request at hand, and nothing else. It has
// no replay protection.
//
// # Sending
//
// [NewTransport] signs what an http.Client sends.
package nethttp
