package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What a stranger, who has no key, can make a server spend.

// refusalRow is what one kind of request cost one endpoint.
type refusalRow struct {
	Framework, Kind, Attack string
	CPU                     series  // ns of the server's processors, a request
	Allocated               series  // bytes a request
	BodyRead                float64 // bytes of a body that anything above the server read, a request; negative: the framework reads before
	Status                  int
	Held                    series // bytes a connection, in attacks that hold them
	Connections             int
}

// attack is a request as a stranger sends it.
type attack struct {
	name    string
	request func(secret string) ([]byte, error)
}

const attackBody = 1 << 20

// attacks are laid out anew for each repetition: stamps get stale.
func attacks() []attack {
	junk := "v1," + strings.Repeat("A", 43) + "="
	return []attack{
		{"wrong signature", forged(func(h map[string][]string) { h["Webhook-Signature"] = []string{junk} })},
		{"no signature", forged(func(h map[string][]string) { delete(h, "Webhook-Signature") })},
		{"4 KiB of signatures", forged(func(h map[string][]string) { h["Webhook-Signature"] = []string{strings.Repeat(junk+" ", 85)} })},
		{"stale timestamp", forged(func(h map[string][]string) {
			h["Webhook-Timestamp"] = []string{strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10)}
		})},
		{"malformed id", forged(func(h map[string][]string) { h["Webhook-Id"] = []string{"msg.1"} })},
	}
}

// refusedByHead are the attacks that are found out before the body.
var refusedByHead = []string{"no signature", "4 KiB of signatures", "stale timestamp", "malformed id"}

const slowSenders = "one byte a second"

// forged is a request whose head was changed after it was signed.
func forged(change func(map[string][]string)) func(string) ([]byte, error) {
	return func(secret string) ([]byte, error) {
		m, err := signMessages(secret, 1, attackBody)
		if err != nil {
			return nil, err
		}
		h := make(map[string][]string)
		for line := range strings.SplitSeq(string(m.heads[0]), "\r\n") {
			if name, value, ok := strings.Cut(line, ": "); ok && strings.HasPrefix(name, "Webhook-") {
				h[name] = []string{value}
			}
		}
		change(h)
		return append(head(h, attackBody), m.body...), nil
	}
}

// attacked are the frameworks that read bodies each in a way of its own: gin
// and echo are net/http.
var attacked = []string{"net/http", "fiber"}

// attackAll sends every attack to every endpoint, in turn.
func attackAll(o options, frameworks []string) (rows []refusalRow, err error) {
	s, err := startServers(frameworks, []string{bareHandler, notFound, withMemory}, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	requests := 30
	if o.quick {
		requests = 5
	}
	for _, a := range attacks() {
		sized := make([]refusalRow, len(s.endpoints))
		for rep := range o.repeat(40) {
			o.progress("refusals: %s, repetition %d", a.name, rep+1)
			request, err := a.request(s.secret)
			if err != nil {
				return nil, err
			}
			for _, i := range s.order(rep, everybody) {
				e := s.endpoints[i]
				sized[i].Framework, sized[i].Kind, sized[i].Attack = e.framework, e.kind, a.name
				if err := e.attacked(&sized[i], request, requests); err != nil {
					return nil, fmt.Errorf("%s, %s, %s: %w", e.framework, e.kind, a.name, err)
				}
			}
		}
		rows = append(rows, sized...)
	}
	return rows, nil
}

// attacked sends a request again and again, each on a connection of its own, as
// the answer closes it.
func (e *endpoint) attacked(row *refusalRow, request []byte, requests int) error {
	defer e.use()()
	var before, after serverStats
	if err := e.ask("stats", &before); err != nil {
		return err
	}
	_, cpus := halves()
	if err := onProcessors(cpus, func() error {
		for range requests {
			status, err := once(e.addr, request, len(cpus) > 0)
			if err != nil {
				return err
			}
			if row.Status != 0 && row.Status != status {
				return fmt.Errorf("answered %d and %d", row.Status, status)
			}
			row.Status = status
		}
		return nil
	}); err != nil {
		return err
	}
	if err := e.ask("stats", &after); err != nil {
		return err
	}
	n := float64(requests)
	row.CPU = append(row.CPU, float64(after.CPU-before.CPU)/n)
	row.Allocated = append(row.Allocated, float64(after.Allocated-before.Allocated)/n)
	row.BodyRead = max(row.BodyRead, float64(after.BodyBytes-before.BodyBytes)/n)
	if e.framework == "fiber" {
		row.BodyRead = -1
	}
	return nil
}

// once sends as much of the request as the server takes before it answers. It
// polls as load does.
func once(addr string, request []byte, polls bool) (int, error) {
	fd, err := connect(addr)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(fd) }()
	var in [1024]byte
	for began, sent := time.Now(), 0; time.Since(began) < 10*time.Second; {
		events := int16(unix.POLLIN)
		if sent < len(request) {
			events |= unix.POLLOUT
			n, err := unix.Write(fd, request[sent:])
			sent += max(n, 0)
			if err != nil && !errors.Is(err, unix.EAGAIN) {
				sent = len(request) // the server has had enough
			}
		}
		if !polls {
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, 100)
		}
		n, err := unix.Read(fd, in[:])
		switch {
		case n > 0:
			status, _ := answer(append(in[:n], "\r\n\r\n"...))
			return status, nil
		case !errors.Is(err, unix.EAGAIN):
			return 0, fmt.Errorf("no answer: %w", errors.Join(err, io.ErrUnexpectedEOF))
		}
	}
	return 0, errors.New("no answer")
}

