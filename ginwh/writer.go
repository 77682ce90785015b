package ginwh

import (
	"bufio"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/hookonce/hookonce/adapter"
	"github.com/hookonce/hookonce/core"
)

// writer wraps gin's writer. It also records a hijack, and a response that
// bypasses it through Unwrap. It hides informational statuses from gin, which
// mistakes a 1xx for the response and sends no other status after it.
type writer struct {
	gin.ResponseWriter

	past     *adapter.Recorder
	hijacked bool
	early    int // a 1xx that is not sent yet
}

// WriteHeader implements http.ResponseWriter as gin does: nothing is sent yet.
func (w *writer) WriteHeader(status int) {
	switch {
	case isInformational(status) && !w.Written():
		w.early = status
	case status > 0: // gin ignores other values
		w.early = 0
		w.ResponseWriter.WriteHeader(status)
	}
}

// sendEarly sends the informational status, if there is one, and reports
// whether there was one.
func (w *writer) sendEarly() bool {
	status := w.early
	if w.early = 0; status != 0 {
		w.past.WriteHeader(status)
	}
	return status != 0
}

// WriteHeaderNow implements gin.ResponseWriter.
func (w *writer) WriteHeaderNow() {
	if !w.sendEarly() {
		w.ResponseWriter.WriteHeaderNow()
	}
}

// Flush implements http.Flusher.
func (w *writer) Flush() {
	if !w.sendEarly() {
		w.ResponseWriter.Flush()
	}
}

// Write implements http.ResponseWriter.
func (w *writer) Write(p []byte) (int, error) {
	w.sendEarly()
	return w.ResponseWriter.Write(p)
}

// WriteString implements gin.ResponseWriter.
func (w *writer) WriteString(s string) (int, error) {
	w.sendEarly()
	return w.ResponseWriter.WriteString(s)
}

// Unwrap is what http.ResponseController calls.
func (w *writer) Unwrap() http.ResponseWriter { return w.past }

// Hijack implements http.Hijacker.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := w.ResponseWriter.Hijack()
	w.hijacked = w.hijacked || err == nil
	return conn, buf, err
}

// answered returns the status for [core.Delivery.Settle]. failed reports that
// the handlers added errors. An upstream middleware may render these errors if
// nothing is written.
func (w *writer) answered(failed bool) int {
	status, past := w.Status(), w.past.Status()
	switch {
	case w.hijacked, failed && !w.Written() && past == 0:
		return core.Failed
	case past != 0 && isSuccess(status):
		return past
	case isInformational(status), status == http.StatusOK && !w.Written():
		return 0 // gin reports 200 from the start, and keeps reporting an informational 103
	default:
		return status
	}
}

// unsent reports whether a status can still be set.
func (w *writer) unsent() bool { return !w.hijacked && !w.Written() && w.past.Status() == 0 }

// isInformational reports a 1xx status other than 101.
func isInformational(status int) bool {
	return 100 <= status && status <= 199 && status != http.StatusSwitchingProtocols
}

func isSuccess(status int) bool { return 200 <= status && status <= 299 }

// unwrap returns the writer that w wraps, or w itself if it wraps none.
func unwrap(w http.ResponseWriter) http.ResponseWriter {
	if u, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		return u.Unwrap()
	}
	return w
}
