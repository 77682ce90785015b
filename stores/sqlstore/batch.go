package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/group"
)

// batcher commits concurrent swaps on an SQLite file in one transaction. SQLite
// has one writer at a time, and each commit writes to the disk. Single commits
// would be slow, and their callers would wait for locks instead of in a queue.
//
// The goroutine that commits lives as long as callers wait. A caller waits no
// longer than its context allows, whatever the driver does. If its context
// ends, it is unknown whether the swap happens.
type batcher struct {
	store *Store

	mu      sync.Mutex
	waiting []*waiter
	running bool
}

// waiter is a swap in the queue.
type waiter struct {
	ctx    context.Context //nolint:containedctx // of the waiting caller
	change *change
	live   core.Value
	err    error
	done   chan struct{} // closed when live and err are set
}

// maxBatch bounds how long a batch holds the write lock.
const maxBatch = 256

// swap reads first: a swap that writes nothing, such as a duplicate, need not
// wait in the queue.
func (b *batcher) swap(ctx context.Context, c *change) (live core.Value, err error) {
	err = retry(ctx, func() error {
		live, err = b.store.stmts.live(ctx, b.store.pool, b.store.stmts.read, c)
		return err
	})
	if err != nil || live == c.next || live != c.old {
		return live, err
	}
	w := &waiter{ctx: ctx, change: c, done: make(chan struct{})}
	b.mu.Lock()
	b.waiting = append(b.waiting, w)
	if !b.running {
		b.running = true
		go b.run() //nolint:contextcheck // it serves callers of many contexts
	}
	b.mu.Unlock()
	select {
	case <-w.done:
		return w.live, w.err
	case <-ctx.Done():
		b.leave(w)
		return core.Value{}, ctx.Err()
	}
}

// leave removes a swap from the queue if it is still there. If a commit hangs,
// swaps whose callers no longer wait must not pile up.
func (b *batcher) leave(w *waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.waiting, w); i >= 0 {
		b.waiting = slices.Delete(b.waiting, i, i+1)
	}
}

// run commits until no caller waits.
func (b *batcher) run() {
	var conn *committer
	for {
		batch := b.take()
		if len(batch) == 0 {
			conn.close()
			return
		}
		conn = b.commit(conn, batch)
	}
}

// take removes and returns a batch from the head of the queue. Its callers
// still wait: see leave.
func (b *batcher) take() []*waiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.waiting), maxBatch)
	batch := b.waiting[:n:n]
	b.waiting = b.waiting[n:]
	if n == 0 {
		b.waiting, b.running = nil, false
	}
	return batch
}

// commit sends each waiter of the batch its result, and returns the connection
// if it can be used again.
func (b *batcher) commit(conn *committer, batch []*waiter) *committer {
	ctx, cancel := group.Last(batch, func(w *waiter) context.Context { return w.ctx })
	defer cancel()
	err := retry(ctx, func() (err error) {
		if conn == nil {
			if conn, err = b.connect(ctx); err != nil {
				return err
			}
		}
		if err = conn.commit(ctx, batch); err != nil {
			conn.abandon() //nolint:contextcheck // the transaction must be rolled back even if ctx has ended
			conn = nil
		}
		return err
	})
	switch {
	case err == nil:
	case len(batch) > 1 && ctx.Err() == nil:
		// One of the swaps may be at fault. Commit each one alone, so that only that one fails.
		for _, w := range batch {
			conn = b.commit(conn, []*waiter{w})
		}
		return conn
	default:
		for _, w := range batch {
			w.live, w.err = core.Value{}, err
		}
	}
	for _, w := range batch {
		close(w.done)
	}
	return conn
}

// committer is a connection with its statements.
type committer struct {
	stmts *statements
	conn  *sql.Conn
	prepared
}

func (b *batcher) connect(ctx context.Context) (*committer, error) {
	conn, err := b.store.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &committer{stmts: &b.store.stmts, conn: conn, prepared: prepared{on: conn}}, nil
}

// commit makes all swaps of the batch, or none.
func (c *committer) commit(ctx context.Context, batch []*waiter) (err error) {
	defer func() {
		if p := recover(); p != nil { // in this goroutine it would end the program
			err = fmt.Errorf("the driver panicked: %v", p)
		}
	}()
	if _, err := c.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, w := range batch {
		if w.err = w.ctx.Err(); w.err != nil {
			continue
		}
		w.live, w.err = c.stmts.swap(ctx, c, c.stmts.readTx, w.change)
		if other := (*otherLifeError)(nil); w.err != nil && !errors.As(w.err, &other) {
			return w.err
		}
	}
	_, err = c.ExecContext(ctx, "COMMIT")
	return err
}

// close returns the connection to the pool, outside any transaction.
func (c *committer) close() {
	if c == nil {
		return
	}
	c.closeStatements()
	_ = c.conn.Close()
}

// abandon rolls back a transaction that an error left open. If there is none,
// or the rollback fails too, the connection is not used again. Its statements
// are closed first: a driver may fail in the opposite order.
func (c *committer) abandon() {
	c.closeStatements()
	if _, err := c.conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
		_ = c.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	_ = c.conn.Close()
}

func (c *committer) closeStatements() {
	for _, st := range c.prepared.stmts {
		_ = st.Close()
	}
	c.prepared.stmts = nil
}
