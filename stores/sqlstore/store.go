package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/birth"
	"github.com/hookonce/hookonce/internal/group"
	"github.com/hookonce/hookonce/internal/owners"
)

// Store is a [core.SeenStore] in a database. Create one with [New] for each
// verifier. It is safe for concurrent use. It owns no connection, has no
// goroutine between calls, and needs no Close.
type Store struct {
	namespace string
	space     any // the namespace, as an argument
	db        *sql.DB
	dialect   Dialect
	stmts     statements
	pool      session
	batcher   batcher // SQLite only
	line      group.Line[*claiming]
	birth     birth.Birth
	purging   chan struct{} // held by the running purge
	notes     notes         // guarded by purging
	vouching  chan struct{} // held by the caller of vouch
	vouched   atomic.Bool
	owners    *owners.Set
}

// New returns a [Store] with its records in db. namespace separates the records
// of one verifier from those of other verifiers in the same table. It is 1 to
// 64 printable ASCII characters long, and must be the same in every process
// that serves the endpoint. New does not connect to the database. [core.New]
// reports invalid arguments.
func New(namespace string, db *sql.DB, d Dialect) *Store {
	s := &Store{
		namespace: namespace, space: namespace, db: db, dialect: d, stmts: d.statements(),
		purging: make(chan struct{}, 1), vouching: make(chan struct{}, 1),
	}
	s.owners = owners.New("sqlstore", "give each verifier a store with its own namespace, or name the tenants with core.Secrets(...).From(name)")
	s.birth.Begin()
	s.pool = plain{db}
	if d != Postgres {
		s.pool = &prepared{on: db}
	}
	s.batcher.store = s
	s.line.Send, s.line.Width, s.line.Most = s.claimAll, width, most
	return s
}

// Bind is called by [core.New]. It reports an invalid store, and a store that
// already serves a verifier of the same scheme and source. It cannot
// distinguish two stores with one namespace from two processes that share the
// namespace.
func (s *Store) Bind(owner string) error {
	if err := s.mistake(); err != nil {
		return err
	}
	return s.owners.Add(owner)
}

// mistake returns an error for an invalid argument of New.
func (s *Store) mistake() error {
	switch {
	case s == nil || s.owners == nil:
		return errors.New("sqlstore: the zero Store cannot be used: create the store with sqlstore.New")
	case s.db == nil:
		return errors.New("sqlstore: New got a nil database: pass the *sql.DB from sql.Open")
	case s.stmts.file == "":
		return errors.New("sqlstore: New got no dialect: pass sqlstore.Postgres, sqlstore.MySQL or sqlstore.SQLite")
	case s.namespace == "" || len(s.namespace) > 64 || strings.ContainsFunc(s.namespace, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("sqlstore: the namespace %q must be 1 to 64 printable ASCII characters without spaces, such as the name of the endpoint", s.namespace)
	}
	return nil
}

// Swap implements [core.SeenStore]. Its errors wrap the driver's error, and say
// what to do about the common ones. They also wrap [core.ErrStoreFull] if the
// database is full.
func (s *Store) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	if err := s.mistake(); err != nil {
		return core.Value{}, err
	}
	if err := ctx.Err(); err != nil {
		return core.Value{}, fmt.Errorf("sqlstore: swap: %w", err)
	}
	live, err := s.claim(ctx, &change{namespace: s.space, key: key, old: old, next: next, ttl: milliseconds(ttl)})
	if err != nil {
		return core.Value{}, s.explain(ctx, "swap", err)
	}
	return live, nil
}

func (s *Store) swap(ctx context.Context, c *change) (live core.Value, err error) {
	if s.dialect == SQLite {
		return s.batcher.swap(ctx, c)
	}
	if err := s.vouch(ctx); err != nil {
		return core.Value{}, err
	}
	// A claim that must read the marker is made alone: at most a hundred each second.
	if c.old == (core.Value{}) && c.known == nil && c.key != sinceKey {
		if live, settled, err := s.inGroup(ctx, c); settled {
			return live, err
		}
		if s.birth.Due(dueAfter) { // the claim waited, or its group failed
			c.known = s.birth.Known()
		}
	}
	return s.alone(ctx, c)
}

// alone makes a swap with separate statements.
func (s *Store) alone(ctx context.Context, c *change) (live core.Value, err error) {
	err = retry(ctx, func() error {
		live, err = s.stmts.swap(ctx, s.pool, s.stmts.read, c)
		return err
	})
	return live, err
}

// retry repeats a call that the engine refused because of a concurrent call.
func retry(ctx context.Context, do func() error) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		err := do()
		if err == nil || !conflict(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err) // on one line, for logs
		case <-time.After(pause):
		}
	}
}
