package nethttp

import (
	"io"
	"net/http"
	"path"
	"runtime"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// framework is a framework whose handlers return errors, or bypass the writer
// that a net/http middleware wraps.
type framework struct{ pkg, adapter, door string }

func frameworks() []framework {
	return []framework{
		{"github.com/gin-gonic/gin", "ginwh", "gin.WrapH"},
		{"github.com/labstack/echo/v4", "echowh", "echo.WrapHandler"},
		{"github.com/labstack/echo/v5", "echov5wh", "echo.WrapHandler"},
		{"github.com/gofiber/fiber/v2", "fiberwh", "adaptor.HTTPHandler"},
		{"github.com/gofiber/fiber/v3", "fiberv3wh", "adaptor.HTTPHandler"},
	}
}

// misplaced returns an error if the middleware wraps handlers of a framework.
// It looks for the nearest function of a framework on the stack. A door is
// allowed: it takes a net/http handler, and only the handler's response
// matters.
//
// Function names survive -trimpath, stripping and vendoring. A door that the
// compiler inlined has the name of its caller, but its own file.
func misplaced() error {
	var pcs [128]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		if isDoor(&frame) {
			return nil
		}
		for _, f := range frameworks() {
			if rest, found := strings.CutPrefix(frame.Function, f.pkg); found && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "/")) {
				return &core.Error{Reason: core.ErrMisconfigured, Detail: "nethttp.New is mounted around " + f.pkg + " handlers. It cannot see their " +
					"failures, so it would record failed messages as handled. Use " + f.adapter + ".New instead or, for a net/http handler, " + f.door +
					"(nethttp.New(v)(handler)), called once at startup"}
			}
		}
		if !more {
			return nil
		}
	}
}

func isDoor(frame *runtime.Frame) bool {
	for _, door := range [...][2]string{{".WrapH.", "utils.go"}, {".WrapF.", "utils.go"}, {".WrapHandler.", "echo.go"}, {".HTTPHandler.", "adaptor.go"}} {
		if strings.Contains(frame.Function, door[0]) && path.Base(frame.File) == door[1] {
			return true
		}
	}
	return false
}

// fromFramework reports whether w may be the writer of gin or echo. Only then
// is the stack inspected, which takes microseconds.
func fromFramework(w http.ResponseWriter) bool {
	for {
		switch w.(type) {
		case interface{ WriteHeaderNow() }, interface {
			Before(fn func())
			After(fn func())
		}:
			return true
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		w = u.Unwrap()
	}
}

// refusing returns r with a body that cannot be verified because of err.
func refusing(r *http.Request, err error) *http.Request {
	r2 := r.WithContext(r.Context())
	r2.Body = &refusedBody{ReadCloser: r.Body, err: err}
	if r.Body == nil {
		r2.Body = &refusedBody{ReadCloser: http.NoBody, err: err}
	}
	return r2
}

// refusedBody fails once, for the verifier. In report-only mode the handler
// runs nevertheless, and reads the body.
type refusedBody struct {
	io.ReadCloser

	err error
}

// Read implements io.Reader.
func (b *refusedBody) Read(p []byte) (int, error) {
	if err := b.err; err != nil {
		b.err = nil
		return 0, err
	}
	return b.ReadCloser.Read(p)
}
