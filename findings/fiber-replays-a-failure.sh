#!/usr/bin/env bash
# fiber's idempotency middleware keeps a 500 and responds with it to every retry.
#
# Seen with fiber 2.52.15 and 3.1.0 on Go 1.26. The middleware exists so that clients
# can retry safely. It stores whatever response the handler writes, a 500 as well, for
# 30 minutes by default. The retry has the same key, so the handler does not run and
# the client reads the old 500. A handler that returns its error instead of
# writing the 500 is run again.
#
# Why a receiver of webhooks minds: with the event's id as the key, one failure of
# the database makes all retries of that event fail until the sender gives up.
#
# The script fails if one of them behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module fiberidempotency

go 1.26.0

require (
	github.com/gofiber/fiber/v2 v2.52.15
	github.com/gofiber/fiber/v3 v3.1.0
)
MOD
cat >main.go <<'GO'
package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	fiber2 "github.com/gofiber/fiber/v2"
	idempotency2 "github.com/gofiber/fiber/v2/middleware/idempotency"
	fiber3 "github.com/gofiber/fiber/v3"
	idempotency3 "github.com/gofiber/fiber/v3/middleware/idempotency"
)

var errAway = errors.New("the database is away")

func main() {
	runs := 0
	app2 := fiber2.New()
	app2.Use(idempotency2.New())
	app2.Post("/writes", func(c *fiber2.Ctx) error {
		if runs++; runs == 1 {
			return c.Status(500).SendString(errAway.Error())
		}
		return c.SendString("handled")
	})
	app2.Post("/returns", func(c *fiber2.Ctx) error {
		if runs++; runs == 1 {
			return errAway
		}
		return c.SendString("handled")
	})
	app3 := fiber3.New()
	app3.Use(idempotency3.New())
	app3.Post("/writes", func(c fiber3.Ctx) error {
		if runs++; runs == 1 {
			return c.Status(500).SendString(errAway.Error())
		}
		return c.SendString("handled")
	})
	app3.Post("/returns", func(c fiber3.Ctx) error {
		if runs++; runs == 1 {
			return errAway
		}
		return c.SendString("handled")
	})
	test2 := func(r *http.Request) (*http.Response, error) { return app2.Test(r) }
	test3 := func(r *http.Request) (*http.Response, error) { return app3.Test(r) }
	changed := false
	for _, f := range []struct {
		name, path string
		key        string
		test       func(*http.Request) (*http.Response, error)
		runs, last int
	}{
		{"fiber 2.52.15", "/writes", "5f2b8c1e-2f6a-4c0d-9a57-3d1e8b7a6c50", test2, 1, 500},
		{"fiber 2.52.15", "/returns", "5f2b8c1e-2f6a-4c0d-9a57-3d1e8b7a6c51", test2, 2, 200},
		{"fiber 3.1.0", "/writes", "5f2b8c1e-2f6a-4c0d-9a57-3d1e8b7a6c52", test3, 1, 500},
		{"fiber 3.1.0", "/returns", "5f2b8c1e-2f6a-4c0d-9a57-3d1e8b7a6c53", test3, 2, 200},
	} {
		runs = 0
		var seen []int
		for range 3 {
			r := httptest.NewRequest(http.MethodPost, f.path, nil)
			r.Header.Set("X-Idempotency-Key", f.key)
			resp, err := f.test(r)
			if err != nil {
				panic(err)
			}
			resp.Body.Close()
			seen = append(seen, resp.StatusCode)
		}
		fmt.Printf("%-14s the handler %-8s the first 500: three attempts see %v, the handler ran %d times\n", f.name, f.path[1:], seen, runs)
		changed = changed || seen[0] != 500 || seen[2] != f.last || runs != f.runs
	}
	if changed {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run .
