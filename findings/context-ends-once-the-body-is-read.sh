#!/usr/bin/env bash
# net/http cancels a handler's context when the client leaves, but not before the
# handler has read the body.
#
# Seen with Go 1.26 over HTTP/1.1. The client sends a complete request and closes the
# connection. The server looks for that only when the body has been read to its end.
# A handler that has not read it works on, with a context that stays alive. The same
# handler after io.ReadAll is cancelled at once.
#
# Why a receiver of webhooks minds: verifying a signature reads the body. So the step
# that makes the endpoint safe also makes its database calls end when an impatient
# sender hangs up, in the middle of the work.
#
# The script fails if net/http behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module clientleaves

go 1.26.0
MOD
cat >main.go <<'GO'
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"time"
)

func main() {
	changed := false
	for _, f := range []struct {
		name      string
		read      bool
		cancelled bool
	}{{"body not read", false, false}, {"body read", true, true}} {
		started, result := make(chan struct{}), make(chan bool, 1)
		s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if f.read {
				io.ReadAll(r.Body)
			}
			close(started)
			select {
			case <-r.Context().Done():
				result <- true
			case <-time.After(2 * time.Second):
				result <- false
			}
		}))
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			panic(err)
		}
		fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 14\r\n\r\n{\"id\":\"evt_1\"}")
		<-started
		conn.Close()
		cancelled := <-result
		s.Close()
		fmt.Printf("%-13s the client has left: the context ended within 2s: %v\n", f.name, cancelled)
		changed = changed || cancelled != f.cancelled
	}
	if changed {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run .
