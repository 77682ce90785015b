package fiberwh

import (
	"net/http"
	"net/textproto"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/hookonce/hookonce/core"
)

// head is the request as core sees it, until it is answered or handled. Its text is a copy, because fasthttp uses its own memory for the next
// request on the connection, and what is made of this one (store keys, messages, events) is kept longer. Map and slices are used again for
// another request, empty: a scheme may change what is in them, and must not keep them.
type head struct {
	core.Request

	body   body
	values []string // of each line: what stands in Header
	size   int      // of the last request's text

	// Of the last request's lines: the key as fasthttp gave it, and in canonical form. Those of one sender have the same keys in the same order.
	keys, names []string
	repeated    bool // two of the names are the same
}

var heads = sync.Pool{New: func() any { return &head{Request: core.Request{Header: make(http.Header)}} }} //nolint:gochecknoglobals // a pool is no state

func newHead(h *fasthttp.RequestHeader) *head {
	r, _ := heads.Get().(*head)
	r.fill(h)
	return r
}

// keepLines bounds what is kept for the next request.
const keepLines = 64

// release is not to be called when somebody has panicked: he may not be done with it.
func (r *head) release() {
	if r.reset(); len(r.keys) <= keepLines {
		heads.Put(r)
	}
}

// reset lets go of all that belongs to the request.
func (r *head) reset() {
	clear(r.Header)
	clear(r.values)
	r.Request, r.body, r.values = core.Request{Header: r.Header}, body{}, r.values[:0]
}

func (r *head) fill(h *fasthttp.RequestHeader) {
	var text strings.Builder // one for all; what is in it never changes
	text.Grow(r.size)
	keep := func(b []byte) string {
		from := text.Len()
		text.Write(b)
		return text.String()[from:]
	}
	r.Method, r.URL = keep(h.Method()), keep(h.RequestURI())
	lines, distinct := 0, !r.repeated // as long as the keys are the last request's, no name was there before
	r.repeated = false
	h.VisitAll(func(key, value []byte) {
		if lines == len(r.keys) || r.keys[lines] != string(key) {
			distinct = false
			k := string(key)
			// Only changes keys under fiber.Config.DisableHeaderNormalizing.
			r.keys, r.names = append(r.keys[:lines], k), append(r.names[:lines], textproto.CanonicalMIMEHeaderKey(k))
		}
		name := r.names[lines]
		lines++
		r.values = append(r.values, keep(value))
		if name == fiber.HeaderHost { // as in net/http: no header
			return
		}
		if !distinct {
			if others, ok := r.Header[name]; ok {
				r.Header[name], r.repeated = append(others, r.values[lines-1]), true
				return
			}
		}
		r.Header[name] = r.values[lines-1 : lines : lines]
	})
	r.keys, r.names, r.size = r.keys[:lines], r.names[:lines], text.Len()
}
