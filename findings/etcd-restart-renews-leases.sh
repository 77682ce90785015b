#!/usr/bin/env bash
# etcd gives every lease its whole life again when it restarts.
#
# Seen with etcd 3.7.3 on Go 1.26. A lease of 10 seconds has 4 left when the server
# is stopped in order and started on the same data. It has 10 again, although nobody
# renewed it. etcd stores how long a lease was granted for, not when it ends. A new
# leader of a cluster begins in the same way.
#
# Why a receiver of webhooks minds: the claim of a worker that died blocks its event
# for longer. Records that are to live longer than the server runs at a time never
# go, and the database fills up.
#
# The script fails if etcd behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module etcdlease

go 1.26.0

require (
	go.etcd.io/etcd/client/v3 v3.7.3
	go.etcd.io/etcd/server/v3 v3.7.3
)
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// start starts a server on the data of the folder, and returns a client.
func start() (*embed.Etcd, *clientv3.Client) {
	cfg := embed.NewConfig()
	cfg.Dir, cfg.LogLevel, cfg.UnsafeNoFsync = "data", "fatal", true
	loopback := []url.URL{*must(url.Parse("http://127.0.0.1:0"))}
	cfg.ListenClientUrls, cfg.ListenPeerUrls = loopback, loopback
	e := must(embed.StartEtcd(cfg))
	select {
	case <-e.Server.ReadyNotify():
	case <-time.After(20 * time.Second):
		panic("the server does not start")
	}
	return e, must(clientv3.New(clientv3.Config{Endpoints: []string{e.Clients[0].Addr().String()}, DialTimeout: 10 * time.Second}))
}

func main() {
	ctx := context.Background()
	e, c := start()
	lease := must(c.Grant(ctx, 10)).ID
	must(c.Put(ctx, "claim", "worker 1", clientv3.WithLease(lease)))
	time.Sleep(6 * time.Second)
	before := must(c.TimeToLive(ctx, lease)).TTL
	c.Close()
	e.Close()
	e, c = start()
	after := must(c.TimeToLive(ctx, lease)).TTL
	time.Sleep(6 * time.Second) // by now 12 seconds and the restart have passed
	there := must(c.Get(ctx, "claim")).Count == 1
	c.Close()
	e.Close()
	fmt.Println("a lease of 10s, seconds left after 6s:", before)
	fmt.Println("seconds left after a restart:", after)
	fmt.Println("the key is there after 12s and a restart:", there)
	if before > 4 || after < 8 || !there {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run .
