package ginwh

import (
	"bufio"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/httpwh"
)

// writer is gin's, and notices what that does not tell: a hijack, and an answer written past it, through Unwrap.
type writer struct {
	gin.ResponseWriter

	past     *httpwh.Recorder
	hijacked bool
}

// Unwrap is what http.ResponseController calls.
func (w *writer) Unwrap() http.ResponseWriter { return w.past }

// Hijack implements http.Hijacker.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := w.ResponseWriter.Hijack()
	w.hijacked = w.hijacked || err == nil
	return conn, buf, err
}

// answered is the status for [core.Delivery.Settle]. failed says that the handlers reported errors, which something
// outside may turn into an answer as long as there is none.
func (w *writer) answered(failed bool) int {
	status, past := w.Status(), w.past.Status()
	switch {
	case w.hijacked, failed && !w.Written() && past == 0:
		return core.Failed
	case past != 0 && isSuccess(status):
		return past
	case status < 200 && status != http.StatusSwitchingProtocols, status == http.StatusOK && !w.Written():
		return 0 // gin shows 200 from the start, and keeps showing a 103 that was only information
	default:
		return status
	}
}

func isSuccess(status int) bool { return 200 <= status && status <= 299 }

// unwrap is what w writes to, or w itself if it does not tell.
func unwrap(w http.ResponseWriter) http.ResponseWriter {
	if u, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		return u.Unwrap()
	}
	return w
}
