package integration_test

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/redisstore"
	"github.com/hookonce/hookonce/whtest"
)

// TestRedisCluster: a message has one key, so any node may have it.
func TestRedisCluster(t *testing.T) {
	t.Parallel()
	addrs := services.StartRedisCluster(t)
	t.Run("go-redis", func(t *testing.T) {
		t.Parallel()
		client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
		t.Cleanup(func() { client.Close() })
		whtest.TestSeenStore(t, func(testing.TB) core.SeenStore { return redisstore.New(namespace(), client.Do) })
		if err := redisstore.New(namespace(), client.Do).Check(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("rueidis", func(t *testing.T) {
		t.Parallel()
		do := throughRueidis(t, rueidis.ClientOption{InitAddress: addrs})
		whtest.TestSeenStore(t, func(testing.TB) core.SeenStore { return redisstore.NewFunc(namespace(), do) })
	})
	t.Run("one that INFO does not call a cluster, and that refuses scripts with keys of several slots", func(t *testing.T) {
		t.Parallel()
		client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
		t.Cleanup(func() { client.Close() })
		runID := regexp.MustCompile("run_id:.*\r") // a service behind one address has one name for all nodes
		var refused atomic.Int64
		store := redisstore.NewFunc(namespace(), func(ctx context.Context, args ...any) (any, error) {
			reply, err := client.Do(ctx, args...).Result()
			if err != nil && strings.Contains(err.Error(), "CROSSSLOT") {
				refused.Add(1)
			}
			if text, ok := reply.(string); ok {
				reply = runID.ReplaceAllString(strings.ReplaceAll(text, "cluster_enabled:1", "cluster_enabled:0"), "run_id:one\r")
			}
			return reply, err
		})
		claim := func(i int) {
			value := core.Value{1, byte(i), byte(i >> 8)}
			if got, err := store.Swap(t.Context(), core.Key{byte(i), byte(i >> 8), 31: byte(i)}, core.Value{}, value, time.Minute); err != nil || got != value {
				t.Errorf("claim %d: %v, %v", i, got, err)
			}
		}
		claim(0)
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() { claim(i + 1) })
		}
		wg.Wait()
		if refused.Load() == 0 {
			t.Error("no group was refused: nothing was tested")
		}
	})
	t.Run("a client for one server is told to be one for a cluster", func(t *testing.T) {
		t.Parallel()
		client := goRedis(t, addrs[0])
		s := redisstore.New(namespace(), client.Do)
		for i := range 100 { // a third of the keys belong to the first node
			if _, err := s.Swap(t.Context(), core.Key{byte(i)}, core.Value{}, core.Value{1}, time.Minute); err != nil {
				mustSay(t, err, "use a cluster client")
				return
			}
		}
		t.Error("all keys were on one node")
	})
}

// TestRedisSentinel loses the primary. The store continues with the replica, which has the records
// that reached it.
func TestRedisSentinel(t *testing.T) {
	t.Parallel()
	s := services.StartSentinel(t)
	client := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: services.SentinelName, SentinelAddrs: []string{s.Addr}})
	t.Cleanup(func() { client.Close() })
	store := redisstore.New(namespace(), client.Do)
	value := core.Value{1}
	if got, err := store.Swap(t.Context(), core.Key{1}, core.Value{}, value, time.Hour); err != nil || got != value {
		t.Fatalf("%v, %v", got, err)
	}
	if n, err := client.Wait(t.Context(), 1, 5*time.Second).Result(); err != nil || n != 1 { // replication is asynchronous
		t.Fatalf("the replica has not followed: %d, %v", n, err)
	}
	s.Primary.Kill()
	began := time.Now()
	for {
		got, err := store.Swap(t.Context(), core.Key{1}, core.Value{}, core.Value{2}, time.Hour)
		if err == nil {
			if got != value {
				t.Errorf("the record is %v after the failover", got)
			}
			return
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("no failover: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
