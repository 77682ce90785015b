// Package tiny stands for a framework for which this module has no adapter. Its
// handlers share a context and return errors.
package tiny

import (
	"errors"
	"net/http"
	"slices"
)

// Ctx is one request.
type Ctx struct {
	Writer  http.ResponseWriter
	Request *http.Request
}

// Handler handles a request, or returns an error for the app to render.
type Handler func(c *Ctx) error

// Middleware wraps handlers.
type Middleware func(next Handler) Handler

// StatusError is an error that is rendered with this status.
type StatusError int

// Error implements error.
func (s StatusError) Error() string { return http.StatusText(int(s)) }

// App serves one handler, wrapped in middlewares, outermost first.
type App struct {
	Handler Handler
	Use     []Middleware
	// Render responds to an error. Nil: the response has the status of the
	// StatusError, or 500.
	Render func(w http.ResponseWriter, err error)
}

// ServeHTTP implements [http.Handler]. It renders an error after all
// middlewares have returned.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := a.Handler
	for _, middleware := range slices.Backward(a.Use) {
		h = middleware(h)
	}
	switch err := h(&Ctx{w, r}); {
	case err == nil:
	case a.Render != nil:
		a.Render(w, err)
	default:
		status := StatusError(http.StatusInternalServerError)
		errors.As(err, &status)
		http.Error(w, status.Error(), int(status))
	}
}
