package main

import (
	"bufio"
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// An unreachable store is a system failure, and no error shows its password.
func TestSeenOfAStoreThatIsAwayFails(t *testing.T) {
	t.Parallel()
	got := hookonce(t, "", []string{"HOOKONCE_STORE=redis://me:hunter2@127.0.0.1:1"}, "seen", "show", "--namespace", "x", "--id", "msg_1")
	if got.code != 1 || !strings.Contains(got.errs, "the server cannot be reached") || strings.Contains(got.errs, "hunter2") {
		t.Errorf("%+v", got)
	}
}

func TestSeenWantsTheRequestThatTheReceiverTakes(t *testing.T) {
	t.Parallel()
	secret := file(t, core.GenerateSecret())
	got := hookonce(t, "POST / HTTP/1.1\nwebhook-id: a\nwebhook-timestamp: 1700000000\nwebhook-signature: v1,AAAA\n\nx", nil, "seen", "show",
		"--store", "redis://127.0.0.1:1", "--namespace", "x", "--secret-file", secret, "--request", "-", "--now", "1700000000")
	if got.code != 1 || !strings.Contains(got.errs, "the receiver refuses the request, so its record cannot be found") {
		t.Errorf("%+v", got)
	}
}

func TestRedisRepliesAreRead(t *testing.T) {
	t.Parallel()
	read := func(text string) (any, error) { return readReply(bufio.NewReader(strings.NewReader(text)), 0) }
	for text, want := range map[string]any{
		"+OK\r\n": "OK", "$3\r\na\r\n\r\n": "a\r\n", "$0\r\n\r\n": "", ":-7\r\n": int64(-7), "$-1\r\n": nil, "*-1\r\n": nil,
	} {
		if got, err := read(text); got != want || err != nil {
			t.Errorf("%q is read as %v, %v", text, got, err)
		}
	}
	if got, err := read("*2\r\n$1\r\na\r\n*1\r\n:1\r\n"); err != nil || len(got.([]any)) != 2 { //nolint:errcheck // a panic fails as well
		t.Error(got, err)
	}
	var said replyError
	if _, err := read("-ERR no\r\n"); !errors.As(err, &said) || said != "ERR no" {
		t.Error(err)
	}
	for _, text := range []string{
		"", "\r\n", "+OK", "+OK\n", "HTTP/1.1 400 Bad Request\r\n", "$x\r\n", "$99999999999\r\n", "$4\r\nab", "*2\r\n:1\r\n",
		strings.Repeat("*1\r\n", 9) + ":1\r\n", strings.Repeat("x", 1<<16),
	} {
		if got, err := read(text); err == nil {
			t.Errorf("%.20q is read as %v", text, got)
		}
	}
}

// TestRedisClientFollowsACluster has one node redirect to another, which requires the password
// again.
func TestRedisClientFollowsACluster(t *testing.T) {
	t.Parallel()
	second := redisNode(t, func(command string) string {
		if strings.Contains(command, "GET") {
			return "$5\r\nvalue\r\n"
		}
		return "+OK\r\n"
	})
	first := redisNode(t, func(command string) string {
		if strings.Contains(command, "GET") {
			return "-MOVED 866 " + second + "\r\n"
		}
		return "+OK\r\n"
	})
	at, err := url.Parse("redis://me:secret@" + first + "/2")
	if err != nil {
		t.Fatal(err)
	}
	client := newRedisClient(at)
	defer client.close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if got, err := client.do(ctx, "GET", "key"); got != "value" || err != nil {
		t.Error(got, err)
	}
	circle := redisNode(t, func(string) string { return "-MOVED 866 " + first + "\r\n" })
	at.Host, at.User, at.Path = circle, nil, ""
	client = newRedisClient(at)
	defer client.close()
	if got, err := client.do(ctx, "GET", "key"); got != "value" || err != nil {
		t.Error(got, err)
	}
}

// redisNode responds to each command.
func redisNode(t *testing.T, answer func(command string) string) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it lives as long as the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buf := make([]byte, 4096)
				for {
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					if _, err := io.WriteString(conn, answer(string(buf[:n]))); err != nil {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// An unusable URL is refused before any connection, and no error shows it.
func TestSeenRefusesStoresThatWouldShowOrLoseAPassword(t *testing.T) {
	t.Parallel()
	for store, want := range map[string]string{
		"postgres://me@127.0.0.1:1/db?sslpassword=hunter2": "sslpassword",
		"redis://:1#hunter2@127.0.0.1:1":                   "%23",
		"mysql://me:1#hunter2@127.0.0.1:1/db":              "%23",
		"sqlite:seen#hunter2.db":                           "%23",
	} {
		got := hookonce(t, "", []string{"HOOKONCE_STORE=" + store}, "seen", "show", "--namespace", "x", "--id", "msg_1")
		if got.code != 2 || !strings.Contains(got.errs, want) || strings.Contains(got.errs, "hunter2") {
			t.Errorf("%s: %+v", store, got)
		}
	}
}

// A server chooses the text of its errors, but must not control the terminal.
func TestSeenShowsNoControlCharactersOfAServer(t *testing.T) {
	t.Parallel()
	node := redisNode(t, func(string) string { return "-ERR \x1b]0;owned\a \u009b31m\r\n" })
	got := hookonce(t, "", nil, "seen", "show", "--store", "redis://"+node, "--namespace", "x", "--id", "msg_1")
	if got.code != 1 || !strings.Contains(got.errs, "owned") || strings.ContainsAny(got.errs, "\x1b\a\u009b") {
		t.Errorf("status %d, it says %+q", got.code, got.errs)
	}
}

// A redirect may have an IPv6 address, without brackets, or only the port.
func TestRedisClientReadsAddressesOfIPv6(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]string{
		"::1:7001": "[::1]:7001", ":7001": "[fd00::2]:7001", "10.0.0.7:7001": "10.0.0.7:7001", "b.example.com:7001": "b.example.com:7001", "[::1]:7001": "[::1]:7001",
	} {
		r := newRedisClient(&url.URL{Scheme: "redis", Host: "[fd00::2]:6379"})
		if got := r.moved(to); got != want {
			t.Errorf("%s leads to %s, want %s", to, got, want)
		}
	}
}

// TestSQLParametersAreHexadecimal: no input becomes SQL.
func TestSQLParametersAreHexadecimal(t *testing.T) {
	t.Parallel()
	for store, want := range map[string]string{
		"postgres://me:hunter2@h/db": `SELECT encode(value, 'hex') FROM t WHERE a = convert_from(decode('27273b2d2d', 'hex'), 'UTF8') AND b = decode('00ff', 'hex') AND c = 7`,
		"postgres://me@h/db?connect_timeout=3&application_name=a%20b&password=hunter2": `SELECT encode(value, 'hex') FROM t WHERE a = convert_from(decode('27273b2d2d', 'hex'), 'UTF8') AND b = decode('00ff', 'hex') AND c = 7`,
		"mysql://me:hunter2@h:1/db": `SELECT HEX(value) FROM t WHERE a = X'27273b2d2d' AND b = X'00ff' AND c = 7`,
	} {
		at, err := url.Parse(store)
		if err != nil {
			t.Fatal(err)
		}
		e, err := newSQLEngine(at)
		if err != nil {
			t.Fatal(err)
		}
		if args := strings.Join(e.args, " "); strings.Contains(args, "hunter2") || !strings.Contains(strings.Join(e.env, " "), "hunter2") {
			t.Errorf("the password is not in the environment alone: %q", args)
		}
		query := "SELECT value FROM t WHERE a = ? AND b = ? AND c = ?"
		if at.Scheme == "postgres" {
			query = "SELECT value FROM t WHERE a = $1 AND b = $2 AND c = $3"
		}
		got, err := e.fill(query, []driver.NamedValue{{Value: "'';--"}, {Value: []byte{0, 255}}, {Value: int64(7)}})
		if got != want || err != nil {
			t.Errorf("%s: %q, %v", store, got, err)
		}
		if _, err := e.fill(query, nil); err == nil {
			t.Error("a parameter without a value is no error")
		}
	}
}
