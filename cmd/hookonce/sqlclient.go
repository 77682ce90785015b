package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hookonce/hookonce/stores/sqlstore"
)

// sqlEngine is a database whose command-line client runs the statements of
// sqlstore. The module depends on no driver.
type sqlEngine struct {
	dialect  sqlstore.Dialect
	programs []string // the first one installed is used
	pkg      string   // the package that usually contains it
	args     []string
	env      []string
	first    string // the first input of a session

	bytes func(string) string // returns a literal of bytes from hexadecimal
	text  func(string) string // the same for a text
	value string              // an expression for the column value in hexadecimal
	mark  string              // the format of a statement that prints a text, a space, and how many rows the last one changed
}

// newSQLEngine prepares the arguments of the client. A password is passed in
// the environment, because the process list shows arguments.
func newSQLEngine(store *url.URL) (*sqlEngine, error) {
	password, _ := store.User.Password()
	at := *store
	switch store.Scheme {
	case "postgres", "postgresql":
		if store.User != nil {
			at.User = url.User(store.User.Username())
		}
		query := store.Query()
		if query.Has("sslpassword") {
			return nil, usageError("--store: sslpassword would be visible in the process list. Use a key without a password, or a service file")
		}
		if query.Has("password") { // libpq prefers this password to the one before the @
			password = query.Get("password")
			query.Del("password")
			at.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // libpq does not decode +
		}
		e := &sqlEngine{
			dialect: sqlstore.Postgres, programs: []string{"psql"}, pkg: "postgresql-client",
			args:  []string{"--no-psqlrc", "--no-align", "--tuples-only", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--dbname=" + at.String()},
			bytes: func(h string) string { return "decode('" + h + "', 'hex')" }, // '\x…' depends on standard_conforming_strings
			text:  func(h string) string { return "convert_from(decode('" + h + "', 'hex'), 'UTF8')" },
			value: "SELECT encode(value, 'hex') FROM", mark: "\\echo %s :ROW_COUNT\n",
		}
		if password != "" {
			e.env = []string{"PGPASSWORD=" + password}
		}
		return e, nil
	case "mysql", "mariadb":
		e := &sqlEngine{
			dialect: sqlstore.MySQL, programs: []string{"mariadb", "mysql"}, pkg: "mariadb-client or mysql-client",
			// After an error, force and reconnect would continue with the next statement, and a
			// failure would look like an empty result.
			args: []string{
				"--batch", "--skip-column-names", "--unbuffered", "--skip-force", "--skip-reconnect", "--protocol=tcp", "--host=" + store.Hostname(),
			},
			bytes: func(h string) string { return "X'" + h + "'" }, text: func(h string) string { return "X'" + h + "'" },
			value: "SELECT HEX(value) FROM", mark: "SELECT CONCAT('%s ', ROW_COUNT());\n",
		}
		if store.Port() != "" {
			e.args = append(e.args, "--port="+store.Port())
		}
		if user := store.User.Username(); user != "" {
			e.args = append(e.args, "--user="+user)
		}
		e.args = append(e.args, "--database="+strings.Trim(store.Path, "/"))
		if password != "" {
			e.env = []string{"MYSQL_PWD=" + password}
		}
		return e, nil
	default: // sqlite
		file := store.Opaque + store.Path
		if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() { //nolint:gosec // the user names the file; the client would create a missing one
			return nil, usageError("--store: found no regular file at the path in sqlite:PATH: check the path")
		}
		if strings.HasPrefix(file, "-") {
			file = "./" + file
		}
		return &sqlEngine{
			dialect: sqlstore.SQLite, programs: []string{"sqlite3"}, pkg: "sqlite3",
			args: []string{"-batch", "-bail", "-noheader", "-init", os.DevNull, file}, first: ".timeout 5000\n",
			bytes: func(h string) string { return "X'" + h + "'" }, text: func(h string) string { return "CAST(X'" + h + "' AS TEXT)" },
			value: "SELECT hex(value) FROM", mark: "SELECT '%s ' || changes();\n",
		}, nil
	}
}

// open returns a pool for sqlstore.
func (e *sqlEngine) open() (*sql.DB, error) {
	for _, name := range e.programs {
		if program, err := exec.LookPath(name); err == nil {
			return sql.OpenDB(&sqlConnector{e, program}), nil
		}
	}
	return nil, fmt.Errorf("the program %s is needed to reach the database, but is not installed: install the package %s",
		strings.Join(e.programs, " or "), e.pkg)
}

type sqlConnector struct {
	engine  *sqlEngine
	program string
}

// Driver implements driver.Connector. It is never called.
func (c *sqlConnector) Driver() driver.Driver { return nil }

// Connect starts a client, which ends when its standard input is closed.
func (c *sqlConnector) Connect(context.Context) (driver.Conn, error) {
	cmd := exec.Command(c.program, c.engine.args...) //nolint:gosec,noctx // the client of the engine; it lives as long as the connection
	cmd.Env = append(os.Environ(), c.engine.env...)
	s := &sqlSession{engine: c.engine, cmd: cmd, mark: "hookonce-" + rand.Text()}
	cmd.Stderr = &s.errs
	cmd.WaitDelay = time.Second
	var err error
	if s.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(out)
	_, _ = io.WriteString(s.in, c.engine.first) // the first statement reports a failure
	return s, nil
}

// sqlSession is a connection: a process of the client. An error ends the
// process, so that no output is read as the result of another statement.
type sqlSession struct {
	engine *sqlEngine
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	errs   bytes.Buffer
	mark   string
	ended  bool
}

// run runs a statement. It returns the lines that the client printed and the
// number of changed rows.
func (s *sqlSession) run(ctx context.Context, query string, args []driver.NamedValue) (lines []string, rows int64, err error) {
	if s.ended {
		return nil, 0, driver.ErrBadConn
	}
	stop := context.AfterFunc(ctx, func() { _ = s.cmd.Process.Kill() })
	defer stop()
	text, err := s.engine.fill(query, args)
	if err != nil {
		return nil, 0, err
	}
	// The semicolon is on a separate line, because a statement may end in a comment.
	_, err = io.WriteString(s.in, text+"\n;\n"+fmt.Sprintf(s.engine.mark, s.mark))
	for err == nil {
		var line string
		if line, err = s.out.ReadString('\n'); err != nil {
			break
		}
		line = strings.TrimRight(line, "\r\n")
		if count, ok := strings.CutPrefix(line, s.mark+" "); ok {
			rows, _ = strconv.ParseInt(count, 10, 64) // psql prints no count for BEGIN
			return lines, rows, nil
		}
		lines = append(lines, line)
	}
	_ = s.Close()
	if ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	if said := strings.Join(strings.Fields(s.errs.String()), " "); said != "" {
		return nil, 0, errors.New(said)
	}
	return nil, 0, fmt.Errorf("%s exited: %w", filepath.Base(s.cmd.Path), err)
}

var placeholders = regexp.MustCompile(`\?|\$\d+`)

// fill inserts the arguments into a statement: numbers in decimal and all
// others in hexadecimal. The statements of sqlstore use ? and $1 only for
// arguments.
func (e *sqlEngine) fill(query string, args []driver.NamedValue) (string, error) {
	if rest, ok := strings.CutPrefix(query, "SELECT value FROM"); ok {
		query = e.value + rest
	}
	next := 0
	var wrong error
	text := placeholders.ReplaceAllStringFunc(query, func(sign string) string {
		i := next
		if sign != "?" {
			i, _ = strconv.Atoi(sign[1:])
			i--
		}
		next++
		if i < 0 || i >= len(args) {
			wrong = fmt.Errorf("a parameter in a statement of sqlstore has no value: %s", query)
			return ""
		}
		switch v := args[i].Value.(type) {
		case int64:
			return strconv.FormatInt(v, 10)
		case []byte:
			return e.bytes(hex.EncodeToString(v))
		case string:
			return e.text(hex.EncodeToString([]byte(v)))
		default:
			wrong = fmt.Errorf("a parameter has the unexpected type %T", v)
			return ""
		}
	})
	return text, wrong
}

// ExecContext implements driver.ExecerContext.
func (s *sqlSession) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	_, rows, err := s.run(ctx, query, args)
	return driver.RowsAffected(rows), err
}

