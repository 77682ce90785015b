package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Tx binds the store to a transaction of the handler, for [core.Commit]: the
// swaps of the result are committed or rolled back with the transaction. They
// are never retried, because a failed statement cannot be retried in its
// transaction. After an error, roll back. Use the result only until the
// transaction ends, in one goroutine at a time.
func (s *Store) Tx(tx *sql.Tx) core.SeenStore {
	return &txStore{s, tx}
}

type txStore struct {
	*Store

	tx *sql.Tx
}

// Swap implements [core.SeenStore].
func (t *txStore) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	if err := t.mistake(); err != nil {
		return core.Value{}, err
	}
	if t.tx == nil {
		return core.Value{}, errors.New("sqlstore: Tx got a nil transaction: pass the *sql.Tx from BeginTx")
	}
	// Not prepared on the pool, because that would wait for a second connection while this one has
	// locks.
	live, err := t.stmts.swap(ctx, plain{t.tx}, t.stmts.readTx,
		&change{namespace: t.space, key: key, old: old, next: next, ttl: milliseconds(ttl)})
	if err != nil {
		return core.Value{}, t.explain(ctx, "swap in the handler's transaction (roll it back)", err)
	}
	return live, nil
}
