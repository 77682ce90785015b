package fiberwh

import (
	"net/http"
	"net/textproto"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/hookonce/hookonce/core"
)

// request copies the head. fasthttp uses its memory for the next request on the connection, and what is made of this one
// (store keys, messages, events) is kept longer.
func request(h *fasthttp.RequestHeader) *core.Request {
	count, size := 0, len(h.Method())+len(h.RequestURI())
	h.VisitAll(func(key, value []byte) {
		if string(key) != fiber.HeaderHost {
			count++
		}
		size += len(key) + len(value)
	})
	var block strings.Builder // one for all; text that is in it never changes
	block.Grow(size)
	keep := func(b []byte) string {
		from := block.Len()
		block.Write(b)
		return block.String()[from:]
	}
	r := &core.Request{Method: keep(h.Method()), URL: keep(h.RequestURI()), Header: make(http.Header, count)}
	single := make([]string, 0, count)
	h.VisitAll(func(key, value []byte) {
		if string(key) == fiber.HeaderHost {
			return // as in net/http: no header
		}
		// Only changes keys under fiber.Config.DisableHeaderNormalizing.
		k, v := textproto.CanonicalMIMEHeaderKey(keep(key)), keep(value)
		if r.Header[k] != nil {
			r.Header[k] = append(r.Header[k], v)
			return
		}
		single = append(single, v)
		n := len(single)
		r.Header[k] = single[n-1 : n : n]
	})
	delete(r.Header, fiber.HeaderHost) // one that only changed now
	return r
}
