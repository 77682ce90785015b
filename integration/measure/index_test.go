package measure_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

// TestAnIndexOnTheExpiry measures the cost of such an index for a delivery, which claims and
// settles. A database with it and one without take turns.
func TestAnIndexOnTheExpiry(t *testing.T) {
	length := wanted(t)
	fmt.Println("| engine | rows before | deliveries/s without | with | ratio | p99 without | with | bytes an id without | with |\n|---|---|---|---|---|---|---|---|---|")
	for _, e := range sqlServers() {
		t.Run(e.name, func(t *testing.T) {
			open := e.start(t)
			var pair [2]struct {
				db     *sql.DB
				store  *sqlstore.Store
				result result
			}
			for i := range pair {
				x := &pair[i]
				x.db = open(t, fmt.Sprintf("d%d", i))
				x.store = sqlstore.New("orders", x.db, e.dialect)
				if err := x.store.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
				if i == 1 {
					execute(t, x.db, "CREATE INDEX hookonce_seen_expires ON hookonce_seen (expires)")
				}
				const many = 1_000_000
				for from := 0; from < many; from += 100_000 {
					execute(t, x.db, e.fill(from, from+100_000, many, "1 = 0"))
				}
				e.settle(t, x.db)
			}
			deliver := func(s *sqlstore.Store) func(ctx context.Context) error {
				return func(ctx context.Context) error {
					key, claimed := fresh()
					_, settled := fresh()
					got, err := s.Swap(ctx, key, core.Value{}, claimed, time.Minute)
					if err == nil && got == claimed {
						got, err = s.Swap(ctx, key, claimed, settled, ttl)
					}
					if err == nil && got != settled {
						err = errors.New("not delivered")
					}
					return err
				}
			}
			before := [2]int64{e.size(t, pair[0].db), e.size(t, pair[1].db)}
			for round := range 2*rounds + 1 {
				for i := range pair {
					r := drive(t, callers, length, deliver(pair[(i+round)%2].store))
					if round > 0 { // the first warms up
						pair[(i+round)%2].result.add(r)
					}
				}
			}
			var bytes [2]int64
			for i := range pair {
				e.settle(t, pair[i].db)
				bytes[i] = (e.size(t, pair[i].db) - before[i]) / int64(len(pair[i].result.took))
			}
			a, b := &pair[0].result, &pair[1].result
			fmt.Printf("| %s | 1 M | %s | %s | %.2f | %s | %s | %d | %d |\n", e.name, thousands(a.median()), thousands(b.median()), b.median()/a.median(),
				short(a.percentile(99)), short(b.percentile(99)), bytes[0], bytes[1])
		})
	}
}

// wanted skips the test unless HOOKONCE_MEASURE is set, and returns how long a round is.
func wanted(t *testing.T) time.Duration {
	t.Helper()
	if os.Getenv("HOOKONCE_MEASURE") != "1" {
		t.Skip("takes minutes and wants the machine for itself: run `make measure-purge`")
	}
	return time.Second
}

type sqlServer struct {
	name    string
	dialect sqlstore.Dialect
	// start starts a server, and returns a function that opens empty databases on it.
	start func(t *testing.T) func(t *testing.T, name string) *sql.DB
	// fill inserts the rows with numbers in a range, out of many, in the order of their ids if that
	// is faster. due is the condition for expired rows. The others live for 25 hours.
	fill func(from, to, many int, due string) string
	// due selects nine of ten rows: the first ones if rows stay where they were written, as after a
	// day, otherwise any.
	due func(many int) string
	// keyless drops the primary key and keyed creates it again, if that makes filling faster.
	keyless, keyed string
	// settle lets the engine clean up.
	settle func(t *testing.T, db *sql.DB)
	size   func(t *testing.T, db *sql.DB) int64
}

