#!/usr/bin/env bash
# gin-contrib/timeout responds 408 to a request whose handler wrote 200 in time.
#
# Seen with gin-contrib/timeout 1.2.1 and gin 1.12.0 on Go 1.26. The handler writes
# its 200 at once, then works for longer than the timeout. The middleware buffers
# the response and waits for the handler. When it returns, the buffer is thrown away
# and the client gets 408. Nothing is sent when the timeout passes, so the
# timeout shortens no response either. A panic after the timeout is swallowed.
#
# Why a receiver of webhooks minds: the event was handled, and its sender is told that
# it was not. It sends the event again, and the effect happens twice.
#
# The script fails if the middleware behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module gintimeout

go 1.26.0

require (
	github.com/gin-contrib/timeout v1.2.1
	github.com/gin-gonic/gin v1.12.0
)
MOD
cat >main.go <<'GO'
package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/gin-contrib/timeout"
	"github.com/gin-gonic/gin"
)

const (
	limit = 300 * time.Millisecond
	work  = 1200 * time.Millisecond
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	ended := make(chan time.Time, 1)
	g := gin.New()
	g.Use(timeout.New(timeout.WithTimeout(limit)))
	g.POST("/quick", func(c *gin.Context) { c.String(http.StatusOK, "handled") })
	g.POST("/slow", func(c *gin.Context) {
		c.String(http.StatusOK, "handled")
		time.Sleep(work)
		ended <- time.Now()
	})
	g.POST("/panic", func(c *gin.Context) {
		time.Sleep(work)
		panic("after the timeout")
	})
	s := httptest.NewServer(g)
	defer s.Close()
	changed := false
	for _, f := range []struct {
		path   string
		status int
	}{{"/quick", 200}, {"/slow", 408}, {"/panic", 408}} {
		began := time.Now()
		resp, err := http.Post(s.URL+f.path, "text/plain", nil)
		if err != nil {
			panic(err)
		}
		resp.Body.Close()
		took := time.Since(began)
		fmt.Printf("%-6s timeout %v: %d after %v\n", f.path, limit, resp.StatusCode, took.Round(100*time.Millisecond))
		changed = changed || resp.StatusCode != f.status
		if f.path != "/quick" { // the timeout does not end the wait
			changed = changed || took < work
		}
	}
	fmt.Println("the handler of /slow ran to its end:", len(ended) == 1)
	if changed || len(ended) != 1 {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run .
