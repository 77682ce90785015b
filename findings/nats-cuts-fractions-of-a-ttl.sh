#!/usr/bin/env bash
# A NATS message that was published with a TTL of 1.999 seconds lives for one second.
#
# Seen with nats-server 2.15.3 and nats.go 1.55.0 on Go 1.26. The option WithMsgTTL
# takes a time.Duration, and the client sends it as "1.999s". The server cuts it to
# whole seconds and acknowledges the message. So it expires almost a second early.
# Below one second the server returns an error instead.
#
# Why a receiver of webhooks minds: a claim that ends early lets a second worker in
# while the first still works, and a replay window that ends early lets a replay in.
#
# The script fails if NATS behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module natsfraction

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
	js := must(jetstream.New(nc))
	stream := must(js.CreateStream(ctx, jetstream.StreamConfig{Name: "CLAIMS", Subjects: []string{"claims.>"}, AllowMsgTTL: true}))

	// life is how long a message with this TTL can be read: the shortest of three.
	life := func(ttl time.Duration) time.Duration {
		shortest := time.Hour
		for range 3 {
			began := time.Now()
			ack := must(js.Publish(ctx, "claims.evt_1", nil, jetstream.WithMsgTTL(ttl)))
			seen := time.Now()
			for {
				at := time.Now()
				if _, err := stream.GetMsg(ctx, ack.Sequence); err != nil {
					break
				}
				seen = at
				time.Sleep(5 * time.Millisecond)
			}
			shortest = min(shortest, seen.Sub(began))
		}
		return shortest
	}
	fraction, whole := life(1999*time.Millisecond), life(2*time.Second)
	fmt.Println("TTL 1.999s: read last after", fraction.Round(10*time.Millisecond))
	fmt.Println("TTL 2s:     read last after", whole.Round(10*time.Millisecond))
	_, err := js.Publish(ctx, "claims.evt_1", nil, jetstream.WithMsgTTL(999*time.Millisecond))
	fmt.Println("TTL 0.999s:", err)
	if fraction > 1700*time.Millisecond || whole < 1900*time.Millisecond || err == nil {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run .
