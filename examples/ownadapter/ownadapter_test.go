package ownadapter_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/examples/ownadapter"      //nolint:depguard // the test of this very package
	"github.com/hookonce/hookonce/examples/ownadapter/tiny" //nolint:depguard // and its framework
	"github.com/hookonce/hookonce/whtest"
)

func TestAdapterKeepsTheContract(t *testing.T) {
	t.Parallel()
	whtest.TestAdapter(t, whtest.Adapter{HandlerErrors: true, Serve: serve})
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
	s := httptest.NewUnstartedServer(app)
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
				err = tiny.Status(http.StatusInternalServerError)
			}
		}()
		return next(c)
	}
}

// call is a run of a handler in the suite's terms.
func call(c *tiny.Ctx) *whtest.AdapterCall {
	return &whtest.AdapterCall{
		Context: c.Request.Context(), Message: ownadapter.Message(c),
		Bodies: map[string]func() ([]byte, error){
			"io.ReadAll": func() ([]byte, error) { return io.ReadAll(c.Request.Body) },
		},
		Status: c.Writer.WriteHeader,
		Write:  func(p []byte) { _, _ = c.Writer.Write(p) },
		Flush:  func() { _ = http.NewResponseController(c.Writer).Flush() },
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
