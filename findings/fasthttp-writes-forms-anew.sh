#!/usr/bin/env bash
# fiber's BodyRaw returns other bytes than were sent if the body is a multipart form.
#
# Seen with fiber 2.52.15 (fasthttp 1.51.0) and 3.1.0 (fasthttp 1.69.0) on Go 1.26.
# In the default configuration the server parses the form as it reads it and keeps no
# bytes. BodyRaw, and fasthttp's Request.Body, then write the form anew: headers of
# parts are lost. There is no error, and simple forms often come out equal. The option
# DisablePreParseMultipartForm keeps the bytes.
#
# Why a receiver of webhooks minds: the signature is over the bytes that were sent.
# Some forms of one sender verify and others do not.
#
# The script fails if one of them behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module forms

go 1.26.0

require (
	github.com/gofiber/fiber/v2 v2.52.15
	github.com/gofiber/fiber/v3 v3.1.0
)
MOD
cat >main.go <<'GO'
package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	fiber2 "github.com/gofiber/fiber/v2"
	fiber3 "github.com/gofiber/fiber/v3"
)

const kind = "multipart/form-data; boundary=limit"

var sent = strings.ReplaceAll(`--limit
Content-Disposition: form-data; name="event"
Content-Type: application/json
Content-ID: <evt_1>

{"id":"evt_1"}
--limit--
`, "\n", "\r\n")

func main() {
	app2 := func(keep bool) func(net.Listener) error {
		app := fiber2.New(fiber2.Config{DisableStartupMessage: true, DisablePreParseMultipartForm: keep})
		app.Post("/", func(c *fiber2.Ctx) error { return c.Send(c.BodyRaw()) })
		return app.Listener
	}
	app3 := func(keep bool) func(net.Listener) error {
		app := fiber3.New(fiber3.Config{DisablePreParseMultipartForm: keep})
		app.Post("/", func(c fiber3.Ctx) error { return c.Send(c.BodyRaw()) })
		return func(ln net.Listener) error { return app.Listener(ln, fiber3.ListenConfig{DisableStartupMessage: true}) }
	}
	changed := false
	for _, f := range []struct {
		name  string
		serve func(net.Listener) error
		same  bool
	}{
		{"fiber 2.52.15", app2(false), false},
		{"fiber 2.52.15, DisablePreParseMultipartForm", app2(true), true},
		{"fiber 3.1.0", app3(false), false},
		{"fiber 3.1.0, DisablePreParseMultipartForm", app3(true), true},
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		go f.serve(ln)
		resp, err := http.Post("http://"+ln.Addr().String(), kind, strings.NewReader(sent))
		if err != nil {
			panic(err)
		}
		got, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		same := bytes.Equal(got, []byte(sent))
		fmt.Printf("%s: BodyRaw returns the bytes that were sent: %v\n", f.name, same)
		if !same {
			fmt.Printf("\tsent %q\n\tread %q\n", sent, got)
		}
		changed = changed || same != f.same || !bytes.Contains(got, []byte("evt_1"))
	}
	if changed {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run .
