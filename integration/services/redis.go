package services

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Engine is the environment variable that replaces every Redis here by valkey.
const Engine = "HOOKONCE_REDIS"

func engine() string {
	if name := os.Getenv(Engine); name != "" {
		return name
	}
	return "redis"
}

// Redis is a running redis-server or valkey-server.
type Redis struct{ Server }

// StartRedis starts a server that writes every command to disk before it
// replies, so that Kill and Start lose nothing. args are added to its command
// line and override the defaults: "--appendonly", "no".
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	return startRedis(t, freePort(t), args...)
}

func startRedis(t testing.TB, port int, args ...string) *Redis {
	t.Helper()
	program := Find(t, engine()+"-server", engine()+"-server")
	dir := folder(t)
	all := append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", dir, "--daemonize", "no",
		"--save", "", "--appendonly", "yes", "--appendfsync", "always",
	}, args...)
	r := &Redis{Server{
		Addr: address(port), name: engine() + "-server", stop: syscall.SIGTERM, log: filepath.Join(dir, "log"),
		command: func() *exec.Cmd { return exec.Command(program, all...) },
	}}
	r.ready = func(ctx context.Context) error { return pingRedis(ctx, r.Addr) }
	launch(t, &r.Server)
	return r
}

// pingRedis asks without a client. Any reply but "loading" will do, even one
// that asks for a password.
func pingRedis(ctx context.Context, addr string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && len(line) > 8 && line[:8] == "-LOADING" {
		err = errors.New("it is loading its data")
	}
	return err
}
