package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hookonce/hookonce/core"
)

// The client. It is as lean as one can be, so that the server is what is measured: requests are
// signed and laid out ahead of time, one thread serves all its connections through epoll, and a
// request costs it one write and one read. Where it has processors of its own it never sleeps: a
// server's write on the loopback interface would have to wake it up, the more often the slower the
// server is, and a server on a network does no such thing.

// messages are signed requests that share one body.
type messages struct {
	heads [][]byte
	body  []byte
}

// signMessages signs n messages of this size, now, with ids of their own.
func signMessages(secret string, n, size int) (*messages, error) {
	signer, err := core.NewSigner(secret)
	if err != nil {
		return nil, err
	}
	m := &messages{heads: make([][]byte, n), body: bytes.Repeat([]byte("x"), size)}
	now, errs := time.Now(), make([]error, n)
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			h := make(map[string][]string)
			for i := w; i < n; i += workers {
				errs[i] = signer.Sign(h, core.NewID(), now, m.body)
				m.heads[i] = head(h, size)
			}
		})
	}
	wg.Wait()
	return m, errors.Join(errs...)
}

// head is the request line and the headers, as senders have them.
func head(h map[string][]string, size int) []byte {
	b := []byte("POST /hook HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Svix-Webhooks/1.24\r\nContent-Type: application/json\r\nAccept: */*\r\n")
	for _, name := range []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
		for _, v := range h[name] {
			b = append(append(append(append(b, name...), ": "...), v...), "\r\n"...)
		}
	}
	return append(strconv.AppendInt(append(b, "Content-Length: "...), int64(size), 10), "\r\n\r\n"...)
}

// loadResult is what the client saw.
type loadResult struct {
	completed int             // all of them
	took      time.Duration   // without the lead
	latencies []time.Duration // sorted, of those after the lead
}

func (r loadResult) rate() float64 { return float64(len(r.latencies)) / r.took.Seconds() }

// lead is how long requests are sent before they count: a virtual processor
// that was idle may take ten milliseconds to come back.
const lead = 15 * time.Millisecond

// sender is one thread with its connections.
type sender struct {
	m           *messages
	epoll       int
	conns       []*wire
	idle        []*wire
	next, step  int // which message, and how far to the next one of ours
	began       time.Time
	due         []time.Duration // open loop: when each message is to be sent; nil: as soon as a connection is free
	sentDue     int
	polls       bool // and does not sleep
	latencies   []time.Duration
	completed   int
	outstanding int
}

// wire is one connection.
type wire struct {
	fd       int
	out      []byte
	sent     int
	blocked  bool // waits to write
	in       []byte
	from     time.Duration // when the request was to be sent
	received int
}

// load sends messages to addr for a while over so many connections. rate zero:
// closed loop, each connection sends as soon as it is answered. Otherwise: as
// many messages a second, at random distances that are the same at each call,
// and latencies count from when a message was to be sent.
func load(addr string, m *messages, conns int, length time.Duration, rate float64) (loadResult, error) {
	_, cpus := halves()
	threads := min(max(1, len(cpus)), conns)
	senders := make([]*sender, threads)
	for i := range senders {
		s := &sender{m: m, next: i, step: threads, polls: len(cpus) > 0}
		if rate > 0 {
			s.due = schedule(rate/float64(threads), lead+length, uint64(i))
		}
		if err := s.dial(addr, max(1, conns/threads)); err != nil {
			return loadResult{}, err
		}
		defer s.close()
		senders[i] = s
	}
	runtime.GC() // now, and then not on the server's processors
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	began, errs := time.Now(), make([]error, threads)
	var wg sync.WaitGroup
	for i, s := range senders {
		wg.Go(func() {
			errs[i] = onProcessors(cpus, func() error { return s.run(began, lead+length) })
		})
	}
	wg.Wait()
	r := loadResult{took: time.Since(began) - lead}
	for _, s := range senders {
		r.completed += s.completed
		r.latencies = append(r.latencies, s.latencies...)
	}
	slices.Sort(r.latencies)
	return r, errors.Join(errs...)
}

// schedule is a Poisson process.
func schedule(rate float64, length time.Duration, seed uint64) []time.Duration {
	random := rand.New(rand.NewPCG(1, seed))
	var due []time.Duration
	for at := 0.0; ; {
		at += random.ExpFloat64() / rate
		if at > length.Seconds() {
			return due
		}
		due = append(due, time.Duration(at*1e9))
	}
}

func (s *sender) dial(addr string, n int) error {
	var err error
	if s.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	for range n {
		fd, err := connect(addr)
		if err != nil {
			return err
		}
		w := &wire{fd: fd, in: make([]byte, 4<<10)}
		s.conns = append(s.conns, w)
		if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, s.event(w)); err != nil {
			return err
		}
	}
	s.idle = slices.Clone(s.conns)
	return nil
}

