package integration_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/redisstore"
	"github.com/hookonce/hookonce/whtest"
)

// namespace returns a namespace that no other store uses.
func namespace() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return "test-" + hex.EncodeToString(b[:])
}

// goRedis returns a client with the defaults of go-redis.
func goRedis(t testing.TB, addr string) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { client.Close() })
	return client
}

// throughRueidis is the closure of Example_rueidis.
func throughRueidis(t testing.TB, option rueidis.ClientOption) func(context.Context, ...any) (any, error) {
	t.Helper()
	option.DisableCache = true
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return func(ctx context.Context, args ...any) (any, error) { return rueidisDo(ctx, client, args...) }
}

// TestRedis runs the suite for stores on each kind of client.
func TestRedis(t *testing.T) {
	t.Parallel()
	server := services.StartRedis(t)
	t.Run("go-redis", func(t *testing.T) {
		t.Parallel()
		client := goRedis(t, server.Addr)
		whtest.TestSeenStore(t, func(testing.TB) core.SeenStore { return redisstore.New(namespace(), client.Do) })
	})
	t.Run("go-redis, universal client", func(t *testing.T) {
		t.Parallel()
		client := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{server.Addr}})
		t.Cleanup(func() { client.Close() })
		whtest.TestSeenStore(t, func(testing.TB) core.SeenStore { return redisstore.New(namespace(), client.Do) })
	})
	t.Run("rueidis", func(t *testing.T) {
		t.Parallel()
		do := throughRueidis(t, rueidis.ClientOption{InitAddress: []string{server.Addr}})
		whtest.TestSeenStore(t, func(testing.TB) core.SeenStore { return redisstore.NewFunc(namespace(), do) })
	})
}

// TestRedisFaults runs the suite with the cases that need an engine to fail.
func TestRedisFaults(t *testing.T) { //nolint:tparallel // one server, which is killed and started again
	t.Parallel()
	server := services.StartRedis(t)
	proxy, name := whtest.NewProxy(t, server.Addr), namespace()
	kill := func(testing.TB, core.SeenStore) (start func()) {
		server.Kill()
		return server.Start
	}
	twice(t,
		func(t testing.TB) core.SeenStore { return redisstore.New(name, goRedis(t, proxy.Addr()).Do) },
		whtest.StoreRestart(kill), whtest.StoreBreak(kill),
		whtest.StoreLoseReply(func(testing.TB, core.SeenStore) { proxy.LoseReply() }),
	)
	t.Run("emptied", func(t *testing.T) { // each store in a namespace of its own: for ten seconds it knows nothing of before
		whtest.TestSeenStore(t,
			func(t testing.TB) core.SeenStore { return redisstore.New(namespace(), goRedis(t, server.Addr).Do) },
			whtest.StoreForget(func(t testing.TB, _ core.SeenStore) {
				if err := goRedis(t, server.Addr).FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
			}))
	})
}

// twice runs the suite twice on one server and namespace: leftovers of the first run must not
// disturb the second.
func twice(t *testing.T, open func(t testing.TB) core.SeenStore, options ...whtest.StoreOption) {
	t.Helper()
	for run := range 2 {
		t.Run(fmt.Sprint("run ", run+1), func(t *testing.T) { whtest.TestSeenStore(t, open, options...) })
	}
}

