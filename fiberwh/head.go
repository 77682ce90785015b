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
	var block strings.Builder // one for all; text that is in it never changes
	block.Grow(1 << 10)
	keep := func(b []byte) string {
		from := block.Len()
		block.Write(b)
		return block.String()[from:]
	}
	r := &core.Request{Method: keep(h.Method()), URL: keep(h.RequestURI()), Header: make(http.Header, 16)}
	single := make([]string, 0, 16)
	h.VisitAll(func(key, value []byte) {
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
	delete(r.Header, fiber.HeaderHost) // as in net/http: no header
	return r
}
