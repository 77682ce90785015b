#!/usr/bin/env bash
# echo and gin take WriteHeader(103) for the final response. A handler that sends
# early hints and then fails is answered 200.
#
# Seen with echo 4.16.4, echo 5.4.5 and gin 1.12.0 on Go 1.26, over HTTP/1.1. The
# same handler under net/http is answered 500. echo's error handler finds the
# response "committed" and stays silent; gin keeps 103 as its status, and the server
# sends 200 when the handler returns.
#
# Why a receiver of webhooks minds: the sender takes the 200 for a handled event and
# never sends it again, although the handler reported an error.
#
# The script fails if one of them behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module earlyhints

go 1.26.0

require (
	github.com/gin-gonic/gin v1.12.0
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

	"github.com/gin-gonic/gin"
	echo4 "github.com/labstack/echo/v4"
	echo5 "github.com/labstack/echo/v5"
)

var errFailed = errors.New("the database is away")

func main() {
	gin.SetMode(gin.ReleaseMode)
	e4 := echo4.New()
	e4.POST("/", func(c echo4.Context) error {
		c.Response().WriteHeader(http.StatusEarlyHints)
		return errFailed
	})
	e5 := echo5.New()
	e5.POST("/", func(c *echo5.Context) error {
		c.Response().WriteHeader(http.StatusEarlyHints)
		return errFailed
	})
	g := gin.New()
	g.POST("/", func(c *gin.Context) {
		c.Writer.WriteHeader(http.StatusEarlyHints)
		c.Writer.WriteHeaderNow()
		c.String(http.StatusInternalServerError, errFailed.Error())
	})
	plain := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		http.Error(w, errFailed.Error(), http.StatusInternalServerError)
	})
	changed := false
	for _, f := range []struct {
		name    string
		handler http.Handler
		want    int
	}{{"net/http", plain, 500}, {"echo 4.16.4", e4, 200}, {"echo 5.4.5", e5, 200}, {"gin 1.12.0", g, 200}} {
		s := httptest.NewServer(f.handler)
		resp, err := http.Post(s.URL, "text/plain", nil)
		if err != nil {
			panic(err)
		}
		resp.Body.Close()
		s.Close()
		fmt.Printf("%-12s 103, then an error: the client sees %d\n", f.name, resp.StatusCode)
		changed = changed || resp.StatusCode != f.want
	}
	if changed {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run .
