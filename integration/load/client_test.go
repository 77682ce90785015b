package load_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/load/endpoint"
	"github.com/hookonce/hookonce/schemes"
)

// limit is how long a server may take to end a connection.
const limit = 20 * time.Second

// outcomes counts the outcomes of each kind of request and connection.
type outcomes struct {
	mu sync.Mutex
	of map[string]map[string]int
}

func (o *outcomes) add(kind, outcome string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.of == nil {
		o.of = make(map[string]map[string]int)
	}
	if o.of[kind] == nil {
		o.of[kind] = make(map[string]int)
	}
	o.of[kind][outcome]++
}

// dial connects from one of a hundred local addresses. The ports of a single one would run out.
func dial(addr string, i int) (*net.TCPConn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%100))}, Timeout: limit}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	tcp, _ := c.(*net.TCPConn)
	return tcp, tcp.SetDeadline(time.Now().Add(limit))
}

// request returns the text of a request.
func request(line string, h http.Header, length string, body []byte) []byte {
	b := []byte(line + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n")
	for name, values := range h {
		for _, v := range values {
			b = append(b, name+": "+v+"\r\n"...)
		}
	}
	return append(append(b, length+"\r\n\r\n"...), body...)
}

func lengthOf(body []byte) string { return "Content-Length: " + strconv.Itoa(len(body)) }

// signed returns the headers of a genuine message.
func signed(signer *core.Signer, id string, at time.Time, body []byte) http.Header {
	h := make(http.Header, 3)
	if err := signer.Sign(h, id, at, body); err != nil {
		panic(err)
	}
	return h
}

// sender is a connection that carries honest and dishonest messages.
type sender struct {
	addr   string
	i      int
	signer *core.Signer
	conn   *net.TCPConn
	in     *bufio.Reader
	last   genuine
}

// genuine is a message, with the timestamp of its last attempt.
type genuine struct {
	id, path string
	at       time.Time
	body     []byte
}

// message is a kind of request, and the status that it must get.
type message struct {
	name  string
	share int // of a hundred: together they are a hundred
	want  string
	build func(s *sender) []byte
}

// messages returns the kinds of messages that are sent, with their shares.
func messages() []message {
	padding := strings.Repeat("x", 500)
	hook := func(s *sender, change func(h http.Header)) []byte {
		body := fmt.Appendf(nil, `{"pad":%q}`, padding)
		h := signed(s.signer, core.NewID(), time.Now(), body)
		change(h)
		return request("POST /hook/tenant-1", h, lengthOf(body), body)
	}
	return []message{
		{"good", 50, "200", func(s *sender) []byte {
			s.last = genuine{core.NewID(), "/hook/tenant-" + strconv.Itoa(s.i%endpoint.Tenants), time.Now(), fmt.Appendf(nil, `{"pad":%q}`, padding)}
			return s.again()
		}},
		{"redelivery", 10, "200 acknowledged", func(s *sender) []byte {
			s.last.at = s.last.at.Add(time.Second) // they count seconds
			return s.again()
		}},
		{"replay", 4, "409", func(s *sender) []byte { return s.again() }},
		{"failing", 4, "500", func(s *sender) []byte {
			body := []byte(endpoint.Failing)
			return request("POST /hook/tenant-2", signed(s.signer, core.NewID(), time.Now(), body), lengthOf(body), body)
		}},
		{"wrong signature", 8, "401", func(s *sender) []byte {
			return hook(s, func(h http.Header) { h.Set("Webhook-Signature", "v1,"+strings.Repeat("A", 43)+"=") })
		}},
		{"oversized", 4, "413", func(s *sender) []byte {
			body := bytes.Repeat([]byte("x"), endpoint.MaxBody+1)
			return request("POST /hook/tenant-3", signed(s.signer, core.NewID(), time.Now(), body[:1]), lengthOf(body), body)
		}},
		{"unknown source", 5, "401", func(s *sender) []byte {
			body := []byte("{}")
			h := signed(s.signer, core.NewID(), time.Now(), body)
			return request("POST /hook/stranger-"+core.NewID()[4:], h, lengthOf(body), body)
		}},
		{"stale", 2, "401", func(s *sender) []byte {
			body := []byte("{}")
			return request("POST /hook/tenant-4", signed(s.signer, core.NewID(), time.Now().Add(-time.Hour), body), lengthOf(body), body)
		}},
		{"no timestamp", 3, "400", func(s *sender) []byte { return hook(s, func(h http.Header) { h.Del("Webhook-Timestamp") }) }},
		{"a dot in the id", 3, "400", func(s *sender) []byte { return hook(s, func(h http.Header) { h.Set("Webhook-Id", "msg.1") }) }},
		{"two ids", 2, "400", func(s *sender) []byte { return hook(s, func(h http.Header) { h.Add("Webhook-Id", "msg_2") }) }},
		{"handshake", 3, "200", func(*sender) []byte {
			return request("GET /meta?hub.mode=subscribe&hub.challenge=12345&hub.verify_token="+endpoint.MetaToken, nil, lengthOf(nil), nil)
		}},
		{"content that identifies itself", 2, "200", func(*sender) []byte {
			body := fmt.Appendf(nil, `{"entry":%q}`, core.NewID())
			r := &core.Request{Method: http.MethodPost, URL: "/meta", Header: http.Header{}, Body: body}
			if err := schemes.Sign(schemes.Meta(""), r, "", time.Now(), endpoint.MetaSecret); err != nil {
				panic(err)
			}
			return request("POST /meta", r.Header.Clone(), lengthOf(body), body)
		}},
	}
}

// again returns the last genuine message once more.
func (s *sender) again() []byte {
	l := s.last
	return request("POST "+l.path, signed(s.signer, l.id, l.at, l.body), lengthOf(l.body), l.body)
}

// send sends one request. It returns the status, and whether a redelivery was acknowledged.
func (s *sender) send(request []byte) (string, error) {
	if s.conn == nil {
		var err error
		if s.conn, err = dial(s.addr, s.i); err != nil {
			return "", err
		}
		s.in = bufio.NewReader(s.conn)
	}
	if err := s.conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return "", err
	}
	if _, err := s.conn.Write(request); err != nil {
		// The server refused before everything was written.
		if res, err := http.ReadResponse(s.in, nil); err == nil {
			defer s.close()
			return strconv.Itoa(res.StatusCode), res.Body.Close()
		}
		s.close()
		return "", err
	}
	res, err := http.ReadResponse(s.in, nil)
	if err != nil {
		s.close()
		return "", err
	}
	_, err = io.Copy(io.Discard, res.Body)
	if res.Body.Close(); err != nil || res.Close {
		s.close()
	}
	status := strconv.Itoa(res.StatusCode)
	if acknowledged := res.Header.Get(core.RedeliveryHeader); acknowledged != "" {
		status += " " + acknowledged
	}
	return status, err
}

