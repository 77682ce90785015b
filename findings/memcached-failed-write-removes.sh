#!/usr/bin/env bash
# On a full memcached a meta command that must not touch an existing item removes it.
#
# Seen with memcached 1.6.18 (Debian 12) and the option -M, which returns an error in
# place of evicting. "ms KEY 500 ME" adds an item only if there is none, and "ms KEY
# 500 C1" writes only over revision 1. If there is no memory for the new value, both
# return the error and remove the item that is there. The commands add and
# cas return the same error and leave it alone.
#
# Why a receiver of webhooks minds: a full server refuses a second claim of an event, as
# it should, and forgets the first. The next attempt claims the event again while it is
# being handled.
#
# Needs Debian 12 on x86-64, for its packages. The script fails if memcached behaves
# in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir debs root
(cd debs && apt-get download -qq -o APT::Sandbox::User=root memcached=1.6.18-1+deb12u1 libevent-2.1-7=2.1.12-stable-8+deb12u1 libsasl2-2=2.1.28+dfsg-10+deb12u1)
for deb in debs/*.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu
cat >main.go <<'GO'
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
)

const value = 500 // bytes

type client struct {
	net.Conn
	r *bufio.Reader
}

func (c client) line() string {
	line, err := c.r.ReadString('\n')
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(line)
}

// write sends a command with a value, and returns the response.
func (c client) write(format string, args ...any) string {
	fmt.Fprintf(c, format+"\r\n%s\r\n", append(args, strings.Repeat("x", value))...)
	return c.line()
}

// revision of the item, "" if there is none.
func (c client) revision(key string) string {
	fmt.Fprintf(c, "gets %s\r\n", key)
	words := strings.Fields(c.line())
	if words[0] == "END" {
		return ""
	}
	c.line()
	c.line()
	return words[4]
}

func run() (changed bool) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	address := ln.Addr().String()
	ln.Close()
	_, port, _ := net.SplitHostPort(address)
	server := exec.Command("root/usr/bin/memcached", "-l", "127.0.0.1", "-p", port, "-U", "0", "-M", "-m", "8", "-u", "nobody")
	if err := server.Start(); err != nil {
		panic(err)
	}
	defer server.Wait()
	defer server.Process.Kill()
	var c client
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if c.Conn, err = net.Dial("tcp", address); err == nil {
			break
		} else if time.Now().After(end) {
			panic(err)
		}
	}
	c.r = bufio.NewReader(c.Conn)

	items := 0
	for i, f := range []struct {
		command string
		stays   bool
	}{
		{"add %s 0 0 500", true},
		{"cas %s 0 0 500 999999999", true},
		{"ms %s 500 ME", false},
		{"ms %s 500 C999999999", false},
	} {
		for strings.HasPrefix(c.write("add item%d 0 0 %d", items, value), "STORED") {
			items++ // until the server is full
		}
		key := fmt.Sprint("item", 100+i)
		before := c.revision(key)
		response := c.write(f.command, key)
		after := c.revision(key)
		fmt.Printf("%-32s %s; the item stays: %v\n", fmt.Sprintf(f.command, "KEY")+":", response, after != "")
		changed = changed || before == "" || (after == before) != f.stays || !strings.HasPrefix(response, "SERVER_ERROR out of memory")
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
