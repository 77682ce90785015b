package whtest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// adapterRun is a running case. It reports failures through TB.
type adapterRun struct {
	testing.TB

	adapter  Adapter
	patience time.Duration // how long an immediate effect may take
}

// endpoint is a running server with an adapter, and the sender for that server.
type endpoint struct {
	t      *adapterRun
	url    string
	store  *suiteStore
	secret string
	signer *core.Signer
	client *http.Client
	runs   atomic.Int64 // of the handler
	mu     sync.Mutex   // see fence
	said   atomic.Pointer[core.Event]
}

// fence orders what a case and its handler do in sequence. The race detector
// cannot see an order that comes from the network.
func (e *endpoint) fence() {
	e.mu.Lock()
	e.mu.Unlock() //nolint:staticcheck // the locking itself is the purpose
}

// handle is a handler of the suite.
type handle func(*AdapterCall) error

// answerWith returns a handler that responds with status.
func answerWith(status int) handle {
	return func(c *AdapterCall) error {
		c.Status(status)
		return nil
	}
}

// serve mounts the adapter. A nil config means the default. mount may change
// how the adapter is mounted.
func (t *adapterRun) serve(config *core.Config, h handle, mount ...func(*AdapterMount)) *endpoint {
	t.Helper()
	secret := core.GenerateSecret()
	return t.serveKeys(core.Secrets(secret), secret, config, h, mount...)
}

func (t *adapterRun) serveKeys(keys core.KeySource, secret string, config *core.Config, h handle, mount ...func(*AdapterMount)) *endpoint {
	t.Helper()
	e := &endpoint{t: t, store: new(suiteStore), secret: secret, signer: t.newSigner(secret)}
	v, err := core.New(keys, e.store, e.observing(config))
	if err != nil {
		t.Fatalf("the suite's own configuration: %v", err)
	}
	m := AdapterMount{Verifier: v, Handler: func(c *AdapterCall) error {
		e.fence()
		defer e.fence()
		e.runs.Add(1)
		return h(c)
	}}
	for _, f := range mount {
		f(&m)
	}
	e.url = t.adapter.Serve(t, m)
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	e.client = &http.Client{
		Transport: transport, Timeout: 4 * t.patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return e
}

// observing returns config with an observer that keeps the last event, which is
// printed if a case fails.
func (e *endpoint) observing(config *core.Config) *core.Config {
	var c core.Config
	if config != nil {
		c = *config
	}
	if c.Lease == 0 {
		c.StoreTimeout = cmp.Or(c.StoreTimeout, 4*e.t.patience) // the store responds at once, but a busy machine does not
	}
	observe := c.Observe
	c.Observe = func(ctx context.Context, ev core.Event) {
		e.said.Store(&ev)
		if observe != nil {
			observe(ctx, ev)
		}
	}
	return &c
}

// verdict describes core's last verdict.
func (e *endpoint) verdict() string {
	switch ev := e.said.Load(); {
	case ev == nil:
		return "core was not called"
	case ev.Err != nil:
		return "core reported: " + ev.Err.Error()
	default:
		return "core reported: " + string(ev.Reason)
	}
}

func (t *adapterRun) newSigner(secrets ...string) *core.Signer {
	t.Helper()
	s, err := core.NewSigner(secrets...)
	if err != nil {
		t.Fatalf("the suite's own signer: %v", err)
	}
	return s
}

// attempt is a request of the suite.
type attempt struct {
	host    string // default: the server's
	path    string // with a query
	header  http.Header
	body    []byte
	chunked bool
}

// sign returns a signed attempt with this body. Attempts of one message differ
// in seconds. Larger seconds are newer.
func (e *endpoint) sign(id string, seconds int, body string) *attempt {
	e.t.Helper()
	a := &attempt{path: "/hook", header: make(http.Header), body: []byte(body)}
	at := time.Now().Add(time.Duration(seconds) * time.Second) //nolint:forbidigo // the servers under test run on real time
	if err := e.signer.Sign(a.header, id, at, a.body); err != nil {
		e.t.Fatalf("the suite's own signature: %v", err)
	}
	a.header.Set("Content-Type", "application/json")
	return a
}

// answered is the response that the sender got. A broken connection has status
// 0.
type answered struct {
	status int
	header http.Header
	body   string
	closed bool
	err    error
}

func (e *endpoint) send(a *attempt) answered { return e.sendWith(context.Background(), a) }

func (e *endpoint) sendWith(ctx context.Context, a *attempt) answered {
	e.fence()
	defer e.fence()
	var body io.Reader = bytes.NewReader(a.body)
	if a.chunked {
		body = struct{ io.Reader }{body}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url+a.path, body)
	if err != nil {
		return answered{err: err}
	}
	maps.Copy(req.Header, a.header)
	req.Host = a.host
	resp, err := e.client.Do(req)
	if err != nil {
		return answered{err: err}
	}
	return read(resp)
}

func read(resp *http.Response) answered {
	defer resp.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answered{err: err}
	}
	return answered{status: resp.StatusCode, header: resp.Header, body: string(body), closed: resp.Close}
}