// TestRedisBadInput runs a store on misconfigured servers. Each error names the remedy, and nothing
// is admitted.
func TestRedisBadInput(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		args   []string
		user   string
		setUp  func(t *testing.T, admin *redis.Client)
		remedy string
		reason core.Reason
	}{
		{
			name: "wrong password", args: []string{"--requirepass", "right"}, user: "default",
			remedy: "does not accept the client's user name or password", reason: core.ErrStoreUnavailable,
		},
		{
			name: "no password", args: []string{"--requirepass", "right"},
			remedy: "the server requires a password", reason: core.ErrStoreUnavailable,
		},
		{
			name: "read-only replica", args: []string{"--replicaof", "127.0.0.1 1", "--replica-serve-stale-data", "yes"},
			remedy: "connect to the primary", reason: core.ErrStoreUnavailable,
		},
		{
			name: "full", args: []string{"--maxmemory", "100kb", "--maxmemory-policy", "noeviction"},
			remedy: "raise maxmemory", reason: core.ErrStoreFull,
		},
		{
			name: "evicting", args: []string{"--maxmemory-policy", "allkeys-lru"},
			remedy: "CONFIG SET maxmemory-policy noeviction", reason: core.ErrStoreUnavailable,
		},
		{
			name: "an ACL that forbids scripts",
			setUp: func(t *testing.T, admin *redis.Client) {
				t.Helper()
				if err := admin.Do(t.Context(), "ACL", "SETUSER", "app", "on", "nopass", "~*", "+get", "+set", "+hello", "+client").Err(); err != nil {
					t.Fatal(err)
				}
			},
			user: "app", remedy: "+eval +evalsha", reason: core.ErrStoreUnavailable,
		},
		{
			name: "a cluster without its slots, and a client for one server", args: []string{"--cluster-enabled", "yes"},
			remedy: "CLUSTER INFO", reason: core.ErrStoreUnavailable,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := services.StartRedis(t, tt.args...)
			if tt.setUp != nil {
				tt.setUp(t, goRedis(t, server.Addr))
			}
			options := &redis.Options{Addr: server.Addr}
			if tt.user != "" {
				options.Username, options.Password = tt.user, "wrong"
			}
			client := redis.NewClient(options)
			t.Cleanup(func() { client.Close() })
			mustRefuse(t, redisstore.New(namespace(), client.Do), tt.reason, tt.remedy)
		})
	}
	t.Run("unreachable", func(t *testing.T) {
		t.Parallel()
		client := goRedis(t, services.FreeAddr(t))
		mustRefuse(t, redisstore.New(namespace(), client.Do), core.ErrStoreUnavailable, "cannot be reached")
	})
	t.Run("a key that belongs to something else", func(t *testing.T) {
		t.Parallel()
		server := services.StartRedis(t)
		client, name := goRedis(t, server.Addr), namespace()
		var key core.Key
		record, marker := name+":{mm}"+string(key[:]), name+":{mm}since"
		for _, tt := range []struct {
			says  string
			write func() error
		}{
			{"not a record of this store", func() error { return client.Set(t.Context(), record, "text", 0).Err() }},
			{"not a marker of this store", func() error { return client.Set(t.Context(), marker, "text", 0).Err() }},
			{"belongs to something else", func() error { return client.LPush(t.Context(), record, "text").Err() }},
			{"belongs to something else", func() error { return client.LPush(t.Context(), marker, "text").Err() }},
		} {
			client.FlushAll(t.Context())
			if err := tt.write(); err != nil {
				t.Fatal(err)
			}
			_, err := redisstore.New(name, client.Do).Swap(t.Context(), key, core.Value{}, core.Value{1}, time.Minute)
			mustSay(t, err, tt.says)
		}
	})
}

