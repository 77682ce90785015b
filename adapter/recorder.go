package adapter

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/hookonce/hookonce/core"
)

// Recorder passes a response through and records its status. [Exchange.Record]
// returns one. It works with [http.ResponseController] and implements
// [http.Flusher], [http.Hijacker] and [io.ReaderFrom]. http.Pusher and
// http.CloseNotifier are found only through Unwrap.
type Recorder struct {
	w      http.ResponseWriter
	status int
}

// Status returns the first final status. It is zero if nothing was written, and
// [core.Failed] if the connection was hijacked before a status was written. 1xx
// statuses are not final, except 101.
func (rec *Recorder) Status() int { return rec.status }

func (rec *Recorder) note(status int) {
	if rec.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		rec.status = status
	}
}

// Header implements http.ResponseWriter.
func (rec *Recorder) Header() http.Header { return rec.w.Header() }

// WriteHeader implements http.ResponseWriter.
func (rec *Recorder) WriteHeader(status int) {
	rec.note(status)
	rec.w.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (rec *Recorder) Write(p []byte) (int, error) {
	rec.note(http.StatusOK)
	return rec.w.Write(p)
}

// ReadFrom implements io.ReaderFrom, so that files are still sent with
// sendfile. If src fails before its first byte, nothing counts as written.
func (rec *Recorder) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(rec.w, src)
	if n > 0 {
		rec.note(http.StatusOK)
	}
	return n, err
}

// Flush implements http.Flusher.
func (rec *Recorder) Flush() { _ = rec.FlushError() }

// FlushError is what http.ResponseController calls.
func (rec *Recorder) FlushError() error {
	err := http.NewResponseController(rec.w).Flush()
	if !errors.Is(err, http.ErrNotSupported) {
		rec.note(http.StatusOK)
	}
	return err
}

// Hijack implements http.Hijacker. The recorder cannot see a response on the
// bare connection, so the handler counts as failed unless it had already
// written a 2xx status.
func (rec *Recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := http.NewResponseController(rec.w).Hijack()
	if err == nil && rec.status == 0 {
		rec.status = core.Failed
	}
	return conn, buf, err
}

// Unwrap is what http.ResponseController calls.
func (rec *Recorder) Unwrap() http.ResponseWriter { return rec.w }
