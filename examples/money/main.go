// Command money transfers money between two accounts for each webhook message.
// With core.Commit it does so exactly once, even if it is killed at any point.
//
//	ADDR            where to listen, default 127.0.0.1:8080
//	DATABASE_URL    of PostgreSQL; unset: the SQLite file money.db
//	FRAMEWORK       nethttp (default), gin, echo or fiber
//	WEBHOOK_SECRET  the secret of the sender
//
// It handles POST /hook with a body such as
// {"from":"alice","to":"bob","cents":100}.
package main

import (
	"cmp"
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

// bank has the accounts and the seen-id store in one database, so that one
// transaction covers both.
type bank struct {
	db   *sql.DB
	seen *sqlstore.Store
}

// transfer does the handler's work. Either all of the work happens and the
// message is recorded as handled, or nothing happens.
func (b *bank) transfer(ctx context.Context, m core.Message) error {
	var order struct {
		From  string `json:"from"`
		To    string `json:"to"`
		Cents int64  `json:"cents"`
	}
	if err := json.Unmarshal(m.Body, &order); err != nil {
		return err
	}
	at("verified")
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit, Rollback does nothing
	at("begun")
	if err := change(ctx, tx, order.From, -order.Cents); err != nil {
		return err
	}
	at("debited")
	if err := change(ctx, tx, order.To, order.Cents); err != nil {
		return err
	}
	at("credited")
	if _, err := tx.ExecContext(ctx, "INSERT INTO transfers (message, cents) VALUES ($1, $2)", m.ID, order.Cents); err != nil {
		return err
	}
	at("written down")
	if err := core.Commit(ctx, b.seen.Tx(tx)); err != nil { // the only line for hookonce
		return err
	}
	at("recorded")
	if err := tx.Commit(); err != nil {
		return err
	}
	at("committed")
	return nil
}

// at does nothing here. The test kills the program at these points.
var at = func(string) {}

// config is a variable because the test needs a shorter lease.
var config core.Config

// change adds cents to an account that must exist.
func change(ctx context.Context, tx *sql.Tx, account string, cents int64) error {
	r, err := tx.ExecContext(ctx, "UPDATE accounts SET cents = cents + $1 WHERE name = $2", cents, account)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("%d accounts %q: %w", n, account, err)
	}
	return nil
}

//go:embed schema.sql
var schema string

// open prepares the database: the accounts, and the table of the seen-id store.
func open(ctx context.Context) (*bank, error) {
	driver, dsn, dialect := "sqlite", "file:money.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(2000)&_txlock=immediate", sqlstore.SQLite
	if url := os.Getenv("DATABASE_URL"); url != "" {
		driver, dsn, dialect = "pgx", url, sqlstore.Postgres
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8)
	b := &bank{db: db, seen: sqlstore.New("money", db, dialect)}
	if err := b.seen.Migrate(ctx); err != nil {
		return nil, err
	}
	_, err = db.ExecContext(ctx, schema)
	return b, err
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "money:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := open(ctx)
	if err != nil {
		return err
	}
	defer b.db.Close()
	config.Observe = core.SlogObserver(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	v, err := core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), b.seen, &config)
	if err != nil {
		return fmt.Errorf("WEBHOOK_SECRET: %w", err)
	}
	name := cmp.Or(os.Getenv("FRAMEWORK"), "nethttp")
	serve, ok := frameworks[name]
	if !ok {
		return errors.New("FRAMEWORK: " + name + " must be nethttp, gin, echo or fiber")
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080"))
	if err != nil {
		return fmt.Errorf("ADDR: %w", err)
	}
	fmt.Printf("money: %s listens on http://%s/hook\n", name, ln.Addr())
	return serve(ctx, ln, b, v)
}