func (s *sender) close() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

// hostile is a way to hold or to abandon a connection.
type hostile struct {
	name  string
	wants []string // what the server does: one of them
	// attack writes as much as it can; the server may have closed. Then the test waits for the
	// server's end, or closes the connection at once if leaves is set.
	attack func(c *net.TCPConn, signer *core.Signer)
}

// Outcomes of connections without a status.
const (
	left   = "left" // they do not wait for the server
	closed = "closed"
	held   = "held"
)

// attacks returns the attacks on connections, which take turns.
func attacks() []hostile {
	// head belongs to a genuine message, so that the server goes on to read the body.
	head := func(signer *core.Signer, length string) []byte {
		return request("POST /hook/tenant-5", signed(signer, core.NewID(), time.Now(), make([]byte, 1000)), length, nil)
	}
	whole := func(signer *core.Signer) []byte {
		body := []byte("{}")
		return request("POST /hook/tenant-6", signed(signer, core.NewID(), time.Now(), body), lengthOf(body), body)
	}
	const announced = "Content-Length: 1000"
	half := make([]byte, 500)
	return []hostile{
		{"connects and says nothing", []string{"408", closed}, func(*net.TCPConn, *core.Signer) {}},
		{"sends a byte and leaves", []string{left}, func(c *net.TCPConn, _ *core.Signer) { write(c, []byte("P")) }},
		{"half a head, then silence", []string{"408", "400", closed}, func(c *net.TCPConn, signer *core.Signer) {
			h := head(signer, announced)
			write(c, h[:len(h)/2])
		}},
		{"announces a body and stays silent", []string{"408"}, func(c *net.TCPConn, signer *core.Signer) { write(c, head(signer, announced)) }},
		{"a body that is cut short", []string{"400", closed}, func(c *net.TCPConn, signer *core.Signer) {
			write(c, head(signer, announced), half)
			_ = c.CloseWrite()
		}},
		{"leaves in the middle of a body", []string{left}, func(c *net.TCPConn, signer *core.Signer) { write(c, head(signer, announced), half) }},
		{"a byte every fifth of the patience", []string{"408"}, func(c *net.TCPConn, signer *core.Signer) {
			write(c, head(signer, announced))
			for range 5 {
				time.Sleep(endpoint.Patience / 5)
				write(c, []byte("x"))
			}
		}},
		{"resets in the middle of a body", []string{left}, func(c *net.TCPConn, signer *core.Signer) {
			write(c, head(signer, announced), half)
			_ = c.SetLinger(0)
		}},
		{"resets while the handler may run", []string{left}, func(c *net.TCPConn, signer *core.Signer) {
			write(c, whole(signer))
			_ = c.SetLinger(0)
		}},
		{"garbage behind a message", []string{"200"}, func(c *net.TCPConn, signer *core.Signer) {
			write(c, whole(signer), bytes.Repeat([]byte("\x00garbage\r\n"), 50))
			_ = c.CloseWrite()
		}},
		{"chunks without end", []string{"413"}, func(c *net.TCPConn, signer *core.Signer) {
			write(c, head(signer, "Transfer-Encoding: chunked"))
			chunk := append([]byte("1000\r\n"), append(make([]byte, 0x1000), "\r\n"...)...)
			for sent := 0; sent < 2*endpoint.MaxBody && write(c, chunk); sent += 0x1000 {
			}
		}},
		{"a chunk that does not come", []string{"408"}, func(c *net.TCPConn, signer *core.Signer) {
			write(c, head(signer, "Transfer-Encoding: chunked"), []byte("3e8\r\nx"))
		}},
	}
}

