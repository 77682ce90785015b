package sqlstore

import (
	"context"
	"database/sql"
	"sync"

	"github.com/hookonce/hookonce/core"
)

// session is where statements run: on the pool, in a transaction, or on one
// connection.
type session interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	// scan stores the only column of the first row into dest. The error is
	// sql.ErrNoRows if there is no row.
	scan(ctx context.Context, dest any, query string, args ...any) error
	// keys returns the only column of all rows.
	keys(ctx context.Context, query string, args ...any) (map[core.Key]bool, error)
}

func keysOf(rows *sql.Rows, err error) (map[core.Key]bool, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all map[core.Key]bool
	for rows.Next() {
		var key sql.RawBytes
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		if len(key) == len(core.Key{}) {
			if all == nil {
				all = make(map[core.Key]bool)
			}
			all[core.Key(key)] = true
		}
	}
	return all, rows.Err()
}

// plain lets the driver decide whether to prepare statements. PostgreSQL's
// drivers are configured for the pooler in use.
type plain struct {
	on interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}
}

func (p plain) keys(ctx context.Context, query string, args ...any) (map[core.Key]bool, error) {
	return keysOf(p.on.QueryContext(ctx, query, args...))
}

func (p plain) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return p.on.ExecContext(ctx, query, args...)
}

func (p plain) scan(ctx context.Context, dest any, query string, args ...any) error {
	return p.on.QueryRowContext(ctx, query, args...).Scan(dest)
}

// prepared keeps prepared statements, for drivers that otherwise prepare each
// call. database/sql prepares them again on each connection.
type prepared struct {
	on interface {
		PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	}
	mu    sync.Mutex
	stmts map[string]*sql.Stmt
}

func (p *prepared) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	p.mu.Lock()
	st := p.stmts[query]
	p.mu.Unlock()
	if st != nil {
		return st, nil
	}
	st, err := p.on.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.stmts[query]; first != nil { // another caller prepared it first
		_ = st.Close() //nolint:sqlclosecheck // the other statement is kept and returned
		return first, nil
	}
	if p.stmts == nil {
		p.stmts = make(map[string]*sql.Stmt)
	}
	p.stmts[query] = st
	return st, nil
}

func (p *prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	st, err := p.stmt(ctx, query) //nolint:sqlclosecheck // the statement is kept
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, args...)
}

func (p *prepared) scan(ctx context.Context, dest any, query string, args ...any) error {
	st, err := p.stmt(ctx, query) //nolint:sqlclosecheck // the statement is kept
	if err != nil {
		return err
	}
	return st.QueryRowContext(ctx, args...).Scan(dest)
}

func (p *prepared) keys(ctx context.Context, query string, args ...any) (map[core.Key]bool, error) {
	st, err := p.stmt(ctx, query) //nolint:sqlclosecheck // the statement is kept
	if err != nil {
		return nil, err
	}
	return keysOf(st.QueryContext(ctx, args...))
}
