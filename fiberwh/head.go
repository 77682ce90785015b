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

// head is the request as core sees it. Its text is a copy, because fasthttp uses its own memory for the next request on the connection, and
// what is made of this one (store keys, messages, events) is kept longer. Map and slices are used again for another request: nobody may keep those.
//
// Requests of one sender have the same header lines in the same order, so the map of the last one is most often that of this one.
type head struct {
	core.Request

	body   body
	keys   []string // of the last request's lines, as fasthttp gave them; none if that cannot be repeated
	values []string // of each line: what stands in Header, without a copy
	size   int      // of the last request's text
}

var heads = sync.Pool{New: func() any { return new(head) }} //nolint:gochecknoglobals // a pool is no state

func newHead(h *fasthttp.RequestHeader) *head {
	r, _ := heads.Get().(*head)
	if lines, same := r.refill(h); !same {
		r.fill(h, lines)
	}
	return r
}

// keepLines bounds what is kept of a request for the next one.
const keepLines = 64

func (r *head) release() {
	if r.reset(); len(r.values) <= keepLines {
		heads.Put(r)
	}
}

// reset lets go of what belongs to the request.
func (r *head) reset() {
	clear(r.values)
	if len(r.keys) == 0 {
		clear(r.Header)
	}
	r.Request, r.body = core.Request{Header: r.Header}, body{}
}

// text collects copies in one block. What is in it never changes.
type text struct{ strings.Builder }

func (t *text) keep(b []byte) string {
	from := t.Len()
	t.Write(b)
	return t.String()[from:]
}

// refill sets the values of a head that has the lines of the last one, and says how many lines there are and whether it has.
func (r *head) refill(h *fasthttp.RequestHeader) (lines int, same bool) {
	var t text
	t.Grow(r.size)
	r.Method, r.URL = t.keep(h.Method()), t.keep(h.RequestURI())
	same = true
	h.VisitAll(func(key, value []byte) {
		if same = same && lines < len(r.keys) && string(key) == r.keys[lines]; same {
			r.values[lines] = t.keep(value)
		}
		lines++
	})
	r.size = t.Len()
	return lines, same && lines == len(r.keys)
}

// fill makes the map anew.
func (r *head) fill(h *fasthttp.RequestHeader, lines int) {
	if r.Header == nil {
		r.Header = make(http.Header, lines)
	}
	clear(r.Header)
	if cap(r.values) < lines {
		r.keys, r.values = make([]string, 0, lines), make([]string, 0, lines)
	}
	r.keys, r.values = r.keys[:0], r.values[:0]
	repeated := false
	var t text
	t.Grow(2 * r.size)
	r.Method, r.URL = t.keep(h.Method()), t.keep(h.RequestURI())
	h.VisitAll(func(key, value []byte) {
		r.keys, r.values = append(r.keys, t.keep(key)), append(r.values, t.keep(value))
		n := len(r.keys)
		// Only changes keys under fiber.Config.DisableHeaderNormalizing.
		k := textproto.CanonicalMIMEHeaderKey(r.keys[n-1])
		switch {
		case k == fiber.HeaderHost: // as in net/http: no header
		case r.Header[k] != nil:
			repeated = true
			r.Header[k] = append(r.Header[k], r.values[n-1])
		default:
			r.Header[k] = r.values[n-1 : n : n]
		}
	})
	r.size = t.Len()
	if repeated {
		r.keys = r.keys[:0] // a line that is not in its place in values
	}
}
