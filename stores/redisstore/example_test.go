package redisstore_test

import (
	"context"
	"fmt"
	"log"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/redisstore"
)

// cmd stands for *redis.Cmd, and client for *redis.Client. Both are in
// github.com/redis/go-redis/v9, but this module imports no client.
type (
	cmd    interface{ Result() (any, error) }
	client interface {
		Do(ctx context.Context, args ...any) cmd
	}
)

// rdb is redis.NewClient(&redis.Options{Addr: "localhost:6379"}) in a program.
var rdb client = &server{records: map[string]string{}} //nolint:gochecknoglobals // of the example

func ExampleNew() {
	store := redisstore.New("orders", rdb.Do)
	if err := store.Check(context.Background()); err != nil {
		log.Fatal(err)
	}
	_, err := core.New(core.Secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), store, nil)
	fmt.Println(err)
	// Output: <nil>
}

// NewFunc uses any other client through a function that sends one command.
func ExampleNewFunc() {
	send := sendCommand // your client's

	store := redisstore.NewFunc("orders", func(ctx context.Context, args ...any) (any, error) {
		command := make([]string, len(args))
		for i, arg := range args {
			command[i], _ = arg.(string) // all arguments are strings
		}
		return send(ctx, command...)
	})
	fmt.Println(store.Check(context.Background()))
	// Output: <nil>
}
