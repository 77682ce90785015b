#!/usr/bin/env bash
# tinyproxy passes on only the first of several header lines with one name.
#
# Seen with tinyproxy 1.11.1 (Debian 12) as a reverse proxy. HTTP allows a list in
# several lines of one name, and proxies keep the lines or join them with a comma.
# tinyproxy drops all but the first, and logs nothing.
#
# Why a receiver of webhooks minds: while a secret is rotated, a sender may write a
# signature with each secret. If the receiver has the one whose line is gone, every
# event is refused.
#
# Needs Debian 12 on x86-64, for its packages. The script fails if tinyproxy behaves
# in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir debs root
(cd debs && apt-get download -qq -o APT::Sandbox::User=root tinyproxy-bin=1.11.1-2.1+deb12u1)
dpkg -x debs/*.deb root
cat >main.go <<'GO'
package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"time"
)

func run() (changed bool) {
	var seen []string
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Values("X-Signature") }))
	defer upstream.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	address := ln.Addr().String()
	ln.Close()
	_, port, _ := net.SplitHostPort(address)
	config := fmt.Sprintf("Listen 127.0.0.1\nPort %s\nTimeout 60\nReverseOnly Yes\nReversePath \"/\" \"%s/\"\n", port, upstream.URL)
	if err := os.WriteFile("tinyproxy.conf", []byte(config), 0o600); err != nil {
		panic(err)
	}
	proxy := exec.Command("root/usr/bin/tinyproxy", "-d", "-c", "tinyproxy.conf")
	if err := proxy.Start(); err != nil {
		panic(err)
	}
	defer proxy.Wait()
	defer proxy.Process.Kill()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			break
		} else if time.Now().After(end) {
			panic(err)
		}
	}
	for _, f := range []struct {
		url  string
		want []string
	}{{upstream.URL, []string{"old", "new"}}, {"http://" + address, []string{"old"}}} {
		r, _ := http.NewRequest(http.MethodPost, f.url+"/hook", nil)
		r.Header["X-Signature"] = []string{"old", "new"}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			panic(err)
		}
		resp.Body.Close()
		name := map[bool]string{true: "directly:", false: "through tinyproxy:"}[f.url == upstream.URL]
		fmt.Printf("%-18s X-Signature arrives as %q, status %d\n", name, seen, resp.StatusCode)
		changed = changed || !slices.Equal(seen, f.want) || resp.StatusCode != 200
	}
	return changed
}

func main() {
	if run() {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
go run main.go
