package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hookonce/hookonce/core"
)

// newTenants returns the [core.KeySource]. The tenant is in the path. Its keys
// are in the database, and cached in memory.
func newTenants(db *pgxpool.Pool, logger *slog.Logger, freshFor time.Duration) core.KeySourceFunc {
	c := newCache(freshFor, logger, func(ctx context.Context, name string) (*tenant, error) { return loadTenant(ctx, db, name) })
	return func(ctx context.Context, r *core.Request) (string, *core.Keys, error) {
		name, ok := strings.CutPrefix(r.Path(), "/hooks/")
		if !ok || !isName(name) {
			return "", nil, core.ErrUnknownSource
		}
		t, err := c.find(ctx, name)
		switch {
		case err != nil:
			return "", nil, err // an outage: 503, the sender retries
		case t == nil:
			return "", nil, core.ErrUnknownSource
		}
		return t.name, t.keys, nil
	}
}

// isName checks the schema's rule for names. Invented names must not reach the
// database: it rejects a zero byte, and that error would look like an outage.
func isName(name string) bool {
	return name != "" && len(name) <= 64 &&
		!strings.ContainsFunc(name, func(r rune) bool { return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') })
}

// tenant is immutable. Its keys are decoded once, at their first use.
type tenant struct {
	name string
	keys *core.Keys
}

// loadTenant returns nil if there is no such tenant.
func loadTenant(ctx context.Context, db *pgxpool.Pool, name string) (*tenant, error) {
	rows, err := db.Query(ctx, "SELECT tenant, key_id, secret, not_after FROM tenant_keys WHERE tenant = $1 ORDER BY created DESC", name)
	if err != nil {
		return nil, err
	}
	t := new(tenant)
	secrets, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (core.Secret, error) {
		var id, text string
		var notAfter *time.Time
		err := row.Scan(&t.name, &id, &text, &notAfter)
		secret := core.NewSecret(text)
		if secret.ID = id; notAfter != nil {
			secret.NotAfter = *notAfter
		}
		return secret, err
	})
	if err != nil || len(secrets) == 0 {
		return nil, err
	}
	t.keys = core.SecretList(secrets...)
	return t, nil
}

const (
	cacheSize  = 10_000           // the number of tenants, and of unknown names
	unknownFor = 5 * time.Second  // short, for tenants that were just created
	staleFor   = 15 * time.Minute // see [cache]
	retryAfter = 2 * time.Second  // between failed lookups
)

var errLookup = errors.New("the look-up panicked")

// cache keeps tenants and unknown names in two tables: clients that try names
// can evict only unknown names.
//
// While the database is down, known tenants keep their keys for up to staleFor.
// Their messages are still verified, and a key with a NotAfter still expires.
// The drawback: a deleted key is accepted until the database is back or
// staleFor is over. A stale entry for an unknown name is never used. If a
// tenant was created meanwhile, a 401 would lose its messages, but a 503 does
// not.
type cache struct {
	load     func(ctx context.Context, name string) (*tenant, error)
	freshFor time.Duration
	logger   *slog.Logger

	mu             sync.Mutex
	known, unknown map[string]entry
	lookups        map[string]*lookup
}

type entry struct {
	tenant       *tenant
	loaded, next time.Time // when the database returned the entry, and when to look it up again
}

// lookup is a lookup in progress. Other requests for the same name wait for it.
type lookup struct {
	done   chan struct{}
	tenant *tenant
	err    error
}

func newCache(freshFor time.Duration, logger *slog.Logger, load func(context.Context, string) (*tenant, error)) *cache {
	return &cache{
		load: load, freshFor: freshFor, logger: logger,
		known: make(map[string]entry), unknown: make(map[string]entry), lookups: make(map[string]*lookup),
	}
}

// find returns nil if there is no such tenant.
func (c *cache) find(ctx context.Context, name string) (*tenant, error) {
	c.mu.Lock()
	for _, table := range []map[string]entry{c.known, c.unknown} {
		if e, ok := table[name]; ok && time.Now().Before(e.next) {
			c.mu.Unlock()
			return e.tenant, nil
		}
	}
	l, running := c.lookups[name]
	if !running {
		l = &lookup{done: make(chan struct{})}
		c.lookups[name] = l
	}
	c.mu.Unlock()

	if !running {
		func() {
			defer c.finish(name, l) // also after a panic, so that the other requests do not wait
			l.err = errLookup
			l.tenant, l.err = c.load(ctx, name) // ctx ends after Config.KeyTimeout, not with this sender's connection
		}()
		return l.tenant, l.err // also if ctx has ended: finish has stored the old keys
	}
	select {
	case <-l.done:
		return l.tenant, l.err
	default:
	}
	select {
	case <-l.done:
		return l.tenant, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// finish stores the result of a lookup.
func (c *cache) finish(name string, l *lookup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(l.done)
	delete(c.lookups, name)
	now := time.Now()
	old, known := c.known[name]
	switch {
	case l.err == nil && l.tenant != nil:
		delete(c.unknown, name)
		put(c.known, name, entry{l.tenant, now, now.Add(c.freshFor)})
	case l.err == nil:
		delete(c.known, name)
		put(c.unknown, name, entry{nil, now, now.Add(min(unknownFor, c.freshFor))})
	case known && now.Before(old.loaded.Add(c.freshFor+staleFor)):
		c.logger.Warn("the database does not answer: using the keys that a tenant had", "tenant", name, "since", old.loaded, "error", l.err.Error())
		old.next = now.Add(retryAfter)
		c.known[name] = old
		l.tenant, l.err = old.tenant, nil
	}
}

// put adds an entry. If the table is full, it drops any other entry, which will
// be looked up again.
func put(table map[string]entry, name string, e entry) {
	if _, ok := table[name]; !ok && len(table) >= cacheSize {
		for other := range table {
			delete(table, other)
			break
		}
	}
	table[name] = e
}
