package sqlstore_test

import (
	"context"
	"database/sql"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

// The program imports the driver. For pgx that is a blank import of
// github.com/jackc/pgx/v5/stdlib. This module imports no driver.
func ExampleNew() { //nolint:testableexamples // it needs a database
	ctx := context.Background()
	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	db.SetMaxOpenConns(32)
	db.SetMaxIdleConns(32)

	store := sqlstore.New("orders", db, sqlstore.Postgres)
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	if err := store.Check(ctx); err != nil {
		log.Fatal(err)
	}
	go store.PurgeEvery(ctx, time.Hour, func(removed int64, err error) {
		log.Println("purged", removed, err)
	})

	v, err := core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), store, nil)
	if err != nil {
		log.Fatal(err)
	}
	_ = v // for nethttp.New, ginwh.New, …
}

// The handler's effect and the record of the message commit together.
func ExampleStore_Tx() { //nolint:testableexamples // it needs a database
	var (
		db    *sql.DB // the database that the handler writes to
		store = sqlstore.New("orders", db, sqlstore.Postgres)
	)
	pay := func(ctx context.Context, id string) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // after a commit, Rollback does nothing
		if _, err := tx.ExecContext(ctx, "INSERT INTO payments (event) VALUES ($1)", id); err != nil {
			return err
		}
		if err := core.Commit(ctx, store.Tx(tx)); err != nil {
			return err
		}
		return tx.Commit()
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		if err := pay(r.Context(), nethttp.Message(r).ID); err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
		}
	}
	_ = handler // for nethttp.New(v)(http.HandlerFunc(handler))
}
