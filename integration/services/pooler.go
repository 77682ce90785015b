package services

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// StartPgBouncer starts a PgBouncer that forwards to p. mode is session,
// transaction or statement. [Postgres.DSNAt] with its address goes through it.
func StartPgBouncer(t testing.TB, p *Postgres, mode string, settings ...string) *Server {
	t.Helper()
	program := Find(t, "pgbouncer", "pgbouncer")
	dir, port := folder(t), freePort(t)
	host, target, _ := net.SplitHostPort(p.Addr)
	file := filepath.Join(dir, "pgbouncer.ini")
	write(t, file, fmt.Sprintf("[databases]\n* = host=%s port=%s user=hookonce\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\n"+
		"auth_type = any\nunix_socket_dir =\npool_mode = %s\nmax_client_conn = 300\nignore_startup_parameters = extra_float_digits\n%s\n",
		host, target, port, mode, strings.Join(settings, "\n")))
	as := unprivileged(t, dir)
	s := &Server{
		Addr: address(port), name: "pgbouncer", stop: syscall.SIGINT, log: filepath.Join(dir, "log"),
		command: func() *exec.Cmd {
			cmd := exec.Command(program, file)
			cmd.SysProcAttr, cmd.Dir = as(), dir
			return cmd
		},
	}
	s.ready = func(ctx context.Context) error {
		return ping(ctx, "pgx", p.DSNAt(s.Addr)+"&default_query_exec_mode=simple_protocol")
	}
	launch(t, s)
	return s
}

// StartHAProxy starts a HAProxy that forwards connections to the first server
// that listens.
func StartHAProxy(t testing.TB, addrs ...string) *Server {
	t.Helper()
	program := Find(t, "haproxy", "haproxy")
	dir, port := folder(t), freePort(t)
	file := filepath.Join(dir, "haproxy.cfg")
	var text strings.Builder
	fmt.Fprintf(&text, "defaults\n  mode tcp\n  timeout connect 2s\n  timeout client 1m\n  timeout server 1m\n  option redispatch\n"+
		"listen hookonce\n  bind 127.0.0.1:%d\n  default-server inter 200ms fall 2 rise 1 on-marked-down shutdown-sessions\n", port)
	for i, addr := range addrs {
		backup := ""
		if i > 0 {
			backup = " backup"
		}
		fmt.Fprintf(&text, "  server s%d %s check%s\n", i, addr, backup)
	}
	write(t, file, text.String())
	return serve(t, &Server{
		Addr: address(port), name: "haproxy", stop: syscall.SIGTERM, log: filepath.Join(dir, "log"),
		command: func() *exec.Cmd { return exec.Command(program, "-db", "-f", file) },
	})
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// StartPgpool starts a pgpool that forwards to p. mode is its clustering mode.
func StartPgpool(t testing.TB, p *Postgres, mode string) *Server {
	t.Helper()
	program := Find(t, "pgpool", "pgpool2")
	dir, port := folder(t), freePort(t)
	host, target, _ := net.SplitHostPort(p.Addr)
	file := filepath.Join(dir, "pgpool.conf")
	write(t, file, fmt.Sprintf("backend_clustering_mode = '%s'\nsr_check_period = 0\nbackend_hostname0 = '%s'\nbackend_port0 = %s\n"+
		"listen_addresses = '127.0.0.1'\nport = %d\nsocket_dir = '%[5]s'\npcp_port = %[6]d\npcp_socket_dir = '%[5]s'\n"+
		"pid_file_name = '%[5]s/pid'\nlogdir = '%[5]s'\nnum_init_children = 64\nmax_pool = 1\nenable_pool_hba = off\n",
		mode, host, target, port, dir, freePort(t)))
	as := unprivileged(t, dir)
	s := &Server{
		Addr: address(port), name: "pgpool", stop: syscall.SIGINT, log: filepath.Join(dir, "log"),
		command: func() *exec.Cmd {
			cmd := exec.Command(program, "-n", "-f", file, "-a", filepath.Join(dir, "no-hba"), "-F", filepath.Join(dir, "no-pcp"))
			cmd.SysProcAttr, cmd.Dir = as(), dir
			return cmd
		},
	}
	s.ready = func(ctx context.Context) error { return ping(ctx, "pgx", p.DSNAt(s.Addr)) }
	launch(t, s)
	return s
}
