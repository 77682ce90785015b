// Package fibertest is the shared code of the tests of fiberwh and fiberv3wh.
// Only tests import it.
package fibertest

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/internal/testmode"
	"github.com/hookonce/hookonce/whtest"
)

// Mount starts an application for the suite, with or without StreamRequestBody,
// and returns its address.
type Mount func(tb testing.TB, m whtest.AdapterMount, streaming bool) (address string)

// TestSuite holds the adapter to [whtest.TestAdapter], in each application of
// mounts.
func TestSuite(t *testing.T, mounts map[string]Mount) {
	t.Parallel()
	for name, mount := range mounts {
		for _, streaming := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, StreamRequestBody %v", name, streaming), func(t *testing.T) {
				t.Parallel()
				whtest.TestAdapter(t, whtest.Adapter{
					Serve:        func(t testing.TB, m whtest.AdapterMount) string { return mount(t, m, streaming) },
					SilenceIs200: true, ServerReadsBody: true, HandlerErrors: true, Hijacks: true, PanicEndsProcess: true, Dispatches: true,
				})
			})
		}
	}
}

// TestAllocations keeps the cost known: the delivery is core's, the copies of
// the headers and of the body are the adapter's.
func TestAllocations(t *testing.T, route func(tb testing.TB, size int) func()) {
	testmode.Count(t)
	const budget = 3
	if got := adaptertest.Allocations(route(t, 1<<10)); got > budget {
		t.Errorf("%v allocations for a message of 1 KiB, want at most %d", got, budget)
	}
}

// Run serves ln until the test ends, and returns the address of /hook.
func Run(tb testing.TB, ln net.Listener, serve func(net.Listener) error, shutdown func() error) (target string) {
	tb.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = serve(ln)
	}()
	tb.Cleanup(func() {
		_ = shutdown()
		<-done
	})
	return "http://" + ln.Addr().String() + "/hook"
}

// RunOn serves the application whose server and handler these are without
// fiber's Listener, which prints a banner and forks under Prefork. It returns
// the address of /hook.
func RunOn(tb testing.TB, app *fasthttp.Server, handler fasthttp.RequestHandler, ln net.Listener) (target string) {
	tb.Helper()
	s := &fasthttp.Server{ // these are the fields that count here
		Handler: handler, StreamRequestBody: app.StreamRequestBody, MaxRequestBodySize: app.MaxRequestBodySize, ReadTimeout: app.ReadTimeout,
		DisablePreParseMultipartForm: app.DisablePreParseMultipartForm, DisableHeaderNamesNormalizing: app.DisableHeaderNamesNormalizing,
		ErrorHandler: app.ErrorHandler, Logger: adaptertest.Quiet(),
	}
	return Run(tb, ln, s.Serve, s.Shutdown)
}

// Lingering is a listener whose connections linger on Close, as those of the
// package's Listener do.
type Lingering struct{ net.Listener }

// Accept implements net.Listener.
func (l Lingering) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		return lingeringConn{tcp}, err
	}
	return c, err
}

type lingeringConn struct{ *net.TCPConn }

func (c lingeringConn) Close() error {
	_ = c.CloseWrite()
	_ = c.SetReadDeadline(time.Now().Add(600 * time.Millisecond))
	_, _ = io.Copy(io.Discard, c.TCPConn)
	return c.TCPConn.Close()
}
