package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hookonce/hookonce/core"
)

// webRow is how one endpoint did with messages of one size.
type webRow struct {
	Framework, Kind string
	Size            int
	Offered         float64 // open loop: messages a second; zero: closed loop
	Rate            series  // messages a second
	P50, P99, P999  series  // ns
	CPU             series  // ns of the server's processors, a message
	Allocs, Bytes   series  // of the server, a message
}

var webSizes = []int{256, 1 << 10, 16 << 10, 1 << 20}

const (
	connections = 32
	rehearsal   = 100 * time.Millisecond
)

// endpoint is a server. It runs while it is in use.
type endpoint struct {
	*child

	framework, kind, addr string
	profile               string
}

// webServers starts every framework with every kind of endpoint.
type webServers struct {
	secret    string
	endpoints []*endpoint
	redisAddr string
	stopRedis func()
}

func startServers(frameworks, kinds []string, counted bool) (*webServers, error) {
	s := &webServers{secret: core.GenerateSecret()}
	redisAddr, stop, err := startRedis()
	if err != nil {
		return nil, err
	}
	s.redisAddr, s.stopRedis = redisAddr, stop
	if err := s.add(frameworks, kinds, counted); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// add starts more of them.
func (s *webServers) add(frameworks, kinds []string, counted bool) error {
	for _, f := range frameworks {
		for _, k := range kinds {
			if k == withRedis && s.redisAddr == "" {
				fmt.Fprintln(os.Stderr, "redis-server is not installed: hookonce with Redis is left out")
				continue
			}
			e, err := s.startServer(f, k, counted)
			if err != nil {
				return err
			}
			s.endpoints = append(s.endpoints, e)
		}
	}
	return nil
}

func (s *webServers) startServer(framework, kind string, counted bool) (*endpoint, error) {
	cpus, _ := halves()
	args := []string{framework, kind, s.secret, s.redisAddr}
	if counted {
		args = append(args, "counted")
	}
	c, err := start(cpus, "server", args...)
	if err != nil {
		return nil, err
	}
	e := &endpoint{child: c, framework: framework, kind: kind}
	if dir := os.Getenv("HOOKONCE_BENCH_PROFILE"); dir != "" {
		e.profile = filepath.Join(dir, strings.NewReplacer("/", "", " ", "", ",", "-").Replace(framework+"-"+kind)+".pprof")
	}
	if err := errors.Join(c.ask("", &e.addr), c.signal(syscall.SIGSTOP)); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return e, nil
}

func (s *webServers) stop() error {
	var errs []error
	for _, e := range s.endpoints {
		errs = append(errs, e.stop())
	}
	s.stopRedis()
	return errors.Join(errs...)
}

// webAll measures requests through all of them: closed loop at every size, open
// loop at one, and what a request in flight holds.
func webAll(o options) (rows []webRow, inFlight []inFlightRow, err error) {
	s, err := startServers(frameworks, []string{bareHandler, withMemory, byHandSvix, withRedis}, false)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.add(current, []string{bareHandler, withMemory}, false); err != nil {
		return nil, nil, err
	}
	for _, size := range webSizes {
		sized, err := s.closedLoop(o, size)
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, sized...)
	}
	open, err := s.openLoop(o, 1<<10, rows)
	if err != nil {
		return nil, nil, err
	}
	inFlight, err = s.inFlight(o)
	return append(rows, open...), inFlight, err
}

// pool is how many messages are enough for one measurement.
func pool(size int, length time.Duration) int {
	perSecond := min(80_000, 3<<30/size)
	return 100 + int(float64(perSecond)*(lead+length).Seconds())
}

// claimSize is the body that the closest claims are about.
const claimSize = 1 << 10

// slots is how often and how long each endpoint gets messages of this size.
// What disturbs a shared machine comes and goes within a second, so neighbours
// are compared in short slots, and often.
func slots(size int) (reps int, length time.Duration) {
	switch {
	case size == claimSize:
		return 240, 50 * time.Millisecond
	case size < 1<<20:
		return 25, 50 * time.Millisecond
	default:
		return 10, 200 * time.Millisecond
	}
}

