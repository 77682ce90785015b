#!/usr/bin/env bash
# The bridges of echo and fiber for net/http middleware tell it that every handler
# succeeds.
#
# Seen with echo 4.16.4 and 5.4.5 (WrapMiddleware) and fiber 2.52.15 and 3.1.0
# (adaptor.HTTPMiddleware) on Go 1.26. The middleware here notes the status when next
# returns. The handler returns an error, and the client gets 500. Under echo the note
# says 200: echo renders a returned error after the middleware has returned. Under
# fiber the handler has not even run by then: the bridge runs it after the
# middleware.
#
# Why a receiver of webhooks minds: middleware that records handled events, counts
# failures or commits a transaction records the failure as a success. The sender's
# retry is then acknowledged without being handled.
#
# The script fails if one of them behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module bridged

go 1.26.0

require (
	github.com/gofiber/fiber/v2 v2.52.15
	github.com/gofiber/fiber/v3 v3.1.0
	github.com/labstack/echo/v4 v4.16.4
	github.com/labstack/echo/v5 v5.4.5
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
	adaptor2 "github.com/gofiber/fiber/v2/middleware/adaptor"
	fiber3 "github.com/gofiber/fiber/v3"
	adaptor3 "github.com/gofiber/fiber/v3/middleware/adaptor"
	echo4 "github.com/labstack/echo/v4"
	echo5 "github.com/labstack/echo/v5"
)

// noting is net/http middleware that notes what next has done when it returns.
type noting struct {
	ran, ranInside bool
	status, noted  int
}

type writer struct {
	http.ResponseWriter
	n *noting
}

func (w writer) WriteHeader(status int) {
	w.n.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (n *noting) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.status = http.StatusOK // what net/http sends if next writes nothing
		next.ServeHTTP(writer{w, n}, r)
		n.ranInside, n.noted = n.ran, n.status
	})
}

func (n *noting) handle() error {
	n.ran = true
	return errors.New("the database is away")
}

func serve(h http.Handler) int {
	s := httptest.NewServer(h)
	defer s.Close()
	resp, err := http.Post(s.URL, "text/plain", nil)
	if err != nil {
		panic(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// answered is the status of the response of a fiber app.
func answered(resp *http.Response, err error) int {
	if err != nil {
		panic(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func main() {
	request := httptest.NewRequest(http.MethodPost, "/", nil)
	changed := false
	for _, f := range []struct {
		name      string
		client    func(n *noting) int
		ranInside bool
		noted     int
	}{
		{"net/http", func(n *noting) int {
			return serve(n.wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, n.handle().Error(), http.StatusInternalServerError)
			})))
		}, true, 500},
		{"echo 4.16.4", func(n *noting) int {
			e := echo4.New()
			e.Use(echo4.WrapMiddleware(n.wrap))
			e.POST("/", func(echo4.Context) error { return n.handle() })
			return serve(e)
		}, true, 200},
		{"echo 5.4.5", func(n *noting) int {
			e := echo5.New()
			e.Use(echo5.WrapMiddleware(n.wrap))
			e.POST("/", func(*echo5.Context) error { return n.handle() })
			return serve(e)
		}, true, 200},
		{"fiber 2.52.15", func(n *noting) int {
			app := fiber2.New()
			app.Use(adaptor2.HTTPMiddleware(n.wrap))
			app.Post("/", func(*fiber2.Ctx) error { return n.handle() })
			return answered(app.Test(request))
		}, false, 200},
		{"fiber 3.1.0", func(n *noting) int {
			app := fiber3.New()
			app.Use(adaptor3.HTTPMiddleware(n.wrap))
			app.Post("/", func(fiber3.Ctx) error { return n.handle() })
			return answered(app.Test(request))
		}, false, 200},
	} {
		n := &noting{}
		status := f.client(n)
		fmt.Printf("%-14s the handler ran before next returned: %-5v the middleware notes %d, the client sees %d\n",
			f.name, n.ranInside, n.noted, status)
		changed = changed || status != 500 || n.noted != f.noted || n.ranInside != f.ranInside
	}
	if changed {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run .
