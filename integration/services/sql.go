package services

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
)

// Postgres is a running PostgreSQL server with a database "hookonce" and a
// superuser "hookonce" without password.
type Postgres struct{ Server }

// StartPostgres creates a new cluster and starts it. settings are like
// "fsync=off"; the defaults are PostgreSQL's.
func StartPostgres(t testing.TB, settings ...string) *Postgres {
	t.Helper()
	initdb, program := Find(t, "initdb", "postgresql"), Find(t, "postgres", "postgresql")
	dir, port := folder(t), freePort(t)
	data := filepath.Join(dir, "data")
	as := unprivileged(t, dir)
	setUp := exec.Command(initdb, "-D", data, "-U", "hookonce", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	setUp.SysProcAttr, setUp.Dir = as(), dir
	run(t, setUp)
	p := startPostgres(t, program, dir, port, as, settings)
	execute(t, p.dsn(p.Addr, "postgres"), "CREATE DATABASE hookonce")
	return p
}

// startPostgres starts a server on the cluster in dir.
func startPostgres(t testing.TB, program, dir string, port int, as func() *syscall.SysProcAttr, settings []string) *Postgres {
	t.Helper()
	args := []string{"-D", filepath.Join(dir, "data"), "-p", strconv.Itoa(port), "-k", dir, "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	p := &Postgres{Server{
		Addr: address(port), name: "postgres", stop: syscall.SIGINT, log: filepath.Join(dir, "log"),
		command: func() *exec.Cmd {
			cmd := exec.Command(program, args...)
			cmd.SysProcAttr, cmd.Dir = as(), dir
			return cmd
		},
	}}
	p.ready = func(ctx context.Context) error { return ping(ctx, "pgx", p.dsn(p.Addr, "postgres")) }
	launch(t, &p.Server)
	return p
}

// StartStandby starts a standby of p. A commit on p is acknowledged when it has
// reached the standby.
func (p *Postgres) StartStandby(t testing.TB) *Postgres {
	t.Helper()
	backup, program := Find(t, "pg_basebackup", "postgresql-client"), Find(t, "postgres", "postgresql")
	dir, port := folder(t), freePort(t)
	as := unprivileged(t, dir)
	copied := exec.Command(backup, "-d", p.dsn(p.Addr, "postgres"), "-D", filepath.Join(dir, "data"), "-R", "-X", "stream", "-c", "fast", "--no-sync")
	copied.SysProcAttr, copied.Dir = as(), dir
	run(t, copied)
	s := startPostgres(t, program, dir, port, as, nil)
	dsn := p.dsn(p.Addr, "postgres")
	execute(t, dsn, "ALTER SYSTEM SET synchronous_standby_names = '*'")
	execute(t, dsn, "SELECT pg_reload_conf()")
	waitFor(t, func() error {
		db, err := sql.Open("pgx", dsn)
		if err != nil {
			return err
		}
		defer db.Close()
		var state string
		if err := db.QueryRowContext(context.Background(), "SELECT sync_state FROM pg_stat_replication").Scan(&state); err != nil {
			return err
		}
		if state != "sync" {
			return fmt.Errorf("the standby is %s", state)
		}
		return nil
	})
	return s
}

// Promote makes a standby an independent server.
func (p *Postgres) Promote() {
	p.t.Helper()
	execute(p.t, p.dsn(p.Addr, "postgres"), "SELECT pg_promote()")
}

// DSN returns the address of the database for pgx, whose name in database/sql
// is "pgx".
func (p *Postgres) DSN() string { return p.DSNAt(p.Addr) }

// DSNAt is DSN through another address, such as a proxy's.
func (p *Postgres) DSNAt(addr string) string { return p.dsn(addr, "hookonce") }

func (*Postgres) dsn(addr, database string) string {
	return fmt.Sprintf("postgres://hookonce@%s/%s?sslmode=disable", addr, database)
}

// MySQL is a running MySQL or MariaDB server with a database "hookonce" and a
// user "hookonce" with all rights and no password.
type MySQL struct{ Server }