// raw sends bytes on a separate connection and returns the response. If half is
// true, it closes our side after sending.
func (e *endpoint) raw(text string, half bool) (answered, time.Duration) {
	e.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", strings.TrimPrefix(e.url, "http://"))
	if err != nil {
		e.t.Fatalf("dialing: %v", err)
	}
	defer conn.Close()                                     //nolint:errcheck // it is over
	_ = conn.SetDeadline(time.Now().Add(2 * e.t.patience)) //nolint:forbidigo // a deadline of I/O
	start := time.Now()                                    //nolint:forbidigo // measures real I/O
	if _, err := io.WriteString(conn, text); err != nil {
		return answered{err: err}, 0
	}
	if tcp, ok := conn.(*net.TCPConn); ok && half {
		_ = tcp.CloseWrite()
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	took := time.Since(start)
	if err != nil {
		return answered{err: err}, took
	}
	return read(resp), took
}

// names sends bytes, reads until the server closes, and returns the names of
// the response's headers in their order on the wire.
func (e *endpoint) names(text string) (names []string) {
	e.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", strings.TrimPrefix(e.url, "http://"))
	if err != nil {
		e.t.Fatalf("dialing: %v", err)
	}
	defer conn.Close()                                     //nolint:errcheck // it is over
	_ = conn.SetDeadline(time.Now().Add(2 * e.t.patience)) //nolint:forbidigo // a deadline of I/O
	_, _ = io.WriteString(conn, text)                      // a failure shows below
	got, err := io.ReadAll(conn)
	if err != nil {
		e.t.Fatalf("reading a response: %v", err)
	}
	head, _, _ := strings.Cut(string(got), "\r\n\r\n")
	for _, line := range strings.Split(head, "\r\n")[1:] {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, name)
	}
	return names
}

// pipeline sends text and, after a pause, one more attempt on the same
// connection. The responses must have these statuses.
func (e *endpoint) pipeline(text string, pause time.Duration, last *attempt, statuses ...int) {
	e.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", strings.TrimPrefix(e.url, "http://"))
	if err != nil {
		e.t.Fatalf("dialing: %v", err)
	}
	defer conn.Close()                                     //nolint:errcheck // it is over
	_ = conn.SetDeadline(time.Now().Add(2 * e.t.patience)) //nolint:forbidigo // a deadline of I/O
	_, _ = io.WriteString(conn, text)                      // a failure shows below
	r := bufio.NewReader(conn)
	for i, status := range statuses {
		if i == len(statuses)-1 {
			time.Sleep(pause)
			_ = conn.SetDeadline(time.Now().Add(2 * e.t.patience)) //nolint:forbidigo // a deadline of I/O
			_, _ = io.WriteString(conn, last.head(fmt.Sprintf("Content-Length: %d\r\n", len(last.body)))+string(last.body))
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			e.t.Fatalf("response %d on one connection: %v", i+1, err)
		}
		e.want(fmt.Sprintf("answer %d on one connection", i+1), read(resp), status)
	}
}

// head is the text of a request up to its body, with the given framing header.
func (a *attempt) head(framing string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: localhost\r\n%s", a.path, framing)
	_ = a.header.Write(&b)
	b.WriteString("\r\n")
	return b.String()
}

// want complains unless the response to an attempt has this status.
func (e *endpoint) want(what string, got answered, status int) {
	e.t.Helper()
	switch {
	case got.status == status:
	case got.err != nil:
		e.t.Errorf("%s: no response (%v), want %d; %s", what, got.err, status, e.verdict())
	default:
		e.t.Errorf("%s: status %d, want %d; %s", what, got.status, status, e.verdict())
	}
}

