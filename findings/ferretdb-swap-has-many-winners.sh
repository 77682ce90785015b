#!/usr/bin/env bash
# In FerretDB 1.24 on SQLite several clients win one compare-and-swap.
#
# Seen with FerretDB 1.24.2 and mongo-driver 1.17.1 on Go 1.26. 32 clients call
# UpdateOne with the filter {owner: ""} and set the owner. In MongoDB one document
# is updated by one of them. Here some six get ModifiedCount 1 and no error. And of 32
# calls with $inc, all acknowledged, the number keeps a few: the update reads the document
# and writes it back, and nothing holds it in between.
#
# Why a receiver of webhooks minds: each winner is a worker that has claimed the event.
#
# The first run builds FerretDB, which takes a minute or two. The script fails if
# FerretDB behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module ferret

go 1.26.0

require (
	github.com/FerretDB/FerretDB v1.24.2
	go.mongodb.org/mongo-driver v1.17.1
)
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/FerretDB/FerretDB/ferretdb"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

const (
	clients = 32
	rounds  = 5
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func run() (changed bool) {
	ctx, stop := context.WithCancel(context.Background())
	if err := os.Mkdir("data", 0o700); err != nil {
		panic(err)
	}
	server := must(ferretdb.New(&ferretdb.Config{
		Listener: ferretdb.ListenerConfig{TCP: "127.0.0.1:0"}, Handler: "sqlite", SQLiteURL: "file:data/",
	}))
	stopped := make(chan error)
	go func() { stopped <- server.Run(ctx) }()
	client := must(mongo.Connect(ctx, options.Client().ApplyURI(server.MongoDBURI())))
	defer func() {
		_ = client.Disconnect(ctx)
		stop()
		<-stopped
	}()
	events := client.Database("hooks").Collection("events")

	// modified is how many of the clients' calls, made at once, say that they updated the document.
	modified := func(filter bson.M, update func(client int) bson.M) int64 {
		var all sync.WaitGroup
		var sum atomic.Int64
		for i := range clients {
			all.Go(func() { sum.Add(must(events.UpdateOne(ctx, filter, update(i))).ModifiedCount) })
		}
		all.Wait()
		return sum.Load()
	}
	won, acknowledged, kept := int64(0), int64(0), int64(0)
	for round := range rounds {
		must(events.InsertOne(ctx, bson.M{"_id": round, "owner": "", "attempts": int64(0)}))
		won += modified(bson.M{"_id": round, "owner": ""}, func(client int) bson.M {
			return bson.M{"$set": bson.M{"owner": fmt.Sprint("worker ", client)}}
		})
		acknowledged += modified(bson.M{"_id": round}, func(int) bson.M { return bson.M{"$inc": bson.M{"attempts": int64(1)}} })
		var event struct{ Attempts int64 }
		if err := events.FindOne(ctx, bson.M{"_id": round}).Decode(&event); err != nil {
			panic(err)
		}
		kept += event.Attempts
	}
	fmt.Printf("%d documents, %d clients each: %d won the swap\n", rounds, clients, won)
	fmt.Printf("%d increments acknowledged, %d of them kept\n", acknowledged, kept)
	return won <= rounds || acknowledged != rounds*clients || kept >= acknowledged
}

func main() {
	if run() {
		fmt.Println("this differs from what was seen: more winners than documents, and increments lost")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run . 2>server.log || { cat server.log; exit 1; }
