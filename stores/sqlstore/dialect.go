package sqlstore

import (
	_ "embed" // the schema
	"fmt"

	"github.com/hookonce/hookonce/core"
)

// Dialect selects the SQL of an engine: [Postgres], [MySQL] or [SQLite]. The
// zero Dialect is invalid, and [Store.Bind] reports it.
type Dialect uint8

// The engines.
const (
	// Postgres is PostgreSQL 14 or newer.
	Postgres Dialect = iota + 1
	// MySQL is MariaDB 10.5 or newer, and MySQL 8 or newer. MariaDB 10.11 and
	// MySQL 9.7 are tested.
	MySQL
	// SQLite is an SQLite file.
	SQLite
)

// String returns the name of the constant.
func (d Dialect) String() string {
	switch d {
	case Postgres:
		return "Postgres"
	case MySQL:
		return "MySQL"
	case SQLite:
		return "SQLite"
	default:
		return "no dialect"
	}
}

// The statements use their parameters in order, because MySQL cannot number
// them. An expiry is measured on the clock of the database, in whole
// milliseconds.
type statements struct {
	insert    string // (namespace, id, value, ttl) if there is no row
	claim     string // (namespace, id, value, ttl, namespace, id, value) if there is no row, and there is a row with the second id and value
	update    string // (value, ttl, namespace, id, old) of a live row
	overwrite string // (value, ttl, namespace, id) of an expired row
	read      string // (namespace, id) of a live row
	readTx    string // the same inside a transaction: the current row, not the row of a snapshot
	count     string // (namespace, id), without a lock
	remove    string // (namespace, id)

	claimBlob string   // (namespace, ids with their values and ttls)
	present   []string // (namespace, ids), for each of groupSizes; without a lock
	insertAll []string // (namespace, id, value, ttl) …, for each of groupSizes

	schema string
	file   string // the file of the schema
}

var (
	//go:embed schema/postgres.sql
	postgresSchema string
	//go:embed schema/mysql.sql
	mysqlSchema string
	//go:embed schema/sqlite.sql
	sqliteSchema string
)

const (
	// now() would return the start time of the transaction.
	postgresNow = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
	// UNIX_TIMESTAMP() depends on the session's time zone and repeats an hour
	// each year.
	mysqlNow = "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000)"
	// unixepoch('subsec') needs SQLite 3.42.
	sqliteNow = "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"
)

// A claim in a blob is an id, a value and the digits of a ttl.
const (
	blobID    = len(core.Key{})
	blobValue = len(core.Value{})
	blobTTL   = 16
	blobClaim = blobID + blobValue + blobTTL
)

// postgresClaims returns the statement for a blob of claims. The insert skips
// messages that have a record, because it would wait for a transaction that
// changes the record. The scalar subquery cannot become a join. The plan of a
// join would depend on how large the table once was.
func postgresClaims() string {
	return "WITH claims AS MATERIALIZED (SELECT id, value, ttl, (SELECT CASE WHEN expires > " + postgresNow + " THEN seen.value ELSE '' END " +
		"FROM hookonce_seen AS seen WHERE seen.namespace = $1::text AND seen.id = claim.id) AS live " +
		fmt.Sprintf("FROM (SELECT substr($2::bytea, i, %d) AS id, substr($2::bytea, i + %d, %d) AS value, "+
			"encode(substr($2::bytea, i + %d, %d), 'escape')::bigint AS ttl FROM generate_series(1, (SELECT length($2::bytea)), %d) AS i) AS claim), ",
			blobID, blobID, blobValue, blobID+blobValue, blobTTL, blobClaim) +
		"made AS (INSERT INTO hookonce_seen (namespace, id, value, expires) SELECT $1::text, id, value, " + postgresNow + " + ttl " +
		"FROM claims WHERE live IS NULL ON CONFLICT (namespace, id) DO NOTHING RETURNING id, value) " +
		"SELECT string_agg(id || value, ''::bytea) FROM (SELECT id, value FROM made UNION ALL SELECT id, live FROM claims " +
		fmt.Sprintf("WHERE length(live) = %d) AS live", blobValue)
}