// every is in which of them an endpoint takes part. fiber's is the closest
// claim; what is far from the others needs few.
func (e *endpoint) every(size int) int {
	switch {
	case size == claimSize && (e.kind == withRedis || e.kind == byHandSvix || slices.Contains(current, e.framework)):
		return 10
	case size == claimSize && e.framework != "fiber":
		return 2
	case e.kind == withRedis || slices.Contains(current, e.framework):
		return 5
	default:
		return 1
	}
}

func (s *webServers) closedLoop(o options, size int) ([]webRow, error) {
	reps, length := slots(size)
	length = o.length(length)
	rows := s.rows(size)
	warm, err := signMessages(s.secret, pool(size, rehearsal), size)
	if err != nil {
		return nil, err
	}
	for _, e := range s.endpoints {
		if err := e.rehearse(warm, o.length(rehearsal)); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", e.framework, e.kind, err)
		}
	}
	for rep := range o.repeat(reps) {
		o.progress("web: %d bytes, repetition %d", size, rep+1)
		m, err := signMessages(s.secret, pool(size, length), size)
		if err != nil {
			return nil, err
		}
		for _, i := range s.order(rep, func(e *endpoint) bool { return rep%e.every(size) == 0 }) {
			if err := s.endpoints[i].measure(&rows[i], m, length); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

// order is there and back, twice each because some take part in every second
// one, so that nobody always comes after the same one. Redis, which still works
// when it has answered, disturbs nobody at the end.
func (s *webServers) order(rep int, takesPart func(*endpoint) bool) []int {
	var order, last []int
	for i, e := range s.endpoints {
		switch {
		case !takesPart(e):
		case e.kind == withRedis:
			last = append(last, i)
		default:
			order = append(order, i)
		}
	}
	if rep/2%2 == 1 {
		slices.Reverse(order)
	}
	return append(order, last...)
}

func everybody(*endpoint) bool { return true }

func (s *webServers) rows(size int) []webRow {
	rows := make([]webRow, len(s.endpoints))
	for i, e := range s.endpoints {
		rows[i] = webRow{Framework: e.framework, Kind: e.kind, Size: size}
	}
	return rows
}

func (e *endpoint) rehearse(m *messages, length time.Duration) error {
	defer e.use()()
	_, err := load(e.addr, m, connections, length, 0)
	return err
}

// measure adds one repetition to row.
func (e *endpoint) measure(row *webRow, m *messages, length time.Duration) error {
	defer e.use()()
	var before, after serverStats
	if err := e.ask("stats", &before); err != nil {
		return err
	}
	if e.profile != "" && row.Size == claimSize && len(row.Rate) == 0 {
		if err := e.ask("profile "+e.profile, &before); err != nil {
			return err
		}
		defer func() { _ = e.ask("profiled", &after) }()
	}
	r, err := load(e.addr, m, connections, length, row.Offered)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", e.framework, e.kind, err)
	}
	if err := e.ask("stats", &after); err != nil {
		return err
	}
	if handled := int(after.Handled - before.Handled); handled != r.completed {
		return fmt.Errorf("%s, %s: %d requests were answered and %d handled", e.framework, e.kind, r.completed, handled)
	}
	n := float64(max(1, r.completed))
	row.Rate = append(row.Rate, r.rate())
	row.P50 = append(row.P50, float64(percentile(r.latencies, 50)))
	row.P99 = append(row.P99, float64(percentile(r.latencies, 99)))
	row.P999 = append(row.P999, float64(percentile(r.latencies, 99.9)))
	row.CPU = append(row.CPU, float64(after.CPU-before.CPU)/n)
	row.Allocs = append(row.Allocs, float64(after.Mallocs-before.Mallocs)/n)
	row.Bytes = append(row.Bytes, float64(after.Allocated-before.Allocated)/n)
	return nil
}

// openLoop offers all endpoints in memory of a framework the same rate, half of
// what the slowest of them can do; and Redis half of what it can.
func (s *webServers) openLoop(o options, size int, closed []webRow) ([]webRow, error) {
	offered := func(e *endpoint) float64 {
		slowest := math.Inf(1)
		for _, r := range closed {
			if r.Framework == e.framework && r.Size == size && (r.Kind == withRedis) == (e.kind == withRedis) {
				slowest = min(slowest, r.Rate.median())
			}
		}
		return slowest / 2
	}
	length := o.length(150 * time.Millisecond)
	rows := s.rows(size)
	for rep := range o.repeat(8) {
		o.progress("web: open loop, repetition %d", rep+1)
		m, err := signMessages(s.secret, pool(size, length), size)
		if err != nil {
			return nil, err
		}
		for _, i := range s.order(rep, everybody) {
			e := s.endpoints[i]
			rows[i].Offered = offered(e)
			if err := e.measure(&rows[i], m, length); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

// inFlightRow is what an endpoint holds for a message whose handler runs.
type inFlightRow struct {
	Framework, Kind string
	Size            int
	Held            series // bytes a message, heap and stacks
}

// inFlight has many handlers wait at once, and looks at the heap: each time of
// a new server, because an old one has connections, goroutines and pools of
// earlier requests to use again.
func (s *webServers) inFlight(o options) ([]inFlightRow, error) {
	const waiting = 500
	var rows []inFlightRow
	for _, size := range []int{1 << 10, 16 << 10} {
		sized := make([]inFlightRow, len(s.endpoints))
		for rep := range o.repeat(3) {
			o.progress("web: in flight, %d bytes, repetition %d", size, rep+1)
			for i, e := range s.endpoints {
				held, err := s.inFlightOn(e.framework, e.kind, waiting, size)
				if err != nil {
					return nil, fmt.Errorf("%s, %s, in flight: %w", e.framework, e.kind, err)
				}
				sized[i].Framework, sized[i].Kind, sized[i].Size = e.framework, e.kind, size
				sized[i].Held = append(sized[i].Held, held)
			}
		}
		rows = append(rows, sized...)
	}
	return rows, nil
}

func (s *webServers) inFlightOn(framework, kind string, waiting, size int) (held float64, err error) {
	e, err := s.startServer(framework, kind, false)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, e.stop()) }()
	m, err := signMessages(s.secret, waiting, size) // now: those of an earlier second are from before a store that forgets
	if err != nil {
		return 0, err
	}
	return e.heldBy(m)
}

func (e *endpoint) heldBy(m *messages) (float64, error) {
	defer e.use()()
	var idle, busy serverStats
	conns := make([]net.Conn, 0, len(m.heads))
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	if err := e.ask("hold", &idle); err != nil {
		return 0, err
	}
	if err := e.ask("gc", &idle); err != nil {
		return 0, err
	}
	for _, h := range m.heads {
		c, err := net.Dial("tcp", e.addr)
		if err != nil {
			return 0, err
		}
		conns = append(conns, c)
		if _, err := c.Write(slices.Concat(h, m.body)); err != nil {
			return 0, err
		}
	}
	for began := time.Now(); busy.Handled-idle.Handled < int64(len(m.heads)); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			return 0, fmt.Errorf("only %d of %d got to their handlers", busy.Handled-idle.Handled, len(m.heads))
		}
		if err := e.ask("stats", &busy); err != nil {
			return 0, err
		}
	}
	if err := e.ask("gc", &busy); err != nil {
		return 0, err
	}
	if err := e.ask("release", new(serverStats)); err != nil {
		return 0, err
	}
	for _, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		b := make([]byte, 512)
		n, err := c.Read(b)
		if err != nil {
			return 0, err
		}
		if status, _ := answer(b[:n]); status != 200 {
			return 0, fmt.Errorf("answered %q", b[:n])
		}
	}
	return float64(busy.Held-idle.Held) / float64(len(m.heads)), nil
}