func TestRedisCheck(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"a server that is right", []string{"--maxmemory-policy", "noeviction"}, nil},
		{"one that evicts", []string{"--maxmemory-policy", "allkeys-lru"}, []string{"maxmemory-policy is allkeys-lru", "CONFIG SET maxmemory-policy noeviction"}},
		{"one that saves nothing", []string{"--appendonly", "no"}, []string{"saves nothing", "appendonly yes"}},
		{"one that saves snapshots only", []string{"--appendonly", "no", "--save", "60 1"}, []string{"only snapshots"}},
		{"a full server", []string{"--maxmemory", "1mb", "--maxmemory-policy", "noeviction"}, []string{"raise maxmemory"}},
		{"a replica", []string{"--replicaof", "127.0.0.1 1"}, []string{"role is slave", "connect to the primary"}},
		{"several mistakes at once", []string{"--appendonly", "no", "--maxmemory-policy", "volatile-ttl"}, []string{"volatile-ttl", "saves nothing"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := services.StartRedis(t, tt.args...)
			for client, do := range map[string]func(context.Context, ...any) (any, error){
				"go-redis": func(ctx context.Context, args ...any) (any, error) {
					return goRedis(t, server.Addr).Do(ctx, args...).Result()
				},
				"rueidis": throughRueidis(t, rueidis.ClientOption{InitAddress: []string{server.Addr}}),
			} {
				err := redisstore.NewFunc(namespace(), do).Check(t.Context())
				if (err == nil) != (tt.want == nil) {
					t.Errorf("%s: %v", client, err)
				}
				for _, want := range tt.want {
					if err != nil && !strings.Contains(err.Error(), want) {
						t.Errorf("%s: %q does not say %q", client, err, want)
					}
				}
			}
		})
	}
	t.Run("a user with the documented rights, and with one less", func(t *testing.T) {
		t.Parallel()
		server := services.StartRedis(t)
		admin := goRedis(t, server.Addr)
		client := redis.NewClient(&redis.Options{Addr: server.Addr, Username: "app", Password: "pw"})
		t.Cleanup(func() { client.Close() })
		rights := []any{"+eval", "+evalsha", "+get", "+set"}
		for less := -1; less < len(rights); less++ {
			rules := append([]any{"ACL", "SETUSER", "app", "reset", "on", ">pw", "~orders:*", "+info", "+config|get"}, rights...)
			if less >= 0 {
				rules = append(rules, "-"+fmt.Sprint(rights[less])[1:])
			}
			admin.Do(t.Context(), "SCRIPT", "FLUSH")
			if err := admin.Do(t.Context(), rules...).Err(); err != nil {
				t.Fatal(err)
			}
			err := redisstore.New("orders", client.Do).Check(t.Context())
			if less < 0 && err != nil || less >= 0 && (err == nil || !strings.Contains(err.Error(), "+eval +evalsha +get +set")) {
				t.Errorf("%v: %v", rules, err)
			}
		}
	})
	t.Run("a user who may not look", func(t *testing.T) {
		t.Parallel()
		server := services.StartRedis(t)
		if err := goRedis(t, server.Addr).Do(t.Context(), "ACL", "SETUSER", "app", "on", ">pw", "~*", "+eval", "+evalsha", "+get", "+set").Err(); err != nil {
			t.Fatal(err)
		}
		client := redis.NewClient(&redis.Options{Addr: server.Addr, Username: "app", Password: "pw"})
		t.Cleanup(func() { client.Close() })
		if err := redisstore.New(namespace(), client.Do).Check(t.Context()); !errors.Is(err, redisstore.ErrNotSeen) {
			t.Errorf("error %v", err)
		}
	})
}

// TestAStalledRedisHoldsNobody: by default go-redis waits three seconds for a reply, and then
// retries.
func TestAStalledRedisHoldsNobody(t *testing.T) {
	t.Parallel()
	server := services.StartRedis(t)
	proxy := whtest.NewProxy(t, server.Addr)
	client := goRedis(t, proxy.Addr())
	store := redisstore.New(namespace(), client.Do)
	if _, err := store.Swap(t.Context(), core.Key{}, core.Value{}, core.Value{1}, time.Minute); err != nil {
		t.Fatal(err)
	}
	proxy.Stall()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := store.Swap(ctx, core.Key{}, core.Value{}, core.Value{1}, time.Minute)
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 5*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
	proxy.Mend()
	if _, err := store.Swap(t.Context(), core.Key{}, core.Value{}, core.Value{1}, time.Minute); err != nil {
		t.Errorf("after the stall: %v", err)
	}
}

func TestMisconfiguredRedisStoresAreRefused(t *testing.T) {
	t.Parallel()
	do := func(context.Context, ...any) (any, error) { return "", nil }
	for name, s := range map[string]*redisstore.Store{
		"no namespace":            redisstore.NewFunc("", do),
		"braces in the namespace": redisstore.NewFunc("{orders}", do),
		"too long a namespace":    redisstore.NewFunc(strings.Repeat("a", 65), do),
		"no client":               redisstore.NewFunc("orders", nil),
		"no method":               redisstore.New[*redis.Cmd]("orders", nil),
		"the zero Store":          {},
	} {
		if _, err := core.New(core.Secrets(secret), s, nil); !errors.Is(err, core.ErrMisconfigured) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := redisstore.NewFunc("orders", do)
	for i := range 2 {
		if _, err := core.New(core.Secrets(secret), s, nil); (err == nil) != (i == 0) {
			t.Errorf("verifier %d on one store: %v", i+1, err)
		}
	}
}
