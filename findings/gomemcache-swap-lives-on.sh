#!/usr/bin/env bash
# An item that gomemcache reads and swaps never expires.
#
# Seen with gomemcache of 2026-04-22 on Go 1.26 and memcached 1.6.18 (Debian 12).
# Get returns an Item with the fields Value, CasID and Expiration. CompareAndSwap takes
# that Item with a new Value. But Get leaves Expiration at zero, as the protocol
# does not tell it, and zero means no expiry. So the swap that should keep the rest of
# the item takes its life away.
#
# Why a receiver of webhooks minds: a claim is added with a life and swapped when the
# event is handled. Every handled event then stays until the server is full.
#
# Needs Debian 12 on x86-64, for its packages. The script fails if gomemcache behaves
# in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir debs root
(cd debs && apt-get download -qq -o APT::Sandbox::User=root memcached=1.6.18-1+deb12u1 libevent-2.1-7=2.1.12-stable-8+deb12u1 libsasl2-2=2.1.28+dfsg-10+deb12u1)
for deb in debs/*.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu
cat >go.mod <<'MOD'
module swap

go 1.26.0

require github.com/bradfitz/gomemcache v0.0.0-20260422231931-4d751bb6e37c
MOD
cat >main.go <<'GO'
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func run() (changed bool) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	address := ln.Addr().String()
	ln.Close()
	_, port, _ := net.SplitHostPort(address)
	server := exec.Command("root/usr/bin/memcached", "-l", "127.0.0.1", "-p", port, "-U", "0", "-u", "nobody")
	check(server.Start())
	defer server.Wait()
	defer server.Process.Kill()
	c := memcache.New(address)
	for end := time.Now().Add(10 * time.Second); c.Ping() != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			panic("memcached does not start")
		}
	}
	swap := func(key string, life int32) {
		check(c.Add(&memcache.Item{Key: key, Value: []byte("claimed"), Expiration: 2}))
		item, err := c.Get(key)
		check(err)
		item.Value = []byte("handled")
		if life != 0 {
			item.Expiration = life
		}
		check(c.CompareAndSwap(item))
	}
	check(c.Add(&memcache.Item{Key: "added", Value: []byte("claimed"), Expiration: 2}))
	swap("swapped", 0)
	swap("again", 2)
	time.Sleep(5 * time.Second)
	for _, f := range []struct {
		key, what string
		there     bool
	}{
		{"added", "added with 2s", false},
		{"swapped", "added with 2s, then Get and CompareAndSwap", true},
		{"again", "the same, with Expiration set again", false},
	} {
		_, err := c.Get(f.key)
		if err != nil && !errors.Is(err, memcache.ErrCacheMiss) {
			panic(err)
		}
		fmt.Printf("%s, there after 5s: %v\n", f.what, err == nil)
		changed = changed || (err == nil) != f.there
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
GOFLAGS=-mod=mod go run .
