#!/usr/bin/env bash
# lighttpd as a reverse proxy passes on another path and another query than it got.
#
# Seen with lighttpd 1.4.69 (Debian 12) and a configuration of three lines for mod_proxy.
# By default it decodes what need not be encoded, writes the rest in upper case
# and merges slashes. An encoded slash in the path becomes one that separates.
# It does so in the query too, where other proxies leave it alone. The body is untouched.
#
# Why a receiver of webhooks minds: some senders sign the whole URL, and the program
# behind lighttpd sees another one.
#
# Needs Debian 12 on x86-64, for its packages. The script fails if lighttpd behaves
# in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir debs root
(cd debs && apt-get download -qq -o APT::Sandbox::User=root lighttpd=1.4.69-1 libxxhash0=0.8.1-1)
for deb in debs/*.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu
cat >main.go <<'GO'
package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"time"
)

const (
	sent = "/hook//team%7eeast/a%2fb?order=12%2f7&name=%7ejo&city=%c3%a9"
	want = "/hook/team~east/a/b?order=12%2F7&name=~jo&city=%C3%A9"
)

func run() (changed bool) {
	var seen string
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.RequestURI }))
	defer upstream.Close()
	_, upstreamPort, _ := net.SplitHostPort(upstream.Listener.Addr().String())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	address := ln.Addr().String()
	ln.Close()
	_, port, _ := net.SplitHostPort(address)
	config := fmt.Sprintf(`server.bind = "127.0.0.1"
server.port = %s
server.document-root = "."
server.modules = ("mod_proxy")
proxy.server = ("" => (("host" => "127.0.0.1", "port" => %s)))
`, port, upstreamPort)
	if err := os.WriteFile("lighttpd.conf", []byte(config), 0o600); err != nil {
		panic(err)
	}
	proxy := exec.Command("root/usr/sbin/lighttpd", "-D", "-f", "lighttpd.conf", "-m", "root/usr/lib/lighttpd")
	if err := proxy.Start(); err != nil {
		panic(err)
	}
	defer proxy.Wait()
	defer proxy.Process.Kill()
	var conn net.Conn
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if conn, err = net.Dial("tcp", address); err == nil {
			break
		} else if time.Now().After(end) {
			panic(err)
		}
	}
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}", sent)
	status := make([]byte, len("HTTP/1.1 200"))
	if _, err := conn.Read(status); err != nil {
		panic(err)
	}
	conn.Close()
	fmt.Println("sent:", sent)
	fmt.Println("seen:", seen)
	return seen != want || !strings.HasSuffix(string(status), "200")
}

func main() {
	if run() {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
go run main.go
