#!/usr/bin/env bash
# Under gin.Recovery a handler that panics with http.ErrAbortHandler succeeds.
#
# Seen with gin 1.12.0 on Go 1.26. net/http documents panic(http.ErrAbortHandler) as
# the way to abort a response: the client sees a broken connection.
# httputil.ReverseProxy panics so when its backend breaks off. gin.Recovery, which
# is in gin.Default, takes the panic for a lost connection and sets no status. The
# connection is fine, and the client gets a complete, empty 200.
#
# Why a receiver of webhooks minds: the sender takes the 200 for a handled event and
# never sends it again, although the handler aborted.
#
# The script fails if gin or net/http behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module ginabort

go 1.26.0

require github.com/gin-gonic/gin v1.12.0
MOD
cat >main.go <<'GO'
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/gin-gonic/gin"
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	g := gin.New()
	g.Use(gin.RecoveryWithWriter(io.Discard))
	g.POST("/abort", func(*gin.Context) { panic(http.ErrAbortHandler) })
	g.POST("/other", func(*gin.Context) { panic("another reason") })
	plain := http.NewServeMux()
	plain.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	plain.HandleFunc("/other", func(http.ResponseWriter, *http.Request) { panic("another reason") })
	changed := false
	for _, f := range []struct {
		name, path string
		handler    http.Handler
		want       string
	}{
		{"net/http", "/abort", plain, "no response"},
		{"net/http", "/other", plain, "no response"},
		{"gin", "/abort", g, "200"},
		{"gin", "/other", g, "500"},
	} {
		s := httptest.NewUnstartedServer(f.handler)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.Start()
		seen := "no response"
		if resp, err := http.Post(s.URL+f.path, "text/plain", nil); err == nil {
			resp.Body.Close()
			seen = fmt.Sprint(resp.StatusCode)
		}
		s.Close()
		fmt.Printf("%-8s panic at %s: the client sees %s\n", f.name, f.path, seen)
		changed = changed || seen != f.want
	}
	if changed {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run .
