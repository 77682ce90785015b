#!/usr/bin/env bash
# fiber hands the text of its own error to the handler as the body of the request.
#
# Seen with fiber 2.52.15 and 3.1.0 on Go 1.26. A proxy has decompressed the body
# and left "Content-Encoding: gzip" in place. c.Body then returns "gzip: invalid
# header", 20 bytes that nobody sent, and no error: c.Body has none to return. With
# br and deflate the texts are others. In fiber 3 c.Body also makes the response 415
# if the name of the encoding is unknown.
#
# Why a receiver of webhooks minds: a signature over c.Body never verifies, and
# nothing says why. A handler that stores the body stores the text.
#
# The script fails if one of them behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module fiberbody

go 1.26.0

require (
	github.com/gofiber/fiber/v2 v2.52.15
	github.com/gofiber/fiber/v3 v3.1.0
)
MOD
cat >main.go <<'GO'
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	fiber2 "github.com/gofiber/fiber/v2"
	fiber3 "github.com/gofiber/fiber/v3"
)

const sent = `{"event":"paid","id":"evt_1"}`

func main() {
	app2 := fiber2.New()
	app2.Post("/", func(c *fiber2.Ctx) error { return c.Send(c.Body()) })
	app3 := fiber3.New()
	app3.Post("/", func(c fiber3.Ctx) error { return c.Send(c.Body()) })
	changed := false
	for _, f := range []struct {
		name     string
		test     func(*http.Request) (*http.Response, error)
		encoding string
		want     string
	}{
		{"fiber 2.52.15", func(r *http.Request) (*http.Response, error) { return app2.Test(r) }, "", sent},
		{"fiber 2.52.15", func(r *http.Request) (*http.Response, error) { return app2.Test(r) }, "gzip", "gzip: invalid header"},
		{"fiber 3.1.0", func(r *http.Request) (*http.Response, error) { return app3.Test(r) }, "", sent},
		{"fiber 3.1.0", func(r *http.Request) (*http.Response, error) { return app3.Test(r) }, "gzip", "gzip: invalid header"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(sent))
		if f.encoding != "" {
			r.Header.Set("Content-Encoding", f.encoding)
		}
		resp, err := f.test(r)
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Printf("%-14s Content-Encoding %-6q the handler reads %q, status %d\n", f.name, f.encoding, body, resp.StatusCode)
		changed = changed || string(body) != f.want || resp.StatusCode != 200
	}
	if changed {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run .
