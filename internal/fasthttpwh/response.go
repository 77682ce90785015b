package fasthttpwh

import (
	"maps"
	"slices"

	"github.com/valyala/fasthttp"

	"github.com/hookonce/hookonce/core"
)

// Answered returns the status that the sender will see. fasthttp sends 200 for
// a handler that wrote nothing.
func Answered(c *fasthttp.RequestCtx) int {
	if r := c.LastTimeoutErrorResponse(); r != nil {
		return r.StatusCode() // fasthttp sends it instead of c.Response
	}
	if c.Hijacked() {
		return core.Failed
	}
	return c.Response.StatusCode()
}

// Write writes a response of core. It sorts the names of the headers, as
// net/http does. They come from a map, and fasthttp sends headers in the order
// in which they are set.
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

// Written reports whether the response differs from fasthttp's empty 200, or
// whether the connection was hijacked.
func Written(c *fasthttp.RequestCtx) bool {
	r := &c.Response
	return r.StatusCode() != fasthttp.StatusOK || r.IsBodyStream() || len(r.Body()) > 0 || c.Hijacked()
}

// CloseUnread closes the connection after the response if a streamed body was
// not read to its end. Otherwise fasthttp would parse the rest as the next
// request.
func CloseUnread(c *fasthttp.RequestCtx) {
	if c.RequestBodyStream() != nil {
		c.SetConnectionClose()
	}
}
