package loopback

import (
	"errors"
	"net"
	"testing"
)

// resolved is a listener on the address to which a name resolved.
type resolved struct {
	at     net.IP
	closed bool
}

func (*resolved) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (r *resolved) Addr() net.Addr          { return &net.TCPAddr{IP: r.at, Port: 8080} }
func (r *resolved) Close() error            { r.closed = true; return nil }

func TestOnlyAddressesThatNoOtherMachineReachesAreListenedOn(t *testing.T) {
	t.Parallel()
	here, elsewhere := net.IPv4(127, 0, 0, 1), net.IPv4(192, 0, 2, 1)
	for _, tt := range []struct {
		addr     string
		at       net.IP // what it resolves to
		anywhere bool
		want     error
	}{
		{"127.0.0.1:0", here, false, nil},
		{"127.9.9.9:65535", here, false, nil},
		{"[::1]:8080", net.IPv6loopback, false, nil},
		{"localhost:8080", here, false, nil},
		{"localhost:8080", elsewhere, false, ErrNotLoopback},
		{"localhost:8080", elsewhere, true, nil},
		{"192.0.2.1:8080", elsewhere, false, ErrNotLoopback},
		{"192.0.2.1:8080", elsewhere, true, nil},
		{":8080", net.IPv6zero, false, ErrNotLoopback},
		{":8080", net.IPv6zero, true, nil},
		{"0.0.0.0:8080", net.IPv4zero, false, ErrNotLoopback},
		{"example.com:8080", here, false, ErrNotLoopback},
		{"127.0.0.1", here, true, ErrNoAddress},
		{"", here, true, ErrNoAddress},
		{"127.0.0.1:http", here, true, ErrPort},
		{"127.0.0.1:65536", here, false, ErrPort},
	} {
		r := &resolved{at: tt.at}
		ln, err := listen(tt.addr, tt.anywhere, func() (net.Listener, error) { return r, nil })
		if !errors.Is(err, tt.want) || (ln == nil) != (err != nil) {
			t.Errorf("%q at %v, anywhere %t: %v, want %v", tt.addr, tt.at, tt.anywhere, err, tt.want)
		}
		if resolvesElsewhere := tt.addr == "localhost:8080" && tt.want != nil; r.closed != resolvesElsewhere {
			t.Errorf("%q at %v, anywhere %t: the listener is closed: %t", tt.addr, tt.at, tt.anywhere, r.closed)
		}
	}
}