// StartMariaDB creates new data and starts MariaDB on it. settings are like
// "innodb-flush-log-at-trx-commit=0"; the defaults are MariaDB's.
func StartMariaDB(t testing.TB, settings ...string) *MySQL {
	t.Helper()
	install, program := Find(t, "mariadb-install-db", "mariadb-server"), Find(t, "mariadbd", "mariadb-server")
	return startMySQL(t, "mariadbd", program, settings, func(dir, data string) *exec.Cmd {
		return exec.Command(install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db",
			"--tmpdir="+dir) // one that starts removes what it finds in there
	})
}

// StartMySQL creates new data and starts MySQL on it. settings are like those
// of [StartMariaDB]. Debian has MySQL only in its unstable distribution, so a
// test without it is skipped, even if [Required] is set.
func StartMySQL(t testing.TB, settings ...string) *MySQL {
	t.Helper()
	program := mysqld()
	if program == "" {
		t.Skip("MySQL is not installed: run `make services`, which takes it from Debian's unstable distribution. MariaDB is not taken for it")
	}
	settings = append([]string{"mysqlx=OFF", "pid-file=pid", "secure-file-priv=NULL"}, settings...)
	return startMySQL(t, "mysqld", program, settings, func(_, data string) *exec.Cmd {
		return exec.Command(program, "--no-defaults", "--initialize-insecure", "--datadir="+data, "--innodb-redo-log-capacity=8M")
	})
}

// mysqld finds MySQL itself. MariaDB also installs a program of that name.
func mysqld() string {
	installed, _ := exec.LookPath("mysqld")
	for _, path := range []string{privateMySQL, installed, "/usr/sbin/mysqld"} {
		if version, err := exec.Command(path, "--version").Output(); err == nil && !bytes.Contains(version, []byte("MariaDB")) {
			return path
		}
	}
	return ""
}

// privateMySQL is where `make services` installs MySQL with its libraries.
const privateMySQL = "/opt/hookonce-mysql/mysqld"

func startMySQL(t testing.TB, name, program string, settings []string, install func(dir, data string) *exec.Cmd) *MySQL {
	t.Helper()
	dir, port := folder(t), freePort(t)
	as := unprivileged(t, dir)
	data, first := filepath.Join(dir, "data"), filepath.Join(dir, "first.sql")
	setUp := install(dir, data)
	setUp.SysProcAttr, setUp.Dir = as(), dir
	run(t, setUp)
	const accounts = "CREATE DATABASE IF NOT EXISTS hookonce;\nCREATE USER IF NOT EXISTS hookonce@'%';\nGRANT ALL ON *.* TO hookonce@'%' WITH GRANT OPTION;\n"
	if err := os.WriteFile(first, []byte(accounts), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"--no-defaults", "--datadir=" + data, "--port=" + strconv.Itoa(port), "--bind-address=127.0.0.1",
		"--tmpdir=" + dir, "--socket=" + filepath.Join(dir, "socket"), "--skip-name-resolve", "--init-file=" + first, "--max-connections=200",
	}
	for _, s := range settings {
		args = append(args, "--"+s)
	}
	m := &MySQL{Server{
		Addr: address(port), name: name, stop: syscall.SIGTERM, log: filepath.Join(dir, "log"),
		command: func() *exec.Cmd {
			cmd := exec.Command(program, args...)
			cmd.SysProcAttr, cmd.Dir = as(), dir
			return cmd
		},
	}}
	m.ready = func(ctx context.Context) error {
		if err := answers(ctx, m.Addr); err != nil { // the driver would log each refusal
			return err
		}
		return ping(ctx, "mysql", m.DSN())
	}
	launch(t, &m.Server)
	return m
}

// DSN returns the address of the database for go-sql-driver, whose name in
// database/sql is "mysql".
func (m *MySQL) DSN() string { return m.DSNAt(m.Addr) }

// DSNAt is DSN through another address, such as a proxy's.
func (*MySQL) DSNAt(addr string) string { return "hookonce@tcp(" + addr + ")/hookonce" }

func ping(ctx context.Context, driver, dsn string) error {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(ctx)
}

// execute runs a statement in PostgreSQL.
func execute(t testing.TB, dsn, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// unprivileged gives dir to "nobody" if the test runs as root, because database
// servers refuse to run as root. It returns how to run a program as that user.
func unprivileged(t testing.TB, dir string) func() *syscall.SysProcAttr {
	t.Helper()
	if os.Geteuid() != 0 {
		return func() *syscall.SysProcAttr { return nil }
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(nobody.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return func() *syscall.SysProcAttr {
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
}