// writeFirst sends all of an attempt before it reads.
func (e *endpoint) writeFirst(a *attempt) answered {
	e.t.Helper()
	got, _ := e.raw(a.head(fmt.Sprintf("Content-Length: %d\r\n", len(a.body)))+string(a.body), false)
	return got
}

// wantRead complains unless each of twelve attempts can read its refusal. A
// server waits a fraction of a second before it closes the connection, and a
// busy machine may take longer. So there are a few rounds, and one good round
// is enough. An adapter that resets its connections has no good round.
func (e *endpoint) wantRead(what string, attempt func() answered) {
	e.t.Helper()
	const rounds, attempts = 4, 12
	var read int
	var lost error
	for range rounds {
		if read, lost = refusalsRead(attempts, attempt); read == attempts {
			return
		}
	}
	e.t.Errorf("%s: the refusal of a 4 MiB body was read in %d of %d attempts, want all (%v). Send the refusal, and read what still arrives for about "+
		"half a second before you close the connection. If the server itself refuses, its listener must do so", what, read, attempts, lost)
}

// refusalsRead makes attempts, a few at once, and counts those that read a
// refusal. lost is the error of an attempt that did not.
func refusalsRead(attempts int, attempt func() answered) (read int, lost error) {
	const atOnce = 3
	results := make(chan answered, attempts)
	for range atOnce {
		go func() {
			for range attempts / atOnce {
				results <- attempt()
			}
		}()
	}
	for range attempts {
		if got := <-results; got.status == http.StatusRequestEntityTooLarge || got.status == http.StatusTeapot { // the status of the Deny function
			read++
		} else {
			lost = cmp.Or(got.err, fmt.Errorf("status %d", got.status))
		}
	}
	return read, lost
}

// wantProblem checks a refusal byte by byte.
func (e *endpoint) wantProblem(what string, got answered, status int, kind string) {
	e.t.Helper()
	e.want(what, got, status)
	body := fmt.Sprintf(`{"type":"urn:hookonce:%s","title":"%s","status":%d}`+"\n", kind, http.StatusText(status), status)
	if got.body != body {
		e.t.Errorf("%s: the body is %q, want %q", what, got.body, body)
	}
	if ct := got.header.Get("Content-Type"); ct != "application/problem+json" {
		e.t.Errorf("%s: Content-Type is %q, want application/problem+json", what, ct)
	}
	for name, value := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"} {
		if got.header.Get(name) != value {
			e.t.Errorf("%s: %s is %q, want %q: write every header of the response", what, name, got.header.Get(name), value)
		}
	}
	if after := got.header.Get("Retry-After"); (after != "") != (status == http.StatusServiceUnavailable) {
		e.t.Errorf("%s: Retry-After is %q with status %d", what, after, status)
	}
	if (status == http.StatusRequestEntityTooLarge || status == http.StatusRequestTimeout) && !got.closed {
		e.t.Errorf("%s: the connection stayed open after status %d", what, status)
	}
}

// wantAcknowledged checks the response to a message that was handled before.
func (e *endpoint) wantAcknowledged(what string, got answered, status int) {
	e.t.Helper()
	e.want(what, got, status)
	if got.header.Get(core.RedeliveryHeader) != "acknowledged" {
		e.t.Errorf("%s: %s is %q, want acknowledged", what, core.RedeliveryHeader, got.header.Get(core.RedeliveryHeader))
	}
}

// wantRuns complains unless the handler was called n times in total.
func (e *endpoint) wantRuns(n int64) {
	e.t.Helper()
	if got := e.runs.Load(); got != n {
		e.t.Errorf("the handler ran %d times, want %d", got, n)
	}
}

// wantUntouched complains if the store was called.
func (e *endpoint) wantUntouched() {
	e.t.Helper()
	if n := e.store.visits(); n != 0 {
		e.t.Errorf("refused requests called the store %d times, want 0: otherwise anybody could fill the store", n)
	}
}

// settled waits until the message has this state.
func (e *endpoint) settled(state core.State) {
	e.t.Helper()
	deadline := time.Now().Add(e.t.patience) //nolint:forbidigo // the settling may follow the answer
	for e.store.states()[state] == 0 {
		if time.Now().After(deadline) { //nolint:forbidigo // see above
			e.t.Errorf("the store has %v, want one message %v", e.store.states(), state)
			return
		}
		time.Sleep(time.Millisecond)
	}
}

var errSuite = errors.New("reported by the handler")
