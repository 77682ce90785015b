// Package measure_test measures every store beside the bare command of its
// engine, through the same client, in one run.
//
//	HOOKONCE_MEASURE=1 go test -v -run 'TestStores|TestCallers' ./measure
//
// Only the ratios mean something: clients and servers share a machine.
package measure_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	_ "modernc.org/sqlite"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/stores/redisstore"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

const (
	callers = 64
	rounds  = 5
	ids     = 250_000 // for the bytes of one
	ttl     = 25 * time.Hour
)

// engine is a store, the bare command of its engine, and a function for the size of its data.
type engine struct {
	name, bareName string
	store          core.SeenStore
	bare           func(ctx context.Context, key core.Key, value core.Value) error
	size           func() int64
}

// result is what one kind of call reached: its rate in each round, and its latencies.
type result struct {
	rate []float64 // calls a second
	took []time.Duration
}

func (r *result) add(o result) {
	r.rate = append(r.rate, o.rate...)
	r.took = append(r.took, o.took...)
}

func (r *result) median() float64 {
	sorted := slices.Sorted(slices.Values(r.rate))
	return sorted[len(sorted)/2]
}

func (r *result) percentile(p int) time.Duration {
	slices.Sort(r.took)
	return r.took[min(len(r.took)-1, len(r.took)*p/100)]
}

// drive runs n callers for a while.
func drive(t *testing.T, n int, d time.Duration, call func(ctx context.Context) error) result {
	t.Helper()
	ctx := t.Context()
	took := make([][]time.Duration, n)
	began := time.Now()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for time.Since(began) < d {
				at := time.Now()
				if err := call(ctx); err != nil {
					t.Error(err)
					return
				}
				took[i] = append(took[i], time.Since(at))
			}
		})
	}
	wg.Wait()
	all := slices.Concat(took...)
	return result{rate: []float64{float64(len(all)) / time.Since(began).Seconds()}, took: all}
}

func fresh() (k core.Key, v core.Value) {
	_, _ = rand.Read(k[:])
	_, _ = rand.Read(v[:])
	return k, v
}

func TestStores(t *testing.T) {
	if os.Getenv(envMeasure) != "1" {
		t.Skip("takes minutes and wants the machine for itself: run `make measure`")
	}
	length := time.Second
	if text := os.Getenv("HOOKONCE_MEASURE_SECONDS"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		length = time.Duration(seconds) * time.Second
	}
	only := os.Getenv(envOnly)
	var table strings.Builder
	fmt.Fprintf(&table, "| store | claims/s | p50 | p99 | bare command | claims/s | p50 | p99 | ratio | duplicates/s | bytes an id |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, open := range []struct {
		name string
		open func(t *testing.T) engine
	}{
		{"memstore", memory},
		{"redisstore, go-redis", throughGoRedis},
		{"redisstore, rueidis", throughRueidis},
		{"sqlstore, PostgreSQL", postgres},
		{"sqlstore, MariaDB", mysql(services.StartMariaDB)},
		{"sqlstore, MySQL", mysql(services.StartMySQL)},
		{"sqlstore, SQLite", sqlite},
	} {
		if !strings.Contains(open.name, only) {
			continue
		}
		t.Run(open.name, func(t *testing.T) {
			e := open.open(t)
			e.name = open.name
			row := fmt.Sprintf("%s %d |", e.measure(t, length), bytesPerID(t, open.open(t)))
			t.Log(row)
			table.WriteString(row + "\n")
		})
	}
	fmt.Println(table.String())
}

