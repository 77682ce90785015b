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

// Proxy describes how to start an HTTP proxy. In Args and Config, {port} is the
// port on which it listens and {dir} its folder. {upstream}, or {host} and
// {upport}, is the address to which it forwards requests.
type Proxy struct {
	Program string
	Package string // Debian's name
	Args    []string
	Config  string // becomes the file {dir}/config
	// Unprivileged is for a proxy that refuses to run as root.
	Unprivileged bool
}

// StartProxy starts a proxy that forwards to upstream, given as host and port.
func StartProxy(t testing.TB, p Proxy, upstream string) *Server {
	t.Helper()
	program := Find(t, p.Program, p.Package)
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
	if p.Unprivileged {
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

// StartNode starts the proxy name of proxy.mjs, in a folder that [NodeModules]
// made. It forwards to upstream.
func StartNode(t testing.TB, dir, name, upstream string) *Server {
	t.Helper()
	program := Find(t, "node", "nodejs")
	work, port := folder(t), freePort(t)
	return serve(t, &Server{
		Addr: address(port), name: name, stop: syscall.SIGTERM, log: filepath.Join(work, "log"),
		command: func() *exec.Cmd {
			cmd := exec.CommandContext(context.Background(), program, filepath.Join(dir, "proxy.mjs"), name, strconv.Itoa(port), upstream)
			cmd.Dir = dir
			return cmd
		},
	})
}
