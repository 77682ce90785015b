package whtest

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy is a TCP proxy on loopback between a client and a server. On request it
// simulates a partition, a slow network or a lost reply. It works with any
// protocol in which the server replies to requests. It is safe for concurrent
// use.
type Proxy struct {
	target   string
	listener net.Listener

	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever the fields below change
	cut     bool
	stalled bool
	delay   time.Duration
	lose    bool
	pairs   map[*proxyPair]struct{}
	closed  bool
}

// proxyPair is a client's connection and the connection to the server for it.
type proxyPair struct {
	client, server net.Conn
	lose           bool // the next reply; guarded by Proxy.mu
}

func (p *proxyPair) close() {
	p.client.Close() //nolint:errcheck // it must end, and an error does not matter
	p.server.Close() //nolint:errcheck // as above
}

// NewProxy starts a proxy to target, given as host and port. The proxy and its
// connections end with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("the proxy cannot listen: %v", err)
	}
	p := &Proxy{target: target, listener: listener, changed: make(chan struct{}), pairs: make(map[*proxyPair]struct{})}
	var serving sync.WaitGroup
	serving.Go(func() { p.serve(&serving) })
	t.Cleanup(func() {
		listener.Close() //nolint:errcheck // an error does not matter
		p.set(func() { p.closed = true; p.drop() })
		serving.Wait()
	})
	return p
}

// Addr returns the address to which clients connect.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut breaks all connections, and new connections as soon as they are made.
func (p *Proxy) Cut() { p.set(func() { p.cut = true; p.drop() }) }

// Stall keeps all connections open, accepts new ones, and forwards nothing.
// Data that is sent meanwhile arrives after [Proxy.Mend].
func (p *Proxy) Stall() { p.set(func() { p.stalled = true }) }

// Slow delays each read of up to 32 KiB by d, in both directions. The delays of
// successive reads add up.
func (p *Proxy) Slow(d time.Duration) { p.set(func() { p.delay = d }) }

// LoseReply makes the proxy forward the next request, on whichever connection
// it arrives, and wait for the server's reply. Then the proxy breaks the
// connection instead of forwarding the reply: the server has done the work, but
// the client gets an error.
func (p *Proxy) LoseReply() { p.set(func() { p.lose = true }) }

// Mend ends the effects of Cut, Stall, Slow and LoseReply. Data that a slow
// proxy already holds is still delayed.
func (p *Proxy) Mend() {
	p.set(func() {
		p.cut, p.stalled, p.delay, p.lose = false, false, 0, false
		for pair := range p.pairs {
			pair.lose = false
		}
	})
}

// set changes the state and wakes the goroutines that wait for it.
func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

// drop breaks all connections. The caller holds the lock.
func (p *Proxy) drop() {
	for pair := range p.pairs {
		pair.close()
	}
}

func (p *Proxy) serve(serving *sync.WaitGroup) {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		serving.Go(func() { p.connect(client) })
	}
}

// connect serves one client until either side ends.
func (p *Proxy) connect(client net.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	server, err := new(net.Dialer).DialContext(ctx, "tcp", p.target)
	if err != nil {
		client.Close() //nolint:errcheck // the client sees that the server is unreachable
		return
	}
	pair := &proxyPair{client: client, server: server}
	defer pair.close()

	p.mu.Lock()
	broken := p.cut || p.closed
	if !broken {
		p.pairs[pair] = struct{}{}
	}
	p.mu.Unlock()
	if broken {
		return
	}
	defer func() {
		p.mu.Lock()
		delete(p.pairs, pair)
		p.mu.Unlock()
	}()

	var both sync.WaitGroup
	both.Go(func() { defer pair.close(); p.forward(server, client, func() bool { return p.request(pair) }) })
	both.Go(func() { defer pair.close(); p.forward(client, server, func() bool { return p.reply(pair) }) })
	both.Wait()
}

// forward copies until either side ends, or until allow reports that the data
// must not be forwarded.
func (p *Proxy) forward(to io.Writer, from io.Reader, allow func() bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if !p.wait() || !allow() {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wait blocks while the proxy stalls, and for the delay. It returns false if
// the connection must end.
func (p *Proxy) wait() bool {
	p.mu.Lock()
	delay := p.delay
	for p.stalled && !p.cut && !p.closed {
		changed := p.changed
		p.mu.Unlock()
		<-changed
		p.mu.Lock()
	}
	ended := p.cut || p.closed
	p.mu.Unlock()
	if delay > 0 {
		time.Sleep(delay)
	}
	return !ended
}

// request records the connection on which the reply must be lost.
func (p *Proxy) request(pair *proxyPair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lose {
		p.lose, pair.lose = false, true
	}
	return true
}

// reply reports whether the server's bytes may pass.
func (p *Proxy) reply(pair *proxyPair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !pair.lose
}
