#!/usr/bin/env bash
# With sentry-go in its default configuration a handler that panics responds 200.
#
# Seen with sentry-go 0.50.0 and net/http on Go 1.26. The middleware recovers the
# panic to report it. Its option Repanic is false by default, and it writes no
# status. So the server completes the response as that of any handler that wrote
# nothing: 200. Without the middleware the client sees a broken connection.
#
# Why a receiver of webhooks minds: every event that crashes the handler counts as
# handled at its sender, and is never sent again.
#
# The script fails if sentry-go behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module crashreporter

go 1.26.0

require github.com/getsentry/sentry-go v0.50.0
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

	sentryhttp "github.com/getsentry/sentry-go/http"
)

func main() {
	crash := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("the handler is broken") })
	changed := false
	for _, f := range []struct {
		name    string
		handler http.Handler
		want    string
	}{
		{"net/http alone", crash, "no response"},
		{"net/http, sentry", sentryhttp.New(sentryhttp.Options{}).Handle(crash), "200"},
		{"net/http, sentry with Repanic", sentryhttp.New(sentryhttp.Options{Repanic: true}).Handle(crash), "no response"},
	} {
		s := httptest.NewUnstartedServer(f.handler)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.Start()
		seen := "no response"
		if resp, err := http.Post(s.URL, "text/plain", nil); err == nil {
			resp.Body.Close()
			seen = fmt.Sprint(resp.StatusCode)
		}
		s.Close()
		fmt.Printf("%-30s a panic: the client sees %s\n", f.name, seen)
		changed = changed || seen != f.want
	}
	if changed {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run .