// QueryContext implements driver.QueryerContext.
func (s *sqlSession) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	lines, _, err := s.run(ctx, query, args)
	if err != nil {
		return nil, err
	}
	r := new(sqlRows)
	for _, line := range lines {
		if !strings.HasPrefix(query, "SELECT value FROM") {
			r.values = append(r.values, line)
			continue
		}
		value, err := hex.DecodeString(line)
		if err != nil {
			return nil, fmt.Errorf("the output of %s is not a record", filepath.Base(s.cmd.Path))
		}
		r.values = append(r.values, value)
	}
	return r, nil
}

// Prepare implements driver.Conn. It does not prepare the statement.
func (s *sqlSession) Prepare(query string) (driver.Stmt, error) { return &sqlStatement{s, query}, nil }

// Begin implements driver.Conn.
func (s *sqlSession) Begin() (driver.Tx, error) {
	_, _, err := s.run(context.Background(), "BEGIN", nil)
	return s, err
}

// Commit implements driver.Tx.
func (s *sqlSession) Commit() error {
	_, _, err := s.run(context.Background(), "COMMIT", nil)
	return err
}

// Rollback implements driver.Tx.
func (s *sqlSession) Rollback() error {
	_, _, err := s.run(context.Background(), "ROLLBACK", nil)
	return err
}

// Close implements driver.Conn.
func (s *sqlSession) Close() error {
	if s.ended {
		return nil
	}
	s.ended = true
	_ = s.in.Close()
	_ = s.cmd.Wait() // the result of each statement was already read
	return nil
}

// sqlStatement stands for a prepared statement.
type sqlStatement struct {
	*sqlSession

	query string
}

func (*sqlStatement) Close() error { return nil }

// NumInput implements driver.Stmt. The number is unknown.
func (*sqlStatement) NumInput() int { return -1 }

// Exec implements driver.Stmt.
func (s *sqlStatement) Exec([]driver.Value) (driver.Result, error) { return nil, driver.ErrSkip }

// Query implements driver.Stmt.
func (s *sqlStatement) Query([]driver.Value) (driver.Rows, error) { return nil, driver.ErrSkip }

// ExecContext implements driver.StmtExecContext.
func (s *sqlStatement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.sqlSession.ExecContext(ctx, s.query, args)
}

// QueryContext implements driver.StmtQueryContext.
func (s *sqlStatement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.sqlSession.QueryContext(ctx, s.query, args)
}

// sqlRows are rows of one column.
type sqlRows struct{ values []driver.Value }

// Columns implements driver.Rows.
func (*sqlRows) Columns() []string { return []string{"value"} }

// Close implements driver.Rows.
func (*sqlRows) Close() error { return nil }

// Next implements driver.Rows.
func (r *sqlRows) Next(dest []driver.Value) error {
	if len(r.values) == 0 {
		return io.EOF
	}
	dest[0], r.values = r.values[0], r.values[1:]
	return nil
}
