package fasthttpwh

import (
	"maps"
	"slices"

	"github.com/valyala/fasthttp"

	"github.com/hookonce/hookonce/core"
)

// Answered is what the sender will see. For fasthttp a handler that wrote
// nothing has answered 200.
func Answered(c *fasthttp.RequestCtx) int {
	if r := c.LastTimeoutErrorResponse(); r != nil {
		return r.StatusCode() // sent in place of c.Response
	}
	if c.Hijacked() {
		return core.Failed
	}
	return c.Response.StatusCode()
}

// Write writes what core answers. It sorts the names, as net/http does: the
// header is a map, and fasthttp keeps the order in which it is given them.
func Write(r *fasthttp.Response, a *core.Answer) {
	r.SetStatusCode(a.Status)
	for _, key := range slices.Sorted(maps.Keys(a.Header)) {
		r.Header.Del(key)
		for _, v := range a.Header[key] {
			r.Header.Add(key, v)
		}
	}
	r.SetBodyRaw(a.Body)
}

// CloseUnread closes the connection behind a streamed body that nobody read to
// its end: fasthttp would parse the rest of it as the next request.
func CloseUnread(c *fasthttp.RequestCtx) {
	if c.RequestBodyStream() != nil {
		c.SetConnectionClose()
	}
}
