package inspect

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/loopback"
)

// The bounds of the kept deliveries. The oldest deliveries are dropped first.
const (
	maxDeliveries = 200
	maxBytes      = 64 << 20
	maxOne        = maxBytes / 4 // of one delivery; the request of a larger one is not kept
)

// Config configures a page.
type Config struct {
	// Title says what the page shows.
	Title string
	// Scheme is the scheme's name in package schemes that is preselected when a
	// delivery is verified again. If Scheme is empty, the delivery's scheme is
	// preselected.
	Scheme string
	// Explain explains why a request was refused. It may be nil.
	Explain func(ctx context.Context, r core.Refused) *Found
	// Actions are offered in addition to the actions of every page.
	Actions []Action
}

// Action is a button of the page that has the program act on a delivery.
type Action struct {
	Name string
	// Verified limits the action to deliveries whose signature verified.
	Verified bool
	// Do returns its result in one sentence, or an error that says why it
	// failed.
	Do func(ctx context.Context, d *Delivery) (string, error)
}

// Page keeps the last deliveries and serves them. Create one with [New]. It is
// safe for concurrent use.
type Page struct {
	cfg   Config
	ln    net.Listener
	port  string
	token string // the secret first element of the path

	mu       sync.Mutex
	ring     []*entry
	bytes    int64
	number   int64         // of the last delivery
	revision int64         // of the last change
	changed  chan struct{} // closed at the next change
	watching int           // streams of events
}

// entry is a kept delivery.
type entry struct {
	number, revision int64
	delivery         *Delivery
	size             int64
}

// ErrNotLoopback reports an address on which the page is not served.
var ErrNotLoopback = errors.New("the inspector is for loopback only: use 127.0.0.1, [::1] or localhost with a port (0 picks a free port)")

// Listen listens on a loopback address and refuses any other.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	ln, err := loopback.Listen(ctx, addr, false)
	if errors.Is(err, loopback.ErrNoAddress) || errors.Is(err, loopback.ErrNotLoopback) || errors.Is(err, loopback.ErrPort) {
		return nil, ErrNotLoopback
	}
	return ln, err
}

// New returns a page to be served on ln, which must come from [Listen].
func New(ln net.Listener, cfg Config) *Page {
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return &Page{cfg: cfg, ln: ln, port: port, token: newToken(), changed: make(chan struct{})}
}

// URL returns the address of the page. Anybody who knows it can read the
// deliveries.
func (p *Page) URL() string { return "http://" + p.ln.Addr().String() + "/" + p.token + "/" }

// Add shows a delivery. The data to which the delivery refers must not change
// afterwards.
func (p *Page) Add(d *Delivery) {
	if size := d.size(); size > maxOne {
		small := *d
		small.Request, small.Found = nil, nil
		small.Notes = append([]string{"the request is too large to be kept here (" + strconv.FormatInt(size>>20, 10) + " MiB)"}, d.Notes...)
		d = &small
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.number++
	e := &entry{number: p.number, delivery: d, size: d.size()}
	p.ring = append(p.ring, e)
	for p.bytes += e.size; len(p.ring) > maxDeliveries || p.bytes > maxBytes; {
		p.bytes -= p.ring[0].size
		p.ring[0] = nil
		p.ring = p.ring[1:]
	}
	p.touch(e)
}

// Settle replaces the event of a delivery that was added with the same error,
// and reports whether there is one. e.Err is compared by identity.
func (p *Page) Settle(e core.Event) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.ring) - 1; i >= 0 && e.Err != nil; i-- {
		if kept := p.ring[i]; kept.delivery.Event.Err == e.Err { //nolint:errorlint // compares identity
			settled := *kept.delivery
			settled.Event = e
			kept.delivery = &settled
			p.touch(kept)
			return true
		}
	}
	return false
}

// touch wakes the streams. The caller holds p.mu.
func (p *Page) touch(e *entry) {
	p.revision++
	e.revision = p.revision
	close(p.changed)
	p.changed = make(chan struct{})
}

// change is the content of one event.
type change struct {
	Revision   int64     `json:"revision"`
	Oldest     int64     `json:"oldest"` // number of the oldest kept delivery
	Deliveries []summary `json:"deliveries"`
}

// since returns what changed after a revision, and a channel that is closed at
// the next change.
func (p *Page) since(revision int64) (change, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := change{Revision: p.revision, Deliveries: []summary{}}
	for i, e := range p.ring {
		if i == 0 {
			c.Oldest = e.number
		}
		if e.revision > revision {
			c.Deliveries = append(c.Deliveries, e.summary())
		}
	}
	return c, p.changed
}

func (e *entry) summary() summary {
	s := e.delivery.summary()
	s.Number, s.Revision = e.number, e.revision
	return s
}

// find returns a delivery that is still kept.
func (p *Page) find(number int64) *entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.ring {
		if e.number == number {
			copied := *e
			return &copied
		}
	}
	return nil
}
