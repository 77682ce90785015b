package integration_test

import (
	"context"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/redisstore"
)

// A store on a client of go-redis. A ClusterClient, a FailoverClient or a
// UniversalClient works in the same way.
func Example_goRedis() { //nolint:testableexamples // it wants a server
	rdb := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	defer rdb.Close()
	v, err := core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), redisstore.New("orders", rdb.Do), nil)
	fmt.Println(v, err)
}

// A store on a client of rueidis. A closure passes it one command and says
// which argument is the key.
func Example_rueidis() { //nolint:testableexamples // it wants a server
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{"localhost:6379"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	store := redisstore.NewFunc("orders", func(ctx context.Context, args ...any) (any, error) {
		return rueidisDo(ctx, client, args...)
	})
	v, err := core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), store, nil)
	fmt.Println(v, err)
}

func rueidisDo(ctx context.Context, client rueidis.Client, args ...any) (any, error) {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i], _ = arg.(string)
	}
	if len(words) < 4 { // CONFIG GET: no key
		return client.Do(ctx, client.B().Arbitrary(words...).Build()).ToAny()
	}
	return client.Do(ctx, client.B().Arbitrary(words[:3]...).Keys(words[3]).Args(words[4:]...).Build()).ToAny()
}