func sqlServers() []sqlServer {
	pool := func(t *testing.T, driver, dsn string, conns int) *sql.DB {
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
	const life = 25 * 60 * 60 * 1000
	return []sqlServer{
		{
			"PostgreSQL", sqlstore.Postgres,
			func(t *testing.T) func(*testing.T, string) *sql.DB {
				p := services.StartPostgres(t)
				admin := pool(t, "pgx", p.DSN(), 1)
				return func(t *testing.T, name string) *sql.DB {
					t.Helper()
					execute(t, admin, "CREATE DATABASE "+name)
					return pool(t, "pgx", strings.Replace(p.DSN(), "/hookonce?", "/"+name+"?", 1), 32)
				}
			},
			func(from, to, _ int, due string) string {
				return fmt.Sprintf("INSERT INTO hookonce_seen SELECT 'orders', sha256(n::text::bytea), sha256(n::text::bytea) || '12345678', "+
					"CASE WHEN %s THEN n ELSE (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) + %d + n %% 1000 END FROM generate_series(%d, %d) n",
					due, life, from, to-1)
			},
			func(many int) string { return fmt.Sprintf("n < %d", many/10*9) },
			"ALTER TABLE hookonce_seen DROP CONSTRAINT IF EXISTS hookonce_seen_pkey", "ALTER TABLE hookonce_seen ADD PRIMARY KEY (namespace, id)",
			func(t *testing.T, db *sql.DB) { execute(t, db, "VACUUM hookonce_seen"); execute(t, db, "CHECKPOINT") },
			func(t *testing.T, db *sql.DB) int64 {
				return number(t, db, "SELECT pg_total_relation_size('hookonce_seen')")
			},
		},
		{
			"MariaDB", sqlstore.MySQL,
			func(t *testing.T) func(*testing.T, string) *sql.DB {
				m := services.StartMariaDB(t, "innodb-buffer-pool-size=2G", "innodb-log-file-size=512M")
				admin := pool(t, "mysql", m.DSN(), 1)
				return func(t *testing.T, name string) *sql.DB {
					t.Helper()
					execute(t, admin, "CREATE DATABASE "+name)
					return pool(t, "mysql", strings.Replace(m.DSN(), "/hookonce", "/"+name, 1), 32)
				}
			},
			func(from, to, many int, due string) string {
				return fmt.Sprintf("INSERT INTO hookonce_seen SELECT 'orders', CONCAT(UNHEX(LPAD(HEX(seq %% %[4]d * %[5]d + seq DIV %[4]d), 16, '0')), UNHEX(LEFT(SHA2(seq, 256), 48))), "+
					"CONCAT(UNHEX(SHA2(seq, 256)), '12345678'), "+
					"IF(%[6]s, seq, (TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000) + %[1]d + seq %% 1000) FROM seq_%[2]d_to_%[3]d",
					life, from, to-1, many, math.MaxInt64/many, due)
			},
			func(int) string { return "seq % 10 > 0" },
			"DO 0", "DO 0",
			func(*testing.T, *sql.DB) {},
			func(t *testing.T, db *sql.DB) int64 {
				return number(t, db, "SELECT FILE_SIZE FROM information_schema.INNODB_SYS_TABLESPACES WHERE NAME = CONCAT(DATABASE(), '/hookonce_seen')")
			},
		},
		{
			"SQLite", sqlstore.SQLite,
			func(t *testing.T) func(*testing.T, string) *sql.DB {
				dir := t.TempDir()
				return func(t *testing.T, name string) *sql.DB {
					t.Helper()
					return pool(t, "sqlite", "file:"+filepath.Join(dir, name)+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_txlock=immediate", 8)
				}
			},
			func(from, to, many int, due string) string {
				return fmt.Sprintf("WITH RECURSIVE n(n) AS (SELECT %[2]d UNION ALL SELECT n + 1 FROM n WHERE n < %[3]d) "+
					"INSERT INTO hookonce_seen SELECT 'orders', CAST(printf('%%019d', n %% %[4]d * %[5]d + n / %[4]d) || '0123456789012' AS BLOB), randomblob(40), "+
					"CASE WHEN %[6]s THEN n ELSE CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + %[1]d + n %% 1000 END FROM n",
					life, from, to-1, many, math.MaxInt64/many, due)
			},
			func(int) string { return "n % 10 > 0" },
			"SELECT 0", "SELECT 0",
			func(t *testing.T, db *sql.DB) { execute(t, db, "PRAGMA wal_checkpoint(TRUNCATE)") },
			func(t *testing.T, db *sql.DB) int64 {
				return number(t, db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
			},
		},
	}
}