// announceAll holds many connections at every endpoint that announce a body and
// send one byte of it a second.
func announceAll(o options) (rows []refusalRow, err error) {
	s, err := startServers(frameworks, []string{bareHandler, withMemory}, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	all := o.connections(10_000)
	m, err := signMessages(s.secret, 1, attackBody)
	if err != nil {
		return nil, err
	}
	for _, e := range s.endpoints {
		count := all
		if e.framework == "fiber" && e.kind == bareHandler {
			count /= 10 // it makes room for every announced body at once: ten thousand of them are ten gigabytes
		}
		o.progress("refusals: %d connections, %s, %s", count, e.framework, e.kind)
		row := refusalRow{Framework: e.framework, Kind: e.kind, Attack: slowSenders, Connections: count, BodyRead: -1}
		if err := e.slowly(&row, m.heads[0], count, o.length(time.Second)); err != nil {
			return nil, fmt.Errorf("%s, %s, slow senders: %w", e.framework, e.kind, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// connections is how many of these the limit on open files allows here and in
// the server, which inherits it.
func (o options) connections(want int) int {
	if o.quick {
		return 50
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 500
	}
	if room := int(limit.Max) - 200; room < want { // Go has raised the soft limit to the hard one
		fmt.Fprintf(os.Stderr, "no more than %d files may be open: so many connections instead of %d\n", limit.Max, want)
		want = room
	}
	return want
}

func (e *endpoint) slowly(row *refusalRow, head []byte, count int, length time.Duration) error {
	defer e.use()()
	var before, after serverStats
	if err := e.ask("gc", &before); err != nil {
		return err
	}
	fds, err := connectAll(e.addr, count, head)
	defer func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	}()
	if err != nil {
		return err
	}
	last, err := e.settled()
	if err != nil {
		return err
	}
	for range 3 {
		began := time.Now()
		for _, fd := range fds {
			_, _ = unix.Write(fd, []byte("x"))
		}
		time.Sleep(time.Until(began.Add(length)))
		took := time.Since(began)
		if err := e.ask("stats", &after); err != nil {
			return err
		}
		row.CPU = append(row.CPU, float64(after.CPU-last.CPU)/took.Seconds()/float64(count))
		last = after
	}
	if err := e.ask("gc", &after); err != nil {
		return err
	}
	row.Held = append(row.Held, float64(after.Held-before.Held)/float64(count))
	return nil
}

// settled waits until the server has little to do: a connection is made before
// anybody accepts it and reads its head. It does not wait so long that the
// first connections end.
func (e *endpoint) settled() (last serverStats, err error) {
	for range 30 {
		var now serverStats
		if err := e.ask("stats", &now); err != nil {
			return last, err
		}
		if last.CPU > 0 && now.CPU-last.CPU < (5*time.Millisecond).Nanoseconds() {
			return now, nil
		}
		last = now
		time.Sleep(100 * time.Millisecond)
	}
	return last, nil
}

// connectAll opens connections from several threads, because accepting takes
// its time.
func connectAll(addr string, count int, head []byte) ([]int, error) {
	const threads = 8
	parts, errs := make([][]int, threads), make([]error, threads)
	var wg sync.WaitGroup
	for w := range threads {
		wg.Go(func() {
			for i := w; i < count && errs[w] == nil; i += threads {
				var fd int
				if fd, errs[w] = connect(addr); errs[w] == nil {
					parts[w] = append(parts[w], fd)
					_, errs[w] = unix.Write(fd, head)
				}
			}
		})
	}
	wg.Wait()
	return slices.Concat(parts...), errors.Join(errs...)
}

func (r *results) refusal(framework, kind, attack string) refusalRow {
	for _, row := range r.Refusals {
		if row.Framework == framework && row.Kind == kind && row.Attack == attack {
			return row
		}
	}
	return refusalRow{}
}
