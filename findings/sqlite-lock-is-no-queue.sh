#!/usr/bin/env bash
# A SQLite writer gives up after five seconds although nobody holds the lock for longer
# than some milliseconds.
#
# Seen with SQLite 3 of modernc.org/sqlite 1.62.0 on Go 1.26, Linux. Eight
# processes write short transactions to one file, with busy_timeout 5000 and BEGIN
# IMMEDIATE. Who finds the lock taken sleeps, up to 100 ms at a time, and tries again;
# there is no queue. The one that has just committed begins again at once and finds the
# lock free. A few processes make all the transactions, and others get SQLITE_BUSY
# after the whole timeout.
#
# Why a receiver of webhooks minds: under load some workers refuse every event, though
# the file is never locked for long. A longer timeout only makes them wait.
#
# The script fails if SQLite behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module busy

go 1.26.0

require modernc.org/sqlite v1.62.0
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"time"

	_ "modernc.org/sqlite"
)

const (
	writers = 8
	length  = 12 * time.Second
)

func open() *sql.DB {
	db, err := sql.Open("sqlite", "file:claims.db?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_txlock=immediate")
	if err != nil {
		panic(err)
	}
	return db
}

// write commits until the time is over, and prints how often, how often the lock was not got, and the longest transaction in ms.
func write() {
	db := open()
	turns, refused, longest := 0, 0, time.Duration(0)
	for end := time.Now().Add(length); time.Now().Before(end); {
		tx, err := db.BeginTx(context.Background(), nil)
		if err != nil {
			refused++
			continue
		}
		began := time.Now()
		if _, err := tx.Exec("UPDATE claims SET n = n + 1"); err != nil {
			panic(err)
		}
		time.Sleep(2 * time.Millisecond)
		if err := tx.Commit(); err != nil {
			panic(err)
		}
		turns++
		longest = max(longest, time.Since(began))
	}
	fmt.Println(turns, refused, longest.Milliseconds())
}

func main() {
	if len(os.Args) > 1 {
		write()
		return
	}
	db := open()
	if _, err := db.Exec("CREATE TABLE claims (n); INSERT INTO claims VALUES (0)"); err != nil {
		panic(err)
	}
	var version string
	if err := db.QueryRow("SELECT sqlite_version()").Scan(&version); err != nil {
		panic(err)
	}
	db.Close()
	results := make(chan [3]int)
	for range writers {
		go func() {
			out, err := exec.Command(os.Args[0], "write").Output()
			if err != nil {
				panic(err)
			}
			var r [3]int
			if _, err := fmt.Sscan(string(out), &r[0], &r[1], &r[2]); err != nil {
				panic(err)
			}
			results <- r
		}()
	}
	fmt.Println("SQLite", version)
	turns, refused, longest := 0, 0, 0
	for range writers {
		r := <-results
		fmt.Printf("a writer committed %4d times, was refused %d times after 5s, held the lock for %d ms at most\n", r[0], r[1], r[2])
		turns, refused, longest = turns+r[0], refused+r[1], max(longest, r[2])
	}
	if turns < 200 || refused == 0 || longest > 2500 {
		fmt.Println("this differs from what was seen: many turns, short ones, and some writers refused")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go build -o busy . && ./busy
