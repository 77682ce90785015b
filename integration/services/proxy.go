package services

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Proxy says how an HTTP proxy is started. In Args and Config, {port} and {dir} stand for where it listens and its folder, {upstream},
// {host} and {upport} for where it passes requests to.
type Proxy struct {
	// Program is looked up as the others are, Package is Debian's.
	Program, Package string
	Args             []string
	// Config becomes the file {dir}/config.
	Config string
	// Own says that it must not run as root.
	Own bool
}

// StartProxy starts a proxy in front of upstream, which is host and port.
func StartProxy(t testing.TB, p Proxy, upstream string) *Server {
	t.Helper()
	program := find(t, p.Program, p.Package)
	dir, port := folder(t), freePort(t)
	host, target, err := net.SplitHostPort(upstream)
	if err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("{port}", strconv.Itoa(port), "{dir}", dir, "{upstream}", upstream, "{host}", host, "{upport}", target).Replace
	write(t, filepath.Join(dir, "config"), fill(p.Config))
	args := make([]string, len(p.Args))
	for i, arg := range p.Args {
		args[i] = fill(arg)
	}
	as := func() *syscall.SysProcAttr { return nil }
	if p.Own {
		as = unprivileged(t, dir)
	}
	return serve(t, &Server{
		Addr: address(port), name: p.Program, stop: syscall.SIGTERM, log: filepath.Join(dir, "log"),
		command: func() *exec.Cmd {
			cmd := exec.CommandContext(context.Background(), program, args...)
			cmd.Dir, cmd.SysProcAttr = dir, as()
			return cmd
		},
	})
}

// StartNode starts a script for Node.js as a proxy in front of upstream. dir has the script, and node_modules. The script is called with the
// port and upstream.
func StartNode(t testing.TB, dir, script, upstream string) *Server {
	t.Helper()
	program := find(t, "node", "nodejs")
	work, port := folder(t), freePort(t)
	return serve(t, &Server{
		Addr: address(port), name: script, stop: syscall.SIGTERM, log: filepath.Join(work, "log"),
		command: func() *exec.Cmd {
			cmd := exec.CommandContext(context.Background(), program, filepath.Join(dir, "proxy.mjs"), script, strconv.Itoa(port), upstream)
			cmd.Dir = dir
			return cmd
		},
	})
}
