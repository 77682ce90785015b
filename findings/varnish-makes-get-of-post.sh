#!/usr/bin/env bash
# With "return (hash)" Varnish turns a POST into a GET without a body, and responds
# to later POSTs with other bodies from its cache.
#
# Seen with Varnish 7.1.1 (Debian 12). The line is how a vcl_recv says that a
# path may be cached, and it skips the built-in code that lets only GET and HEAD do so.
# The method that the backend sees is then always GET. Its 200 is the response to every
# POST for that URL until it expires.
#
# Why a receiver of webhooks minds: the first event arrives empty, and all others are
# lost. Each sender sees a 200.
#
# Needs Debian 12 on x86-64, for its packages, and gcc, with which Varnish compiles its
# configuration. The script fails if Varnish behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir debs root
(cd debs && apt-get download -qq -o APT::Sandbox::User=root varnish=7.1.1-2+deb12u1 libvarnishapi3=7.1.1-2+deb12u1 libjemalloc2=5.3.0-1)
for deb in debs/*.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu
cat >main.go <<'GO'
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// deliver posts three events through a Varnish with this vcl_recv, and returns what the backend saw.
func deliver(recv string) (seen []string) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, r.Method+" "+string(body))
		io.WriteString(w, "handled")
	}))
	defer backend.Close()
	_, backendPort, _ := net.SplitHostPort(backend.Listener.Addr().String())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	address := ln.Addr().String()
	ln.Close()
	here, _ := os.MkdirTemp(".", "varnish")
	here, _ = filepath.Abs(here)
	vcl := fmt.Sprintf("vcl 4.1;\nbackend default { .host = \"127.0.0.1\"; .port = \"%s\"; }\nsub vcl_recv { %s }\n", backendPort, recv)
	if err := os.WriteFile(here+"/default.vcl", []byte(vcl), 0o600); err != nil {
		panic(err)
	}
	varnish := exec.Command("root/usr/sbin/varnishd", "-F", "-j", "none", "-a", address, "-f", here+"/default.vcl", "-n", here+"/run", "-s", "malloc,16m")
	if err := varnish.Start(); err != nil {
		panic(err)
	}
	defer varnish.Wait()
	defer varnish.Process.Signal(syscall.SIGTERM) // it ends its worker process too
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			break
		} else if time.Now().After(end) {
			panic(err)
		}
	}
	for _, event := range []string{"evt_1", "evt_2", "evt_3"} {
		resp, err := http.Post("http://"+address+"/hook", "application/json", strings.NewReader(event))
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 || string(body) != "handled" {
			panic(fmt.Sprint(resp.StatusCode, string(body)))
		}
	}
	return seen
}

func main() {
	builtin, hash := deliver(""), deliver("return (hash);")
	fmt.Printf("three POSTs answered 200 \"handled\". The backend saw, with an empty vcl_recv: %q\n", builtin)
	fmt.Printf("with return (hash): %q\n", hash)
	if !slices.Equal(builtin, []string{"POST evt_1", "POST evt_2", "POST evt_3"}) || !slices.Equal(hash, []string{"GET "}) {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
go run main.go
