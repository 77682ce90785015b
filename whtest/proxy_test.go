package whtest_test

import (
	"bufio"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookonce/hookonce/whtest"
)

// echoServer sends each line back and counts the lines.
func echoServer(t *testing.T) (addr string, lines *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	lines = new(atomic.Int64)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					lines.Add(1)
					if _, err := conn.Write([]byte(line)); err != nil {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String(), lines
}

// ask sends a line and returns what comes back within wait.
func ask(conn net.Conn, line string, wait time.Duration) (string, error) {
	if err := conn.SetDeadline(time.Now().Add(wait)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte(line + "\n")); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(answer), err
}

func TestProxy(t *testing.T) {
	t.Parallel()
	const soon, long = 100 * time.Millisecond, 10 * time.Second
	tests := []struct {
		name  string
		check func(t *testing.T, p *whtest.Proxy, dial func() net.Conn, lines *atomic.Int64)
	}{
		{"passes everything on", func(t *testing.T, _ *whtest.Proxy, dial func() net.Conn, _ *atomic.Int64) {
			for _, line := range []string{"one", strings.Repeat("x", 100_000)} {
				if got, err := ask(dial(), line, long); err != nil || got != line {
					t.Errorf("%d bytes back, %v", len(got), err)
				}
			}
		}},
		{"Cut breaks connections and new ones, until it is mended", func(t *testing.T, p *whtest.Proxy, dial func() net.Conn, _ *atomic.Int64) {
			old := dial()
			if _, err := ask(old, "before", long); err != nil {
				t.Fatal(err)
			}
			p.Cut()
			for name, conn := range map[string]net.Conn{"the old": old, "a new": dial()} {
				if got, err := ask(conn, "cut", long); err == nil {
					t.Errorf("%s connection answers %q", name, got)
				}
			}
			p.Mend()
			if got, err := ask(dial(), "after", long); err != nil || got != "after" {
				t.Errorf("mended: %q, %v", got, err)
			}
		}},
		{"Stall keeps connections open and passes nothing, until it is mended", func(t *testing.T, p *whtest.Proxy, dial func() net.Conn, lines *atomic.Int64) {
			p.Stall()
			conn := dial()
			if got, err := ask(conn, "stalled", soon); err == nil || lines.Load() != 0 {
				t.Errorf("%q came back, %d lines arrived", got, lines.Load())
			}
			p.Mend()
			if err := conn.SetDeadline(time.Now().Add(long)); err != nil {
				t.Fatal(err)
			}
			if got, err := bufio.NewReader(conn).ReadString('\n'); err != nil || got != "stalled\n" {
				t.Errorf("mended: %q, %v", got, err)
			}
		}},
		{"Slow delays both ways", func(t *testing.T, p *whtest.Proxy, dial func() net.Conn, _ *atomic.Int64) {
			p.Slow(soon)
			began := time.Now()
			if _, err := ask(dial(), "slow", long); err != nil || time.Since(began) < 2*soon {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
		}},
		{"LoseReply lets the request through, loses one reply, and no more", func(t *testing.T, p *whtest.Proxy, dial func() net.Conn, lines *atomic.Int64) {
			conn, other := dial(), dial()
			for _, c := range []net.Conn{conn, other} {
				if _, err := ask(c, "before", long); err != nil {
					t.Fatal(err)
				}
			}
			p.LoseReply()
			if got, err := ask(conn, "lost", long); err == nil || lines.Load() != 3 {
				t.Errorf("%q came back, %d lines arrived", got, lines.Load())
			}
			for _, c := range []net.Conn{other, dial()} {
				if got, err := ask(c, "after", long); err != nil || got != "after" {
					t.Errorf("afterwards: %q, %v", got, err)
				}
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			addr, lines := echoServer(t)
			p := whtest.NewProxy(t, addr)
			tt.check(t, p, func() net.Conn {
				conn, err := net.Dial("tcp", p.Addr())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				return conn
			}, lines)
		})
	}
	t.Run("a server that is away is an end of the connection", func(t *testing.T) {
		t.Parallel()
		gone, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		gone.Close()
		conn, err := net.Dial("tcp", whtest.NewProxy(t, gone.Addr().String()).Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got, err := ask(conn, "anyone", long); err == nil {
			t.Errorf("%q came back", got)
		}
	})
}
