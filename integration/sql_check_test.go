package integration_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

// table is a table that somebody created or changed by hand.
type table struct {
	name    string
	made    []string // statements, after DROP TABLE
	finding string   // of Check; none if it is right
	remedy  string   // of a refused claim; none if claims are right
}

// TestSQLCheckOfTables: Check does what a claim does. So it finds every table on which claims would
// not work, and names the remedy.
func TestSQLCheckOfTables(t *testing.T) {
	t.Parallel()
	const (
		skipPG  = "CREATE OR REPLACE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
		columns = "namespace text NOT NULL, id bytea NOT NULL, value bytea NOT NULL, expires bigint NOT NULL"
		keyed   = columns + ", PRIMARY KEY (namespace, id)"
		mine    = "namespace VARBINARY(64) NOT NULL, id BINARY(32) NOT NULL, value BINARY(40) NOT NULL, expires BIGINT NOT NULL"
	)
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		p := services.StartPostgres(t)
		db := openSQL(t, "pgx", p.DSN())
		mustExec(t, db, skipPG)
		checkTables(t, db, "pgx", p.DSN(), sqlstore.Postgres, []table{
			{"right", []string{"CREATE TABLE hookonce_seen (" + keyed + ")"}, "", ""},
			{"no primary key", []string{"CREATE TABLE hookonce_seen (" + columns + ")"}, "PRIMARY KEY (namespace, id)", "PRIMARY KEY (namespace, id)"},
			{"a key on the id alone", []string{"CREATE TABLE hookonce_seen (" + columns + ", PRIMARY KEY (id))"}, "PRIMARY KEY (namespace, id)", "PRIMARY KEY (namespace, id)"},
			{"a trigger that skips inserts", []string{
				"CREATE TABLE hookonce_seen (" + keyed + ")",
				"CREATE TRIGGER skip BEFORE INSERT ON hookonce_seen FOR EACH ROW EXECUTE FUNCTION skip()",
			}, "trigger", "trigger"},
			{"a trigger that skips updates", []string{
				"CREATE TABLE hookonce_seen (" + keyed + ")",
				"CREATE TRIGGER skip BEFORE UPDATE ON hookonce_seen FOR EACH ROW EXECUTE FUNCTION skip()",
			}, "trigger", ""},
			{"a trigger that skips deletes", []string{
				"CREATE TABLE hookonce_seen (" + keyed + ")",
				"CREATE TRIGGER skip BEFORE DELETE ON hookonce_seen FOR EACH ROW EXECUTE FUNCTION skip()",
			}, "nothing would be purged", ""},
			{"a value of text", []string{"CREATE TABLE hookonce_seen (" + strings.Replace(keyed, "value bytea", "value text", 1) + ")"}, "does not match stores/sqlstore/schema/postgres.sql", "does not match stores/sqlstore/schema/postgres.sql"},
			{"a short expiry", []string{"CREATE TABLE hookonce_seen (" + strings.Replace(keyed, "bigint", "int", 1) + ")"}, "does not match stores/sqlstore/schema/postgres.sql", "does not match stores/sqlstore/schema/postgres.sql"},
			{"a short namespace", []string{"CREATE TABLE hookonce_seen (" + strings.Replace(keyed, "namespace text", "namespace varchar(4)", 1) + ")"}, "does not match stores/sqlstore/schema/postgres.sql", "does not match stores/sqlstore/schema/postgres.sql"},
			{"namespaces without case", []string{
				"CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
				"CREATE TABLE hookonce_seen (" + strings.Replace(keyed, "namespace text", "namespace text COLLATE nocase", 1) + ")",
			}, "byte by byte", ""},
			{"unlogged", []string{"CREATE UNLOGGED TABLE hookonce_seen (" + keyed + ")"}, "ALTER TABLE hookonce_seen SET LOGGED", ""},
			{"partitioned", []string{
				"CREATE TABLE hookonce_seen (" + keyed + ") PARTITION BY HASH (id)",
				"CREATE TABLE p0 PARTITION OF hookonce_seen FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
				"CREATE TABLE p1 PARTITION OF hookonce_seen FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
			}, "", ""},
			{"a partition unlogged", []string{
				"CREATE TABLE hookonce_seen (" + keyed + ") PARTITION BY HASH (id)",
				"CREATE TABLE p0 PARTITION OF hookonce_seen FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
				"CREATE UNLOGGED TABLE p1 PARTITION OF hookonce_seen FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
			}, "SET LOGGED", ""},
			{"no partition for the row", []string{"CREATE TABLE hookonce_seen (" + keyed + ") PARTITION BY LIST (namespace)"}, "PARTITION OF hookonce_seen DEFAULT", "PARTITION OF hookonce_seen DEFAULT"},
			{"a view", []string{"CREATE TABLE elsewhere (" + keyed + ")", "CREATE VIEW hookonce_seen AS SELECT * FROM elsewhere"}, "is a view", ""},
			{"a view that takes no row", []string{"CREATE TABLE elsewhere (" + keyed + ")", "CREATE VIEW hookonce_seen AS SELECT DISTINCT * FROM elsewhere"}, "is a view", "create the table as in stores/sqlstore/schema/postgres.sql"},
			{"published without an identity", []string{"CREATE TABLE hookonce_seen (" + columns + ", UNIQUE (namespace, id))", "CREATE PUBLICATION p FOR TABLE hookonce_seen"}, "REPLICA IDENTITY", ""},
		}, "DROP VIEW IF EXISTS hookonce_seen", "DROP TABLE IF EXISTS elsewhere", "DROP PUBLICATION IF EXISTS p")
	})
	t.Run("PostgreSQL, row-level security", func(t *testing.T) {
		t.Parallel()
		p := services.StartPostgres(t)
		admin := openSQL(t, "pgx", p.DSN())
		mustExec(t, admin, "CREATE ROLE app LOGIN", "ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO app")
		create := "CREATE TABLE hookonce_seen (" + keyed + ")"
		const on, remedy = "ALTER TABLE hookonce_seen ENABLE ROW LEVEL SECURITY", "CREATE POLICY hookonce ON hookonce_seen"
		checkTables(t, admin, "pgx", strings.Replace(p.DSN(), "hookonce@", "app@", 1), sqlstore.Postgres, []table{
			{"a policy for everything", []string{create, on, "CREATE POLICY a ON hookonce_seen USING (true) WITH CHECK (true)"}, "", ""},
			{"no policy", []string{create, on}, remedy, remedy},
			{"a policy that hides records", []string{create, on, "CREATE POLICY a ON hookonce_seen FOR INSERT WITH CHECK (true)"}, remedy, remedy},
			{"no policy for updates", []string{
				create, on, "CREATE POLICY a ON hookonce_seen FOR INSERT WITH CHECK (true)",
				"CREATE POLICY b ON hookonce_seen FOR SELECT USING (true)",
			}, "row-level security", ""},
			{"no policy for deletes", []string{
				create, on, "CREATE POLICY a ON hookonce_seen FOR INSERT WITH CHECK (true)",
				"CREATE POLICY b ON hookonce_seen FOR SELECT USING (true)", "CREATE POLICY c ON hookonce_seen FOR UPDATE USING (true)",
			}, "nothing would be purged", ""},
		})
	})
	t.Run("MariaDB", func(t *testing.T) {
		t.Parallel()
		m := services.StartMariaDB(t)
		db := openSQL(t, "mysql", m.DSN())
		tables := []table{
			{"right", []string{"CREATE TABLE hookonce_seen (" + mine + ", PRIMARY KEY (namespace, id))"}, "", ""},
			{"no primary key", []string{"CREATE TABLE hookonce_seen (" + mine + ")"}, "PRIMARY KEY (namespace, id)", ""},
			{"a key on the id alone", []string{"CREATE TABLE hookonce_seen (" + mine + ", PRIMARY KEY (id))"}, "schema/mysql.sql", "schema/mysql.sql"},
			{"a short value", []string{"CREATE TABLE hookonce_seen (" + strings.Replace(mine, "BINARY(40)", "VARBINARY(20)", 1) + ", PRIMARY KEY (namespace, id))"}, "does not match stores/sqlstore/schema/mysql.sql", ""},
			{"a long value", []string{"CREATE TABLE hookonce_seen (" + strings.Replace(mine, "BINARY(40)", "BINARY(50)", 1) + ", PRIMARY KEY (namespace, id))"}, "does not match stores/sqlstore/schema/mysql.sql", ""},
			{"a short id", []string{"CREATE TABLE hookonce_seen (" + strings.Replace(mine, "BINARY(32)", "BINARY(16)", 1) + ", PRIMARY KEY (namespace, id))"}, "does not match stores/sqlstore/schema/mysql.sql", "does not match stores/sqlstore/schema/mysql.sql"},
			{"a short namespace", []string{"CREATE TABLE hookonce_seen (" + strings.Replace(mine, "VARBINARY(64)", "VARBINARY(4)", 1) + ", PRIMARY KEY (namespace, id))"}, "does not match stores/sqlstore/schema/mysql.sql", "does not match stores/sqlstore/schema/mysql.sql"},
			{"a short expiry", []string{"CREATE TABLE hookonce_seen (" + strings.Replace(mine, "BIGINT", "INT", 1) + ", PRIMARY KEY (namespace, id))"}, "does not match stores/sqlstore/schema/mysql.sql", ""},
			{"namespaces without case", []string{"CREATE TABLE hookonce_seen (" + strings.Replace(mine, "VARBINARY(64)", "VARCHAR(64)", 1) + ", PRIMARY KEY (namespace, id)) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"}, "byte by byte", ""},
			{"ids without case", []string{"CREATE TABLE hookonce_seen (" + strings.Replace(mine, "BINARY(32)", "CHAR(32)", 1) + ", PRIMARY KEY (namespace, id)) CHARACTER SET latin1"}, "does not match stores/sqlstore/schema/mysql.sql", ""},
			{"an engine without transactions", []string{"CREATE TABLE hookonce_seen (" + mine + ", PRIMARY KEY (namespace, id)) ENGINE = Aria"}, "ENGINE = InnoDB", ""},
			{"partitioned", []string{"CREATE TABLE hookonce_seen (" + mine + ", PRIMARY KEY (namespace, id)) PARTITION BY KEY (id) PARTITIONS 4"}, "", ""},
			{"no partition for the row", []string{"CREATE TABLE hookonce_seen (" + mine + ", PRIMARY KEY (namespace, id)) PARTITION BY LIST COLUMNS (namespace) (PARTITION a VALUES IN ('a'))"}, "partition", "partition"},
			{"a trigger that changes values", []string{
				"CREATE TABLE hookonce_seen (" + mine + ", PRIMARY KEY (namespace, id))",
				"CREATE TRIGGER x BEFORE INSERT ON hookonce_seen FOR EACH ROW SET NEW.value = REPEAT('x', 40)",
			}, "trigger", ""},
		}
		checkTables(t, db, "mysql", m.DSN(), sqlstore.MySQL, tables)
		// Not strict: values that do not fit are truncated, with a warning.
		checkTables(t, db, "mysql", m.DSN()+"?sql_mode=''", sqlstore.MySQL, tables)
	})
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		const columns = "namespace TEXT NOT NULL, id BLOB NOT NULL, value BLOB NOT NULL, expires INTEGER NOT NULL"
		dsn := "file:" + filepath.Join(t.TempDir(), "seen.db") + sqlitePragmas
		checkTables(t, openSQL(t, "sqlite", dsn), "sqlite", dsn, sqlstore.SQLite, []table{
			{"right", []string{"CREATE TABLE hookonce_seen (" + columns + ", PRIMARY KEY (namespace, id))"}, "", ""},
			{"no primary key", []string{"CREATE TABLE hookonce_seen (" + columns + ")"}, "PRIMARY KEY (namespace, id)", "PRIMARY KEY (namespace, id)"},
			{"a trigger that skips inserts", []string{
				"CREATE TABLE hookonce_seen (" + columns + ", PRIMARY KEY (namespace, id))",
				"CREATE TRIGGER x BEFORE INSERT ON hookonce_seen BEGIN SELECT RAISE(IGNORE); END",
			}, "trigger", "trigger"},
			{"namespaces without case", []string{"CREATE TABLE hookonce_seen (" + strings.Replace(columns, "TEXT", "TEXT COLLATE NOCASE", 1) + ", PRIMARY KEY (namespace, id))"}, "byte by byte", ""},
			{"a view", []string{"CREATE TABLE elsewhere (" + columns + ", PRIMARY KEY (namespace, id))", "CREATE VIEW hookonce_seen AS SELECT * FROM elsewhere"}, "is a view", "is a view"},
		}, "DROP VIEW IF EXISTS hookonce_seen", "DROP TABLE IF EXISTS elsewhere")
	})
}

func checkTables(t *testing.T, admin *sql.DB, driver, dsn string, d sqlstore.Dialect, tables []table, drop ...string) { //nolint:thelper // a part of the test above
	for _, tt := range tables {
		t.Run(tt.name, func(t *testing.T) {
			for _, statement := range append(drop, "DROP TABLE IF EXISTS hookonce_seen") {
				_, _ = admin.ExecContext(t.Context(), statement) // a view cannot be dropped as a table
			}
			mustExec(t, admin, tt.made...)
			db := openSQL(t, driver, dsn) // one that has prepared nothing
			s := sqlstore.New(namespace(), db, d)
			if tt.finding == "" {
				mustCheck(t, s)
			} else {
				mustCheck(t, s, tt.finding)
			}
			var n int
			if err := admin.QueryRowContext(t.Context(), "SELECT count(*) FROM hookonce_seen WHERE "+messages).Scan(&n); err != nil || n != 0 {
				t.Errorf("Check leaves %d rows behind, error %v", n, err)
			}
			if tt.remedy != "" {
				mustRefuse(t, s, core.ErrStoreUnavailable, tt.remedy)
			}
		})
	}
}
