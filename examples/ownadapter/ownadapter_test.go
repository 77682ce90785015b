package ownadapter_test

import (
	"context"
	"errors"
	"io"
	"log"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/examples/ownadapter"
	"github.com/hookonce/hookonce/examples/ownadapter/tiny"
	"github.com/hookonce/hookonce/whtest"
)

func TestAdapterKeepsTheContract(t *testing.T) {
	t.Parallel()
	whtest.TestAdapter(t, whtest.Adapter{Serve: serve, HandlerErrors: true, EarlyHints: true, TemporaryFiles: true})
}

// serve mounts the adapter as the suite asks for.
func serve(t testing.TB, m whtest.AdapterMount) string {
	t.Helper()
	var opts []ownadapter.Option
	if m.Deny {
		opts = append(opts, ownadapter.Deny(func(c *tiny.Ctx, err *core.Error) error {
			http.Error(c.Writer, "denied: "+string(err.Reason), http.StatusTeapot)
			return nil
		}))
	}
	app := &tiny.App{Handler: func(c *tiny.Ctx) error { return m.Handler(call(c)) }}
	if m.Log != nil {
		app.Use = append(app.Use, logger(m.Log))
	}
	if m.Timeout > 0 {
		app.Use = append(app.Use, timeout(m.Timeout))
	}
	if m.RecoverOutside {
		app.Use = append(app.Use, recoverer)
	}
	app.Use = append(app.Use, ownadapter.New(m.Verifier, opts...))
	if m.Twice {
		app.Use = append(app.Use, ownadapter.New(m.Verifier))
	}
	if m.RecoverInside {
		app.Use = append(app.Use, recoverer)
	}
	if m.ErrorsAsSuccess {
		app.Render = func(w http.ResponseWriter, _ error) { w.WriteHeader(http.StatusOK) }
	}
	var h http.Handler = app
	if m.BodyLimit > 0 {
		h = http.MaxBytesHandler(h, m.BodyLimit)
	}
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

// recoverer is the framework's recover middleware.
func recoverer(next tiny.Handler) tiny.Handler {
	return func(c *tiny.Ctx) (err error) {
		defer func() {
			if recover() != nil {
				err = tiny.StatusError(http.StatusInternalServerError)
			}
		}()
		return next(c)
	}
}

// timeout is the framework's timeout middleware.
func timeout(d time.Duration) tiny.Middleware {
	return func(next tiny.Handler) tiny.Handler {
		return func(c *tiny.Ctx) error {
			ctx, cancel := context.WithTimeout(c.Request.Context(), d)
			defer cancel()
			c.Request = c.Request.WithContext(ctx)
			if err := next(c); !errors.Is(err, context.DeadlineExceeded) {
				return err
			}
			return tiny.StatusError(http.StatusServiceUnavailable)
		}
	}
}

// logger is what a logger of the framework does.
func logger(log func(status int)) tiny.Middleware {
	return func(next tiny.Handler) tiny.Handler {
		return func(c *tiny.Ctx) error {
			w := &statusWriter{ResponseWriter: c.Writer}
			c.Writer = w
			err := next(c)
			log(w.status)
			return err
		}
	}
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// call is a run of a handler in the suite's terms.
func call(c *tiny.Ctx) *whtest.AdapterCall {
	return &whtest.AdapterCall{
		Context: c.Request.Context(), Message: ownadapter.Message(c),
		Bodies: map[string]func() ([]byte, error){
			"io.ReadAll": func() ([]byte, error) { return io.ReadAll(c.Request.Body) },
		},
		Status:     c.Writer.WriteHeader,
		Write:      func(p []byte) { _, _ = c.Writer.Write(p) },
		Flush:      func() { _ = http.NewResponseController(c.Writer).Flush() },
		EarlyHints: func() { c.Writer.WriteHeader(http.StatusEarlyHints) },
		Form: func() (*multipart.Form, error) {
			c.Request = c.Request.WithContext(c.Request.Context()) // as timeout does
			err := c.Request.ParseMultipartForm(1)
			return c.Request.MultipartForm, err
		},
	}
}

// TestDocumentShowsTheAdapter compares the file with the block in the document, which
// promises 60 lines: of code, without imports, comments and blank lines.
func TestDocumentShowsTheAdapter(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("ownadapter.go")
	if err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile("../../docs/writing-an-adapter.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(document), "```go\n"+string(source)+"```\n") {
		t.Error("docs/writing-an-adapter.md does not show examples/ownadapter/ownadapter.go as it is: copy it there")
	}
	_, code, found := strings.Cut(string(source), "\n)\n")
	if !found {
		t.Fatal("no imports found: has the form of the file changed?")
	}
	lines := 0
	for line := range strings.Lines(code) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			lines++
		}
	}
	if lines > 60 {
		t.Errorf("%d lines of code, more than 60", lines)
	}
}