// write writes parts until the server accepts no more.
func write(c *net.TCPConn, parts ...[]byte) bool {
	for _, p := range parts {
		if _, err := c.Write(p); err != nil {
			return false
		}
	}
	return true
}

// run makes one connection, attacks, and returns the outcome: the first status that the server
// sent, or that it closed.
func (h hostile) run(addr string, i int, signer *core.Signer) string {
	c, err := dial(addr, i)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	if h.attack(c, signer); h.wants[0] == left {
		return left
	}
	text, err := io.ReadAll(c)
	if status, ok := bytes.CutPrefix(text, []byte("HTTP/1.1 ")); ok && len(status) > 3 {
		return string(status[:3])
	}
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return held
	}
	return closed
}

// all sends count messages over 32 connections, makes hostile connections, a thousand at once, and
// returns the outcomes.
func all(addr string, signer *core.Signer, count, connections int) (good, bad *outcomes) {
	good, bad = new(outcomes), new(outcomes)
	var senders sync.WaitGroup
	share(&senders, 32, count, func(worker int) func(i int) {
		s := &sender{addr: addr, i: worker, signer: signer}
		kinds := deck()
		return func(i int) {
			if i < 0 {
				s.close()
				return
			}
			m := kinds[i%len(kinds)]
			status, err := s.send(m.build(s))
			if err != nil {
				status = err.Error()
			}
			good.add(m.name, status)
		}
	})
	kinds := attacks()
	share(&senders, 1000, connections, func(worker int) func(int) {
		return func(i int) {
			if i >= 0 {
				h := kinds[(worker+i)%len(kinds)]
				bad.add(h.name, h.run(addr, worker, signer))
			}
		}
	})
	senders.Wait()
	return good, bad
}

// most is how long all may take. A slower machine sends fewer.
const most = 90 * time.Second

// share divides count calls among workers, and tells each its end with -1.
func share(wg *sync.WaitGroup, workers, count int, start func(worker int) func(i int)) {
	began := time.Now()
	for w := range workers {
		wg.Go(func() {
			do := start(w)
			for i, n := 0, count*(w+1)/workers-count*w/workers; i < n && time.Since(began) < most; i++ {
				do(i)
			}
			do(-1)
		})
	}
}

// deck returns a hundred messages in their shares, shuffled, a good one first.
func deck() []message {
	mixed := make([]message, 100)
	i := 0
	for _, m := range messages() {
		for range m.share {
			mixed[i*37%100] = m // 37 and 100 have no common divisor
			i++
		}
	}
	return mixed
}

// check reports everything unwanted: a connection that was held, a kind that did not occur, less
// than half of the planned number, and too many unexpected outcomes. One in oneIn is allowed, for a
// machine that stalls longer than the server's patience.
func (o *outcomes) check(t *testing.T, wants map[string][]string, count, oneIn int) {
	t.Helper()
	all, wrong := 0, 0
	var found []string
	for kind, outcomes := range o.of {
		for outcome, n := range outcomes {
			all += n
			if !slices.Contains(wants[kind], outcome) {
				wrong += n
				found = append(found, fmt.Sprintf("%s: %s, %d times", kind, outcome, n))
			}
			if outcome == held {
				t.Errorf("%s: %d connections were held for %v", kind, n, limit)
			}
		}
	}
	for kind := range wants {
		if len(o.of[kind]) == 0 {
			t.Errorf("%s: not once", kind)
		}
	}
	t.Logf("%d of %d were made; %d came out otherwise: %q", all, count, wrong, found)
	if all < count/2 {
		t.Errorf("only %d of %d were made in %v", all, count, most)
	}
	if wrong > all/oneIn {
		t.Errorf("%d of %d came out otherwise: %q", wrong, all, found)
	}
}
