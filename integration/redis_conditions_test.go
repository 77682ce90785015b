package integration_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	redisv8 "github.com/go-redis/redis/v8"
	"github.com/gomodule/redigo/redis"
	"github.com/mediocregopher/radix/v4"
	redisv9 "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	"github.com/valkey-io/valkey-go"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/redisstore"
)

// redisClients returns a store of one namespace on each client library. The clients are closed at
// the end of the test.
func redisClients(t *testing.T, addr, name string) map[string]*redisstore.Store {
	t.Helper()
	v8 := redisv8.NewClient(&redisv8.Options{Addr: addr})
	t.Cleanup(func() { v8.Close() })

	pool := &redis.Pool{
		DialContext: func(ctx context.Context) (redis.Conn, error) { return redis.DialContext(ctx, "tcp", addr) },
		MaxIdle:     16,
	}
	t.Cleanup(func() { pool.Close() })
	throughRedigo := func(ctx context.Context, args ...any) (any, error) {
		conn, err := pool.GetContext(ctx)
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		return redis.DoContext(conn, ctx, fmt.Sprint(args[0]), args[1:]...)
	}

	radixClient, err := radix.PoolConfig{}.New(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { radixClient.Close() })
	throughRadix := func(ctx context.Context, args ...any) (reply any, err error) {
		err = radixClient.Do(ctx, radix.FlatCmd(&reply, fmt.Sprint(args[0]), args[1:]...))
		return reply, err
	}

	valkeyClient, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(valkeyClient.Close)
	throughValkey := func(ctx context.Context, args ...any) (any, error) {
		words := make([]string, len(args))
		for i, arg := range args {
			words[i], _ = arg.(string)
		}
		return valkeyClient.Do(ctx, valkeyClient.B().Arbitrary(words...).Build()).ToAny()
	}

	return map[string]*redisstore.Store{
		"go-redis 9": redisstore.New(name, goRedis(t, addr).Do),
		"go-redis 8": redisstore.New(name, v8.Do),
		"rueidis":    redisstore.NewFunc(name, throughRueidis(t, rueidis.ClientOption{InitAddress: []string{addr}})),
		"valkey-go":  redisstore.NewFunc(name, throughValkey),
		"redigo":     redisstore.NewFunc(name, throughRedigo),
		"radix":      redisstore.NewFunc(name, throughRadix),
	}
}

// TestRedisThroughSixClients claims the same messages through six clients of one namespace.
// Meanwhile the server forgets its scripts.
func TestRedisThroughSixClients(t *testing.T) {
	t.Parallel()
	server := services.StartRedis(t, "--appendfsync", "everysec")
	var all []core.SeenStore
	for client, s := range redisClients(t, server.Addr, namespace()) {
		if err := s.Check(t.Context()); err != nil {
			t.Errorf("%s: %v", client, err)
		}
		all = append(all, s)
	}
	mustElect(t, all...)

	admin, done := goRedis(t, server.Addr), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				if err := admin.ScriptFlush(t.Context()).Err(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	mustElect(t, all...)
	close(done)
	wg.Wait()
}

// TestRedisWithTheDocumentedRights gives the user the rights that the package documentation lists,
// and no others.
func TestRedisWithTheDocumentedRights(t *testing.T) {
	t.Parallel()
	server := services.StartRedis(t, "--appendfsync", "everysec")
	name := namespace()
	rules := []any{"ACL", "SETUSER", "app", "reset", "on", ">pw", "~" + name + ":*", "+eval", "+evalsha", "+get", "+set", "+info", "+config|get"}
	if err := goRedis(t, server.Addr).Do(t.Context(), rules...).Err(); err != nil {
		t.Fatal(err)
	}
	var stores []core.SeenStore
	for range 2 {
		client := redisv9.NewClient(&redisv9.Options{Addr: server.Addr, Username: "app", Password: "pw"})
		t.Cleanup(func() { client.Close() })
		s := redisstore.New(name, client.Do)
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
		stores = append(stores, s)
	}
	mustElect(t, stores...)
}

// TestRedisSurvivesAKill kills the server under load. The server syncs before it acknowledges. With
// everysec it holds writes back while a sync runs, and a crash loses those.
func TestRedisSurvivesAKill(t *testing.T) {
	t.Parallel()
	server := services.StartRedis(t, "--appendfsync", "always")
	store := redisstore.New(namespace(), goRedis(t, server.Addr).Do)
	c := startClaims(t, store)
	for range 3 {
		c.waitForMore(t, 1000)
		server.Kill()
		c.waitForFailure()
		server.Start()
	}
	c.waitForMore(t, 100)
	c.end(t, store)
}

// TestRedisClusterMovesSlots moves slots from one node to another during claims.
func TestRedisClusterMovesSlots(t *testing.T) {
	t.Parallel()
	addrs := services.StartRedisCluster(t)
	client := redisv9.NewClusterClient(&redisv9.ClusterOptions{Addrs: addrs})
	t.Cleanup(func() { client.Close() })
	store := redisstore.New(namespace(), client.Do)
	c := startClaims(t, store)
	c.waitForMore(t, 500)
	services.MoveSlots(t, addrs[0], addrs[1], 250)
	c.waitForMore(t, 500)
	c.end(t, store)
}