func (d Dialect) statements() statements {
	switch d {
	case Postgres:
		read := "SELECT value FROM hookonce_seen WHERE namespace = $1 AND id = $2 AND expires > " + postgresNow
		return statements{
			// Unlike DO UPDATE, DO NOTHING writes nothing for a duplicate.
			insert: "INSERT INTO hookonce_seen (namespace, id, value, expires) VALUES ($1, $2, $3, " + postgresNow + " + $4::bigint) " +
				"ON CONFLICT (namespace, id) DO NOTHING",
			claim: "INSERT INTO hookonce_seen (namespace, id, value, expires) " +
				"SELECT $1::text, $2::bytea, $3::bytea, " + postgresNow + " + $4::bigint FROM hookonce_seen AS since " +
				"WHERE since.namespace = $5 AND since.id = $6 AND since.value = $7 ON CONFLICT (namespace, id) DO NOTHING",
			update: "UPDATE hookonce_seen SET value = $1, expires = " + postgresNow + " + $2::bigint " +
				"WHERE namespace = $3 AND id = $4 AND value = $5 AND expires > " + postgresNow,
			overwrite: "UPDATE hookonce_seen SET value = $1, expires = " + postgresNow + " + $2::bigint " +
				"WHERE namespace = $3 AND id = $4 AND expires <= " + postgresNow,
			read: read,
			// With FOR UPDATE, in REPEATABLE READ, a row that changed since the snapshot is an
			// error instead of a stale value.
			readTx:    read + " FOR UPDATE",
			count:     "SELECT count(*) FROM hookonce_seen WHERE namespace = $1 AND id = $2",
			remove:    "DELETE FROM hookonce_seen WHERE namespace = $1 AND id = $2",
			claimBlob: postgresClaims(),
			schema:    postgresSchema,
			file:      "postgres.sql",
		}
	case MySQL:
		// A locking read returns the current row in REPEATABLE READ, and only committed rows in
		// READ UNCOMMITTED.
		read := "SELECT value FROM hookonce_seen WHERE namespace = ? AND id = ? AND expires > " + mysqlNow + " LOCK IN SHARE MODE"
		return statements{
			// With IGNORE a duplicate is not an error, and the count of rows does not depend on
			// clientFoundRows.
			insert: "INSERT IGNORE INTO hookonce_seen (namespace, id, value, expires) VALUES (?, ?, ?, " + mysqlNow + " + ?)",
			claim: "INSERT IGNORE INTO hookonce_seen (namespace, id, value, expires) SELECT ?, ?, ?, " + mysqlNow + " + ? " +
				"FROM hookonce_seen AS since WHERE since.namespace = ? AND since.id = ? AND since.value = ?",
			update: "UPDATE hookonce_seen SET value = ?, expires = " + mysqlNow + " + ? " +
				"WHERE namespace = ? AND id = ? AND value = ? AND expires > " + mysqlNow,
			overwrite: "UPDATE hookonce_seen SET value = ?, expires = " + mysqlNow + " + ? " +
				"WHERE namespace = ? AND id = ? AND expires <= " + mysqlNow,
			read:    read,
			readTx:  read,
			count:   "SELECT count(*) FROM hookonce_seen WHERE namespace = ? AND id = ?",
			remove:  "DELETE FROM hookonce_seen WHERE namespace = ? AND id = ?",
			present: eachSize("SELECT id FROM hookonce_seen WHERE namespace = ? AND id IN (", "?", ")"),
			insertAll: eachSize("INSERT IGNORE INTO hookonce_seen (namespace, id, value, expires) VALUES ",
				"(?, ?, ?, "+mysqlNow+" + ?)", ""),
			schema: mysqlSchema,
			file:   "mysql.sql",
		}
	case SQLite:
		read := "SELECT value FROM hookonce_seen WHERE namespace = ? AND id = ? AND expires > " + sqliteNow
		return statements{
			insert: "INSERT INTO hookonce_seen (namespace, id, value, expires) VALUES (?, ?, ?, " + sqliteNow + " + ?) " +
				"ON CONFLICT (namespace, id) DO NOTHING",
			claim: "INSERT INTO hookonce_seen (namespace, id, value, expires) SELECT ?, ?, ?, " + sqliteNow + " + ? " +
				"FROM hookonce_seen AS since WHERE since.namespace = ? AND since.id = ? AND since.value = ? ON CONFLICT (namespace, id) DO NOTHING",
			update: "UPDATE hookonce_seen SET value = ?, expires = " + sqliteNow + " + ? " +
				"WHERE namespace = ? AND id = ? AND value = ? AND expires > " + sqliteNow,
			overwrite: "UPDATE hookonce_seen SET value = ?, expires = " + sqliteNow + " + ? " +
				"WHERE namespace = ? AND id = ? AND expires <= " + sqliteNow,
			read:   read,
			readTx: read,
			count:  "SELECT count(*) FROM hookonce_seen WHERE namespace = ? AND id = ?",
			remove: "DELETE FROM hookonce_seen WHERE namespace = ? AND id = ?",
			schema: sqliteSchema,
			file:   "sqlite.sql",
		}
	default:
		return statements{}
	}
}
