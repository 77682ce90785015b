// Package tiny stands for a framework that this module has no adapter for: its
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

// StatusError is an error that is rendered as this status.
type StatusError int

// Error implements error.
func (s StatusError) Error() string { return http.StatusText(int(s)) }

// App serves one handler behind its middlewares, outermost first.
type App struct {
	Handler Handler
	Use     []Middleware
	// Render answers an error. Nil: with its StatusError, or 500.
	Render func(w http.ResponseWriter, err error)
}

// ServeHTTP implements [http.Handler]. An error is rendered here, when all
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
