// Package sqlstore provides a deduplication store in an SQL database:
// PostgreSQL, MySQL, MariaDB, or an SQLite file. It is durable and shared by
// all processes that use the database. A handler can commit its effect and the
// message's record together.
//
//	store := sqlstore.New("orders", db, sqlstore.Postgres)
//	if err := store.Migrate(ctx); err != nil { … } // or run the file of your engine in schema/ yourself
//	v, err := core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), store, nil)
//
// The package imports no driver: db is your program's *database/sql.DB.
//
// # Set up
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL")) // PostgreSQL 14 or newer, any driver
//	db, err := sql.Open("mysql", os.Getenv("DATABASE_DSN")) // MariaDB, MySQL: no DSN parameter is needed
//	db, err := sql.Open("sqlite", "file:seen.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_txlock=immediate")
//
// Configure the pool: by default database/sql keeps 2 idle connections and
// reopens all others again and again. Start with 32 for both SetMaxOpenConns
// and SetMaxIdleConns, or 8 for SQLite. Call Store.Check at start-up: it
// reports faults of a database, with their fixes. With PgBouncer and pool_mode
// = transaction, the driver needs a setting in its DSN: see [stores].
//
// # Exactly once
//
// Store.Tx binds the store to the handler's transaction:
//
//	tx, err := db.BeginTx(ctx, nil)
//	…                                                 // the effect, on tx
//	err = core.Commit(ctx, store.Tx(tx))              // last: it locks the record
//	if err != nil { tx.Rollback(); … }                // respond 5xx: the sender retries
//	err = tx.Commit()
//
// The transaction must belong to the database that contains the table. Every
// isolation level works: on a conflict the transaction is rolled back, and the
// handler runs again on the message's next attempt. In SQLite, begin with BEGIN
// IMMEDIATE (_txlock=immediate), and keep the transaction short: it blocks
// every other writer, including claims.
//
// # Purge
//
// Expired records are ignored, but stay in the table until they are purged:
//
//	go store.PurgeEvery(ctx, time.Hour, func(removed int64, err error) { … })
//
// # Limits
//
// Give each verifier its own namespace. Give all instances of one endpoint the
// same namespace.
//
// The store detects that a table lost all its records, and refuses attempts
// that were signed before the loss ([core.ErrColdStart], Store.KnownSince). It
// cannot detect the loss of only some records: after a restored backup, a
// DELETE, or a failover to an asynchronous replica. See [stores] for the limits
// of every store.
//
// [stores]: https://github.com/hookonce/hookonce/blob/main/docs/stores.md
package sqlstore