// measure alternates rounds of the store and of the bare command.
func (e *engine) measure(t *testing.T, length time.Duration) string {
	t.Helper()
	var claims, bare, duplicates result
	seen := make([]core.Key, 1000)
	for i := range seen {
		key, value := fresh()
		seen[i] = key
		if _, err := e.store.Swap(t.Context(), key, core.Value{}, value, ttl); err != nil {
			t.Fatal(err)
		}
	}
	claim := func(ctx context.Context) error {
		key, value := fresh()
		got, err := e.store.Swap(ctx, key, core.Value{}, value, ttl)
		if err == nil && got != value {
			err = errors.New("a new claim was not made")
		}
		return err
	}
	duplicate := func(ctx context.Context) error {
		n, value := fresh()
		got, err := e.store.Swap(ctx, seen[(int(n[0])<<8|int(n[1]))%len(seen)], core.Value{}, value, ttl)
		if err == nil && (got == value || got == core.Value{}) {
			err = errors.New("a duplicate was claimed")
		}
		return err
	}
	drive(t, callers, length, claim) // warm
	for range rounds {
		claims.add(drive(t, callers, length, claim))
		if e.bare != nil {
			bare.add(drive(t, callers, length, func(ctx context.Context) error { key, value := fresh(); return e.bare(ctx, key, value) }))
		}
		duplicates.add(drive(t, callers, length, duplicate))
	}
	row := fmt.Sprintf("| %s | %s | %s | %s |", e.name, thousands(claims.median()), short(claims.percentile(50)), short(claims.percentile(99)))
	if e.bare == nil {
		row += " – | – | – | – | – |"
	} else {
		ratio := claims.median() / bare.median()
		row += fmt.Sprintf(" `%s` | %s | %s | %s | %.2f |", e.bareName, thousands(bare.median()), short(bare.percentile(50)), short(bare.percentile(99)), ratio)
		if ratio < 0.7 {
			t.Errorf("%s makes %.2f of what the bare command does, which is less than 0.7", e.name, ratio)
		}
	}
	return row + " " + thousands(duplicates.median()) + " |"
}

// bytesPerID is the size of an id in an engine that was empty.
func bytesPerID(t *testing.T, e engine) int64 {
	t.Helper()
	before := e.size()
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range ids / callers {
				key, value := fresh()
				if _, err := e.store.Swap(t.Context(), key, core.Value{}, value, ttl); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	grown := e.size() - before
	runtime.KeepAlive(e.store)
	return grown / (ids / callers * callers)
}

func thousands(n float64) string {
	if n < 10_000 {
		return fmt.Sprintf("%.1f k", n/1000)
	}
	return fmt.Sprintf("%.0f k", n/1000)
}

func short(d time.Duration) string {
	if d < time.Millisecond {
		return d.Round(time.Microsecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

func memory(*testing.T) engine {
	return engine{store: memstore.New(memstore.Capacity(1 << 24)), size: func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // pools are emptied by the second
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}}
}

// startRedis starts a Redis that saves once a second, as its documentation recommends.
func startRedis(t *testing.T) *services.Redis {
	return services.StartRedis(t, "--appendfsync", "everysec")
}

// redisSize returns the server's own count of used bytes.
func redisSize(t *testing.T, client *redis.Client) func() int64 {
	return func() int64 {
		info, err := client.Info(t.Context(), "memory").Result()
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(info, "used_memory:")
		text, _, _ := strings.Cut(rest, "\r")
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}

func throughGoRedis(t *testing.T) engine {
	server := startRedis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr, PoolSize: callers})
	t.Cleanup(func() { client.Close() })
	return engine{store: redisstore.New("orders", client.Do), bareName: "SET NX PX", bare: setByGoRedis(client), size: redisSize(t, client)}
}

func setByGoRedis(client *redis.Client) func(context.Context, core.Key, core.Value) error {
	return func(ctx context.Context, key core.Key, value core.Value) error {
		return client.Do(ctx, "SET", "bare:"+string(key[:]), string(value[:]), "NX", "PX", "90000000").Err()
	}
}

func throughRueidis(t *testing.T) engine {
	server := startRedis(t)
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{server.Addr}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	admin := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { admin.Close() })
	return engine{
		store: redisstore.NewFunc("orders", doByRueidis(client)), bareName: "SET NX PX", bare: setByRueidis(client),
		size: redisSize(t, admin),
	}
}

// doByRueidis is the closure of docs/stores.md.
func doByRueidis(client rueidis.Client) func(context.Context, ...any) (any, error) {
	return func(ctx context.Context, args ...any) (any, error) {
		words := make([]string, len(args))
		for i, arg := range args {
			words[i], _ = arg.(string)
		}
		if len(words) < 4 { // CONFIG GET: no key
			return client.Do(ctx, client.B().Arbitrary(words...).Build()).ToAny()
		}
		return client.Do(ctx, client.B().Arbitrary(words[:3]...).Keys(words[3]).Args(words[4:]...).Build()).ToAny()
	}
}

func setByRueidis(client rueidis.Client) func(context.Context, core.Key, core.Value) error {
	return func(ctx context.Context, key core.Key, value core.Value) error {
		return client.Do(ctx, client.B().Arbitrary("SET").Keys("bare:"+string(key[:])).Args(string(value[:]), "NX", "PX", "90000000").Build()).Error()
	}
}

const (
	barePostgres   = "CREATE TABLE bare (namespace text, id bytea, value bytea, expires bigint, PRIMARY KEY (namespace, id))"
	insertPostgres = "INSERT INTO bare VALUES ($1, $2, $3, $4)"
	bareMySQL      = "CREATE TABLE bare (namespace VARBINARY(64), id BINARY(32), value BINARY(40), expires BIGINT, PRIMARY KEY (namespace, id))"
	insertMySQL    = "INSERT INTO bare VALUES (?, ?, ?, ?)"
)

func openDB(t *testing.T, driver, dsn string, conns int) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db
}

