// Package loopback listens on addresses that other machines cannot reach.
package loopback

import (
	"context"
	"errors"
	"net"
	"strconv"
)

// What is wrong with an address.
var (
	ErrNoAddress   = errors.New("the address must have a port, such as 127.0.0.1:8080")
	ErrNotLoopback = errors.New("the address is not a loopback address")
	ErrPort        = errors.New("the port must be a number from 0 to 65535")
)

// Listen listens on a loopback address: an IP address or localhost, with a
// port. It refuses any other address unless anywhere is set.
func Listen(ctx context.Context, addr string, anywhere bool) (net.Listener, error) {
	return listen(addr, anywhere, func() (net.Listener, error) { return new(net.ListenConfig).Listen(ctx, "tcp", addr) })
}

func listen(addr string, anywhere bool, open func() (net.Listener, error)) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, ErrNoAddress
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) && !anywhere {
		return nil, ErrNotLoopback
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return nil, ErrPort
	}
	ln, err := open()
	if err != nil {
		return nil, err
	}
	// A name may resolve to any address.
	if tcp, ok := ln.Addr().(*net.TCPAddr); !anywhere && (!ok || !tcp.IP.IsLoopback()) {
		_ = ln.Close()
		return nil, ErrNotLoopback
	}
	return ln, nil
}
