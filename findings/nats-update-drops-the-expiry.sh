#!/usr/bin/env bash
# A NATS key-value entry that was created with a TTL never expires once it is updated.
#
# Seen with nats-server 2.15.3 and nats.go 1.55.0 on Go 1.26. Create takes the option
# KeyTTL. Update, the compare-and-swap of the same API, takes no options and
# writes an entry without a TTL. The new entry replaces the old one and its TTL with
# it. The value stays until somebody deletes it.
#
# Why a receiver of webhooks minds: a claim is created with a TTL and updated when the
# event is handled. Every handled event stays in the bucket, which fills up. A claim
# that a worker updates before it dies blocks its event indefinitely.
#
# The script fails if NATS behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module natsupdate

go 1.26.0

require (
	github.com/nats-io/nats-server/v2 v2.15.3
	github.com/nats-io/nats.go v1.55.0
)
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	ctx := context.Background()
	s := must(server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: "store", NoSigs: true}))
	s.Start()
	defer s.Shutdown()
	if !s.ReadyForConnections(10 * time.Second) {
		panic("the server does not start")
	}
	nc := must(nats.Connect(s.ClientURL()))
	defer nc.Close()
	kv := must(must(jetstream.New(nc)).CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "claims", LimitMarkerTTL: time.Second}))

	must(kv.Create(ctx, "kept", []byte("claimed"), jetstream.KeyTTL(2*time.Second)))
	revision := must(kv.Create(ctx, "updated", []byte("claimed"), jetstream.KeyTTL(2*time.Second)))
	must(kv.Update(ctx, "updated", []byte("handled"), revision))
	time.Sleep(6 * time.Second)
	there := func(key string) bool {
		_, err := kv.Get(ctx, key)
		if err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
			panic(err)
		}
		return err == nil
	}
	kept, updated := there("kept"), there("updated")
	fmt.Println("created with a TTL of 2s, there after 6s:", kept)
	fmt.Println("created with a TTL of 2s and updated at once, there after 6s:", updated)
	if kept || !updated {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run .