func migrated(t *testing.T, store *sqlstore.Store) *sqlstore.Store {
	t.Helper()
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store
}

// openSQL opens a database with a table of the same form for the bare INSERT.
func openSQL(t *testing.T, driver, dsn string, d sqlstore.Dialect, bare string, conns int) (*sql.DB, *sqlstore.Store) {
	t.Helper()
	db := openDB(t, driver, dsn, conns)
	store := migrated(t, sqlstore.New("orders", db, d))
	execute(t, db, bare)
	return db, store
}

func execute(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func number(t *testing.T, db *sql.DB, query string) int64 {
	t.Helper()
	var n int64
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// insert is the one-row INSERT, prepared once, as a careful program would do it.
func insert(t *testing.T, db *sql.DB, statement string) func(context.Context, core.Key, core.Value) error {
	t.Helper()
	st, err := db.PrepareContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return func(ctx context.Context, key core.Key, value core.Value) error {
		_, err := st.ExecContext(ctx, "orders", key[:], value[:], time.Now().Add(ttl).UnixMilli())
		return err
	}
}

func postgres(t *testing.T) engine {
	db, store := openSQL(t, "pgx", services.StartPostgres(t).DSN(), sqlstore.Postgres, barePostgres, 32)
	return engine{
		store: store, bareName: "INSERT", bare: insert(t, db, insertPostgres),
		size: func() int64 { return number(t, db, "SELECT pg_total_relation_size('hookonce_seen')") },
	}
}

func mysql(start func(t testing.TB, settings ...string) *services.MySQL) func(t *testing.T) engine {
	return func(t *testing.T) engine {
		db, store := openSQL(t, "mysql", start(t).DSN(), sqlstore.MySQL, bareMySQL, 32)
		return engine{
			store: store, bareName: "INSERT", bare: insert(t, db, insertMySQL),
			size: func() int64 {
				execute(t, db, "ANALYZE TABLE hookonce_seen")
				return number(t, db, "SELECT DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'hookonce_seen'")
			},
		}
	}
}

func sqlite(t *testing.T) engine {
	file := filepath.Join(t.TempDir(), "seen.db")
	db, store := openSQL(t, "sqlite", "file:"+file+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_txlock=immediate", sqlstore.SQLite,
		"CREATE TABLE bare (namespace TEXT, id BLOB, value BLOB, expires INTEGER, PRIMARY KEY (namespace, id)) WITHOUT ROWID", 8)
	return engine{
		store: store, bareName: "INSERT", bare: insert(t, db, "INSERT INTO bare VALUES (?, ?, ?, ?)"),
		size: func() int64 {
			execute(t, db, "PRAGMA wal_checkpoint(TRUNCATE)")
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			return info.Size()
		},
	}
}