// connect makes a connection without a waiting Read or Write.
func connect(addr string) (int, error) {
	a, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(a.IP.To4())}); err != nil {
		return fd, errors.Join(fmt.Errorf("connecting: %w", err), unix.Close(fd))
	}
	return fd, errors.Join(unix.SetNonblock(fd, true), unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
}

func (s *sender) close() {
	for _, w := range s.conns {
		_ = unix.Close(w.fd)
	}
	_ = unix.Close(s.epoll)
}

func (s *sender) event(w *wire) *unix.EpollEvent {
	e := &unix.EpollEvent{Events: unix.EPOLLIN}
	if w.blocked {
		e.Events |= unix.EPOLLOUT
	}
	for i, c := range s.conns {
		if c == w {
			e.Fd = int32(i)
		}
	}
	return e
}

// run sends until the time is up or all messages are sent, and waits for the
// requests that are still running.
func (s *sender) run(began time.Time, length time.Duration) error {
	s.began = began
	events := make([]unix.EpollEvent, len(s.conns))
	for {
		if err := s.send(length); err != nil {
			return err
		}
		if s.outstanding == 0 && s.over(length) {
			return nil
		}
		n, err := unix.EpollWait(s.epoll, events, s.patience())
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		for _, e := range events[:max(n, 0)] {
			if err := s.progress(s.conns[e.Fd], e.Events); err != nil {
				return err
			}
		}
		if time.Since(began) > length+10*time.Second {
			return fmt.Errorf("%d requests are not answered", s.outstanding)
		}
	}
}

// patience is how long to wait for an answer, in milliseconds: in the open loop
// not beyond the next message.
func (s *sender) patience() int {
	if s.polls {
		return 0
	}
	if s.due == nil || s.sentDue == len(s.due) {
		return 100
	}
	return int(max(0, s.due[s.sentDue]-time.Since(s.began)) / time.Millisecond)
}

func (s *sender) over(length time.Duration) bool {
	if s.due != nil {
		return s.sentDue == len(s.due) || s.next >= len(s.m.heads)
	}
	return time.Since(s.began) >= length || s.next >= len(s.m.heads)
}

// send gives every idle connection a message, if it is time for one.
func (s *sender) send(length time.Duration) error {
	for len(s.idle) > 0 && !s.over(length) {
		now := time.Since(s.began)
		from := now
		if s.due != nil {
			if from = s.due[s.sentDue]; from > now {
				return nil
			}
			s.sentDue++
		}
		w := s.idle[len(s.idle)-1]
		s.idle = s.idle[:len(s.idle)-1]
		w.out = append(append(w.out[:0], s.m.heads[s.next]...), s.m.body...)
		w.sent, w.received, w.from = 0, 0, from
		s.next += s.step
		s.outstanding++
		if err := s.write(w); err != nil {
			return err
		}
	}
	return nil
}

func (s *sender) write(w *wire) error {
	n, err := unix.Write(w.fd, w.out[w.sent:])
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		return fmt.Errorf("sending: %w", err)
	}
	w.sent += max(n, 0)
	if blocked := w.sent < len(w.out); blocked != w.blocked {
		w.blocked = blocked
		return unix.EpollCtl(s.epoll, unix.EPOLL_CTL_MOD, w.fd, s.event(w))
	}
	return nil
}

func (s *sender) progress(w *wire, events uint32) error {
	if events&unix.EPOLLOUT != 0 {
		if err := s.write(w); err != nil {
			return err
		}
	}
	if events&unix.EPOLLIN == 0 {
		return nil
	}
	n, err := unix.Read(w.fd, w.in[w.received:])
	switch {
	case errors.Is(err, unix.EAGAIN):
		return nil
	case err != nil:
		return fmt.Errorf("receiving: %w", err)
	case n == 0:
		return errors.New("the server closed the connection")
	}
	w.received += n
	status, whole := answer(w.in[:w.received])
	if !whole {
		return nil
	}
	if status != 200 {
		return fmt.Errorf("answered %d: %s", status, w.in[:w.received])
	}
	now := time.Since(s.began)
	begins := now // in the closed loop: what is completed counts
	if s.due != nil {
		begins = w.from
	}
	if begins >= lead {
		s.latencies = append(s.latencies, now-w.from)
	}
	s.completed++
	s.outstanding--
	s.idle = append(s.idle, w)
	return nil
}

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("Content-Length: ")
)

// answer reads an answer's status, and whether all of it is there.
func answer(b []byte) (status int, whole bool) {
	end := bytes.Index(b, headEnd)
	if end < 0 || len(b) < 12 {
		return 0, false
	}
	status, _ = strconv.Atoi(string(b[9:12]))
	length := 0
	if i := bytes.Index(b[:end], contentLength); i >= 0 {
		for _, c := range b[i+len(contentLength) : end] {
			if c < '0' || c > '9' {
				break
			}
			length = 10*length + int(c-'0')
		}
	}
	return status, len(b) >= end+len(headEnd)+length
}
