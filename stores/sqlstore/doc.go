// Package sqlstore is the seen-id store in a SQL database: PostgreSQL, MySQL and MariaDB, or an SQLite file. It is durable, it is
// shared by all processes that use the database, and a handler can commit its effect and the message's record together.
//
//	store := sqlstore.New("orders", db, sqlstore.Postgres)
//	if err := store.Migrate(ctx); err != nil { … } // or run the file of your engine in schema/ yourself
//	v, err := core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), store, nil)
//
// The package imports no driver: db is the program's own [*database/sql.DB].
//
// # Set up
//
// PostgreSQL 14 or newer, any driver; with pgx, import _ "github.com/jackc/pgx/v5/stdlib":
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
//	db.SetMaxOpenConns(32)
//	db.SetMaxIdleConns(32) // database/sql keeps 2 by default and opens the others again and again
//
// MariaDB and MySQL; no DSN parameter is needed:
//
//	db, err := sql.Open("mysql", os.Getenv("DATABASE_DSN"))
//	db.SetMaxOpenConns(32)
//	db.SetMaxIdleConns(32)
//
// SQLite, on a file of a local disk, which processes of one host may share; with modernc.org/sqlite, which needs no C compiler:
//
//	db, err := sql.Open("sqlite", "file:seen.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_txlock=immediate")
//	db.SetMaxOpenConns(8)
//	db.SetMaxIdleConns(8)
//
// Swaps on SQLite that come at once are committed together, so that they share
// one write to the disk. On the other engines first claims are, once 16 calls
// or all connections of the pool are busy. [Store.Check] tells at boot what is
// wrong with a database, and what to do about it.
//
// # Exactly once
//
// [Store.Tx] binds the store to the handler's transaction:
//
//	tx, err := db.BeginTx(ctx, nil)
//	…                                                 // the effect, on tx
//	err = core.Commit(ctx, store.Tx(tx))              // last: it locks the record
//	if err != nil { tx.Rollback(); … }                // answer 5xx: the sender tries again
//	err = tx.Commit()
//
// The transaction must be of the database that holds the table. Every isolation level is right, and where
// the engine reports a conflict the transaction is rolled back and the message's next attempt runs. In SQLite begin the
// transaction with BEGIN IMMEDIATE (_txlock=immediate), and keep it short: it holds up every other writer, claims too.
//
// # Purge
//
// Expired records do not count, but they stay in the table until they are purged:
//
//	go store.PurgeEvery(ctx, time.Hour, func(removed int64, err error) { … })
//
// # A table that lost its records
//
// A row without an expiry says since when the table has the records of its
// namespace. If it is gone, so are they: after a TRUNCATE, a crash that emptied an
// UNLOGGED table, or with another database or file. Attempts that were signed
// before are then refused as [core.ErrColdStart]. See [Store.KnownSince].
//
// # What it does not protect from
//
//   - Records that were lost while that row was kept: a restored backup, a DELETE
//     of some rows.
//   - A loss of everything, within ten milliseconds: claims go by an earlier look
//     at the row for so long. Messages without a signed timestamp run again at any
//     time after it.
//   - A failover to an asynchronous replica loses the last records, and their messages can run again. Use synchronous replication
//     where that matters. The same is true of PostgreSQL with synchronous_commit = off, of InnoDB with
//     innodb_flush_log_at_trx_commit other than 1, and, if the machine and not only the process dies, of SQLite with
//     synchronous = NORMAL.
//   - Two namespaces are two stores: instances of one endpoint must use the same.
//   - Two Store values of one namespace in one process are not recognised as such: give each verifier a namespace of its own.
//   - A database whose clock is set forward forgets so much earlier. Records expire by the clock of the database.
//
// # PgBouncer
//
// With pool_mode = transaction the driver needs a setting in its DSN: pgx default_query_exec_mode=exec, cache_describe or
// simple_protocol; lib/pq binary_parameters=yes. [Store.Check] finds what does not work.
package sqlstore
