package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// redisClient is a minimal client for redisstore. It sends one command at a
// time, on one connection. In a cluster it follows MOVED to the node that has a
// key. The module depends on no client library, and the seen command sends only
// a few commands.
type redisClient struct {
	store *url.URL

	mu   sync.Mutex
	addr string // the node to which it connects
	conn net.Conn
	in   *bufio.Reader
}

func newRedisClient(store *url.URL) *redisClient {
	addr := store.Host
	if store.Port() == "" {
		addr = net.JoinHostPort(store.Hostname(), "6379")
	}
	return &redisClient{store: store, addr: addr}
}

// hops bounds how many times a command is redirected to another node.
const hops = 3

// do sends one command. It is for redisstore.NewFunc.
func (r *redisClient) do(ctx context.Context, args ...any) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for hop := 1; ; hop++ {
		reply, err := r.once(ctx, args)
		var said replyError
		if err != nil && !errors.As(err, &said) {
			r.close() // a late reply must not be read as the reply to the next command
		}
		words := strings.Fields(string(said))
		if len(words) != 3 || words[0] != "MOVED" || hop == hops {
			return reply, err
		}
		r.close()
		r.addr = r.moved(words[2])
	}
}

// moved returns the address of a MOVED error. The error has no brackets around
// an IPv6 address, and no host if the node does not know its own.
func (r *redisClient) moved(to string) string {
	i := strings.LastIndexByte(to, ':')
	if i < 0 {
		return to
	}
	host := strings.Trim(to[:i], "[]")
	return net.JoinHostPort(cmp.Or(host, r.store.Hostname()), to[i+1:])
}

func (r *redisClient) close() {
	if r.conn != nil {
		_ = r.conn.Close()
		r.conn = nil
	}
}

func (r *redisClient) once(ctx context.Context, args []any) (any, error) {
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	return r.send(ctx, args)
}

// connect opens the connection, authenticates and selects the database.
func (r *redisClient) connect(ctx context.Context) error {
	if r.conn != nil {
		return nil
	}
	var err error
	if r.store.Scheme == "rediss" {
		host, _, _ := net.SplitHostPort(r.addr)
		d := tls.Dialer{Config: &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}}
		r.conn, err = d.DialContext(ctx, "tcp", r.addr)
	} else {
		var d net.Dialer
		r.conn, err = d.DialContext(ctx, "tcp", r.addr)
	}
	if err != nil {
		r.conn = nil
		return err
	}
	r.in = bufio.NewReader(r.conn)
	var first [][]any
	if password, ok := r.store.User.Password(); ok {
		auth := []any{"AUTH", r.store.User.Username(), password}
		if r.store.User.Username() == "" {
			auth = []any{"AUTH", password}
		}
		first = append(first, auth)
	}
	if db := strings.Trim(r.store.Path, "/"); db != "" && db != "0" {
		first = append(first, []any{"SELECT", db})
	}
	for _, command := range first {
		if _, err := r.send(ctx, command); err != nil {
			r.close()
			return err
		}
	}
	return nil
}

func (r *redisClient) send(ctx context.Context, args []any) (any, error) {
	deadline, _ := ctx.Deadline() // zero means no deadline
	if err := r.conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	command := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, arg := range args {
		text, ok := arg.(string)
		if !ok {
			return nil, fmt.Errorf("an argument has the unexpected type %T", arg)
		}
		command = fmt.Appendf(command, "$%d\r\n%s\r\n", len(text), text)
	}
	if _, err := r.conn.Write(command); err != nil {
		return nil, err
	}
	return readReply(r.in, 0)
}

// replyError is an error reply of the server.
type replyError string

func (e replyError) Error() string { return string(e) }

// The bounds of a reply: INFO takes a few kilobytes.
const (
	replyLimit = 16 << 20
	replyDepth = 4
)

var errReply = errors.New("the reply is not from a Redis server: check the address, and use rediss:// for TLS")

// readReply reads one RESP2 reply.
func readReply(in *bufio.Reader, depth int) (any, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		if errors.Is(err, bufio.ErrBufferFull) {
			err = errReply
		}
		return nil, err
	}
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok || text == "" {
		return nil, errReply
	}
	kind, rest := text[0], text[1:]
	switch kind {
	case '+':
		return rest, nil
	case '-':
		return nil, replyError(rest)
	}
	n, err := strconv.ParseInt(rest, 10, 64)
	switch {
	case err != nil || n > replyLimit && kind != ':':
		return nil, errReply
	case kind == ':':
		return n, nil
	case n < 0:
		return nil, nil //nolint:nilnil // the null reply
	case kind == '$':
		value := make([]byte, n+2)
		if _, err := io.ReadFull(in, value); err != nil {
			return nil, err
		}
		return string(value[:n]), nil
	case kind == '*' && depth < replyDepth:
		var all []any
		for range n {
			one, err := readReply(in, depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
		return all, nil
	default:
		return nil, errReply
	}
}
