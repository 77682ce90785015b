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
// another request: a scheme may change what is in them, and must not keep them.
type head struct {
	core.Request

	body   body
	header http.Header // what Header is; a scheme may have put another one there
	values []string    // of each line: what stands in header
	size   int         // of the last request's text

	// Of the last request's lines: the key as fasthttp gave it, and in canonical form. Those of one sender have the same keys in the same order.
	keys, names []string
	filed       bool // header was made of names and, after reset, is intact: another request with these keys is in it once its values are
}

var heads = sync.Pool{New: func() any { return &head{header: make(http.Header)} }} //nolint:gochecknoglobals // a pool is no state

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
	if r.filed = r.filed && r.intact(); !r.filed {
		clear(r.header)
	}
	clear(r.values)
	r.Request, r.body, r.values = core.Request{}, body{}, r.values[:0]
}

// intact reports whether each of the names, and nothing else, has its place in values: none was repeated, and nobody took, added or replaced one.
func (r *head) intact() bool {
	expected := 0
	for i, name := range r.names {
		if name == fiber.HeaderHost {
			continue
		}
		expected++
		if v := r.header[name]; len(v) != 1 || &v[0] != &r.values[i] {
			return false
		}
	}
	return len(r.header) == expected
}

func (r *head) fill(h *fasthttp.RequestHeader) {
	var text strings.Builder // one for all; what is in it never changes
	text.Grow(r.size)
	keep := func(b []byte) string {
		from := text.Len()
		text.Write(b)
		return text.String()[from:]
	}
	r.Method, r.URL, r.Host = keep(h.Method()), keep(h.RequestURI()), keep(h.Host())
	h.VisitAll(func(key, value []byte) {
		i := len(r.values)
		if i == len(r.keys) || r.keys[i] != string(key) {
			r.filed = false
			k := string(key)
			// Only changes keys under fiber.Config.DisableHeaderNormalizing.
			r.keys, r.names = append(r.keys[:i], k), append(r.names[:i], textproto.CanonicalMIMEHeaderKey(k))
		}
		r.values = append(r.values, keep(value))
	})
	r.size = text.Len()
	if lines := len(r.values); !r.filed || lines < len(r.keys) {
		r.keys, r.names = r.keys[:lines], r.names[:lines]
		r.file()
	}
	r.Header = r.header
}

// file makes header of names and values.
func (r *head) file() {
	clear(r.header)
	r.filed = true
	for i, name := range r.names {
		if name == fiber.HeaderHost { // as in net/http: no header
			continue
		}
		if others, ok := r.header[name]; ok {
			r.header[name] = append(others, r.values[i])
		} else {
			r.header[name] = r.values[i : i+1 : i+1]
		}
	}
}
