package integration_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/redisstore"
)

// receiver is a verifier, with a sender that signs messages for it. An attacker captures them.
type receiver struct {
	t      *testing.T
	v      *core.Verifier
	signer *core.Signer
}

func newReceiver(t *testing.T, store core.SeenStore) *receiver {
	t.Helper()
	signer, err := core.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	v, err := core.New(core.Secrets(secret), store, &core.Config{StoreTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return &receiver{t, v, signer}
}

type body string

func (b body) ReadBody(int64, time.Duration) ([]byte, error) { return []byte(b), nil }

// deliver presents the attempt of message id with timestamp at to a handler that succeeds. The
// error is nil if the handler ran.
func (e *receiver) deliver(id string, at time.Time) error {
	e.t.Helper()
	h := make(http.Header)
	r := &core.Request{Method: "POST", URL: "/hook", Header: h}
	if err := e.signer.Sign(h, id, at, []byte("{}")); err != nil {
		e.t.Fatal(err)
	}
	d := e.v.Admit(e.t.Context(), r, body("{}"))
	if d.Answer() == nil {
		d.Settle(200)
		return nil
	}
	return d.Err()
}

// dueAfter is longer than the time for which claims of a process rely on an earlier look at the
// marker.
const dueAfter = 15 * time.Millisecond

// captured is a number of handled messages with timestamp at.
type captured struct {
	ids []string
	at  time.Time
}

// handle delivers messages, and waits until their second has passed.
func (e *receiver) handle(n int) captured {
	e.t.Helper()
	c := captured{at: time.Now()}
	for range n {
		id := core.NewID()
		if err := e.deliver(id, c.at); err != nil {
			e.t.Fatalf("a new message: %v", err)
		}
		c.ids = append(c.ids, id)
	}
	time.Sleep(time.Until(c.at.Truncate(time.Second).Add(time.Second)))
	return c
}

// mustRefuse replays captured messages. None may run, and each must be refused for the reason.
func (e *receiver) mustRefuse(c captured, reason core.Reason) {
	e.t.Helper()
	again, others := 0, map[string]int{}
	for _, id := range c.ids {
		time.Sleep(dueAfter)
		switch err := e.deliver(id, c.at); {
		case err == nil:
			again++
		case !isReason(err, reason):
			others[err.Error()]++
		}
	}
	if again > 0 || len(others) > 0 {
		e.t.Errorf("of %d captured attempts %d ran again, and some were not refused as %s: %v", len(c.ids), again, reason, others)
	}
}

func isReason(err error, reason core.Reason) bool {
	e, ok := err.(*core.Error) //nolint:errorlint // what Delivery.Err returns
	return ok && e.Reason == reason
}

// mustServe expects a new message, signed after the margin of a loss, to run, and its replay not
// to.
func (e *receiver) mustServe() {
	e.t.Helper()
	at := time.Now().Add(15 * time.Second)
	id := core.NewID()
	if err := e.deliver(id, at); err != nil {
		e.t.Errorf("a message from after the loss: %v", err)
	}
	if err := e.deliver(id, at); !isReason(err, core.ErrReplay) {
		e.t.Errorf("its replay: %v", err)
	}
}

// admin runs a command on a server.
func admin(t *testing.T, addr string, args ...any) {
	t.Helper()
	if err := goRedis(t, addr).Do(t.Context(), args...).Err(); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
}

// TestRedisThatLostItsRecords: messages handled before the loss do not run again, and later ones
// are handled.
func TestRedisThatLostItsRecords(t *testing.T) {
	t.Parallel()
	t.Run("FLUSHALL", func(t *testing.T) {
		t.Parallel()
		server := services.StartRedis(t)
		for name, do := range map[string]func(context.Context, ...any) (any, error){
			"go-redis": func(ctx context.Context, args ...any) (any, error) {
				return goRedis(t, server.Addr).Do(ctx, args...).Result()
			},
			"rueidis": throughRueidis(t, rueidis.ClientOption{InitAddress: []string{server.Addr}}),
		} {
			space := namespace()
			e, other := newReceiver(t, redisstore.NewFunc(space, do)), newReceiver(t, redisstore.NewFunc(space, do))
			e.mustServe()
			c := other.handle(20)
			e.mustRefuse(c, core.ErrReplay)
			admin(t, server.Addr, "FLUSHALL")
			e.mustRefuse(c, core.ErrColdStart)
			time.Sleep(10 * time.Millisecond)      // in which its last claim is in flight
			other.mustRefuse(c, core.ErrColdStart) // which finds the marker of the first one
			other.mustServe()
			if t.Failed() {
				t.Fatal(name)
			}
		}
	})
	t.Run("a restart without persistence", func(t *testing.T) {
		t.Parallel()
		server := services.StartRedis(t, "--appendonly", "no")
		e := newReceiver(t, redisstore.New(namespace(), goRedis(t, server.Addr).Do))
		c := e.handle(20)
		server.Kill()
		server.Start()
		e.mustRefuse(c, core.ErrColdStart)
		e.mustServe()
	})
	t.Run("a restart with persistence", func(t *testing.T) {
		t.Parallel()
		server := services.StartRedis(t)
		e := newReceiver(t, redisstore.New(namespace(), goRedis(t, server.Addr).Do))
		c := e.handle(20)
		server.Kill()
		server.Start()
		e.mustRefuse(c, core.ErrReplay)
		e.mustServe()
	})
	t.Run("another database, with the next start of the program", func(t *testing.T) {
		t.Parallel()
		server := services.StartRedis(t)
		space := namespace()
		c := newReceiver(t, redisstore.New(space, goRedis(t, server.Addr).Do)).handle(20)
		client := redis.NewClient(&redis.Options{Addr: server.Addr, DB: 1})
		t.Cleanup(func() { client.Close() })
		e := newReceiver(t, redisstore.New(space, client.Do))
		e.mustRefuse(c, core.ErrColdStart)
		if err := e.deliver(core.NewID(), time.Now()); err != nil {
			t.Errorf("a new message, at once: %v", err)
		}
	})
	t.Run("one node of a cluster", func(t *testing.T) {
		t.Parallel()
		addrs := services.StartRedisCluster(t)
		client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
		t.Cleanup(func() { client.Close() })
		e := newReceiver(t, redisstore.New(namespace(), client.Do))
		c := e.handle(30)
		admin(t, addrs[1], "FLUSHALL")
		again, cold := 0, 0
		for _, id := range c.ids {
			time.Sleep(dueAfter)
			switch err := e.deliver(id, c.at); {
			case err == nil:
				again++
			case isReason(err, core.ErrColdStart):
				cold++
			}
		}
		if again > 0 || cold == 0 {
			t.Errorf("of %d captured attempts %d ran again and %d were refused as a cold start", len(c.ids), again, cold)
		}
		for range 10 { // all buckets have new markers by now
			e.mustServe()
		}
	})
	t.Run("a first deployment, and one that finds records of others, serve at once", func(t *testing.T) {
		t.Parallel()
		server := services.StartRedis(t)
		client := goRedis(t, server.Addr)
		for i := range 200 {
			client.Set(t.Context(), fmt.Sprint("orders:", i), strings.Repeat("x", 40), time.Hour)
		}
		store := redisstore.New("orders", client.Do)
		if err := store.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		e := newReceiver(t, store)
		for range 100 { // in any bucket
			if err := e.deliver(core.NewID(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// eventually waits a few seconds until there is no error.
func eventually(t *testing.T, what string, ask func() error) {
	t.Helper()
	var err error
	for began := time.Now(); time.Since(began) < 5*time.Second; time.Sleep(50 * time.Millisecond) {
		if err = ask(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

// refusedWith claims and expects a refusal that names the remedy.
func refusedWith(e *receiver, remedy string) func() error {
	return func() error {
		err := e.deliver(core.NewID(), time.Now())
		if err == nil || !isReason(err, core.ErrStoreUnavailable) || !strings.Contains(err.Error(), remedy) {
			return fmt.Errorf("the claim was answered %w, not with %q", err, remedy)
		}
		return nil
	}
}

// TestRedisThatBeginsToEvict: the policy changes during claims.
func TestRedisThatBeginsToEvict(t *testing.T) {
	t.Parallel()
	const remedy = "CONFIG SET maxmemory-policy noeviction"
	t.Run("CONFIG SET, and back", func(t *testing.T) {
		t.Parallel()
		server := services.StartRedis(t)
		e := newReceiver(t, redisstore.New(namespace(), goRedis(t, server.Addr).Do))
		e.handle(1)
		admin(t, server.Addr, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
		eventually(t, "after the change", refusedWith(e, remedy))
		admin(t, server.Addr, "CONFIG", "SET", "maxmemory-policy", "noeviction")
		eventually(t, "after the repair", func() error { return e.deliver(core.NewID(), time.Now().Add(15*time.Second)) })
	})
	t.Run("records were dropped between two looks", func(t *testing.T) {
		t.Parallel()
		server := services.StartRedis(t)
		client := goRedis(t, server.Addr)
		e := newReceiver(t, redisstore.New(namespace(), client.Do))
		c := e.handle(20)
		e.mustServe() // looks
		set := func(name, value string) { admin(t, server.Addr, "CONFIG", "SET", name, value) }
		set("maxmemory-policy", "volatile-lru") // which keeps the markers
		set("maxmemory", "1")
		client.Set(t.Context(), "something", "else", 0)
		set("maxmemory", "0")
		set("maxmemory-policy", "noeviction")
		time.Sleep(time.Second)
		e.mustRefuse(c, core.ErrColdStart)
		e.mustServe()
	})
	t.Run("a replica with another policy is promoted", func(t *testing.T) {
		t.Parallel()
		s := services.StartSentinel(t)
		admin(t, s.Replica.Addr, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
		client := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: services.SentinelName, SentinelAddrs: []string{s.Addr}})
		t.Cleanup(func() { client.Close() })
		e := newReceiver(t, redisstore.New(namespace(), client.Do))
		e.handle(1)
		s.Primary.Kill()
		began, admitted := time.Now(), time.Time{}
		for {
			err := e.deliver(core.NewID(), time.Now())
			switch {
			case err == nil && admitted.IsZero():
				admitted = time.Now()
			case err == nil && time.Since(admitted) > 8*time.Second:
				t.Fatal("the new primary evicts, and messages have been admitted for 8 seconds")
			case err != nil && strings.Contains(err.Error(), remedy):
				return
			case time.Since(began) > 30*time.Second:
				t.Fatalf("no failover: %v", err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
}

// TestRedisWithoutINFO: the error says that INFO fails.
func TestRedisWithoutINFO(t *testing.T) {
	t.Parallel()
	t.Run("renamed", func(t *testing.T) {
		t.Parallel()
		server := services.StartRedis(t, "--rename-command", "INFO", "")
		s := redisstore.New(namespace(), goRedis(t, server.Addr).Do)
		mustRefuse(t, s, core.ErrStoreUnavailable, "INFO is renamed")
		mustSay(t, s.Check(t.Context()), "remove rename-command INFO")
	})
	t.Run("a proxy does not pass it on, but scripts", func(t *testing.T) {
		t.Parallel()
		server := services.StartRedis(t)
		client := goRedis(t, withoutINFO(t, server.Addr))
		if err := client.Info(t.Context()).Err(); err == nil {
			t.Fatal("the proxy passes INFO on")
		}
		s := redisstore.New(namespace(), client.Do)
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
		newReceiver(t, s).mustServe()
		admin(t, server.Addr, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
		mustRefuse(t, redisstore.New(namespace(), client.Do), core.ErrStoreUnavailable, "CONFIG SET maxmemory-policy noeviction")
	})
	t.Run("a user who may not ask is trusted", func(t *testing.T) {
		t.Parallel()
		server := services.StartRedis(t)
		admin(t, server.Addr, "ACL", "SETUSER", "app", "on", "nopass", "~*", "+eval", "+evalsha", "+get", "+set")
		client := redis.NewClient(&redis.Options{Addr: server.Addr, Username: "app", Password: "any"})
		t.Cleanup(func() { client.Close() })
		newReceiver(t, redisstore.New(namespace(), client.Do)).handle(1)
	})
}

// withoutINFO returns the address of a proxy that closes a connection on INFO, as twemproxy does.
func withoutINFO(t *testing.T, addr string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				server, err := net.Dial("tcp", addr)
				if err != nil {
					return
				}
				defer server.Close()
				go func() {
					buffer := make([]byte, 4096)
					for {
						n, err := server.Read(buffer)
						if err != nil {
							client.Close()
							return
						}
						_, _ = client.Write(buffer[:n])
					}
				}()
				buffer := make([]byte, 4096)
				for {
					n, err := client.Read(buffer)
					if err != nil || bytes.Contains(bytes.ToUpper(buffer[:n]), []byte("$4\r\nINFO\r\n")) {
						return
					}
					_, _ = server.Write(buffer[:n])
				}
			}()
		}
	}()
	return l.Addr().String()
}

// TestRedisRing: a Ring moves keys when one of its servers is down.
func TestRedisRing(t *testing.T) {
	t.Parallel()
	ring := func(t *testing.T, a, b *services.Redis) *redis.Ring {
		t.Helper()
		client := redis.NewRing(&redis.RingOptions{
			Addrs: map[string]string{"a": a.Addr, "b": b.Addr}, Username: "app", Password: "any", HeartbeatFrequency: 50 * time.Millisecond,
		})
		t.Cleanup(func() { client.Close() })
		return client
	}
	servers := func(t *testing.T, info string) (a, b *services.Redis) {
		t.Helper()
		a, b = services.StartRedis(t), services.StartRedis(t)
		for _, s := range []*services.Redis{a, b} {
			admin(t, s.Addr, "ACL", "SETUSER", "app", "on", "nopass", "~*", "+@all", info)
		}
		return a, b
	}
	t.Run("it is refused", func(t *testing.T) {
		t.Parallel()
		a, b := servers(t, "+info")
		s := redisstore.New(namespace(), ring(t, a, b).Do)
		eventually(t, "the store", refusedWith(newReceiver(t, s), "NewClusterClient"))
		eventually(t, "Check", func() error {
			if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "NewClusterClient") {
				return fmt.Errorf("it finds %w", err)
			}
			return nil
		})
	})
	t.Run("where INFO may not be asked, nothing runs again", func(t *testing.T) {
		t.Parallel()
		a, b := servers(t, "-info")
		e := newReceiver(t, redisstore.New(namespace(), ring(t, a, b).Do))
		c := e.handle(20)
		down := func(s *services.Redis) {
			s.Kill()
			eventually(t, "with a server down", func() error {
				if err := e.deliver(core.NewID(), time.Now().Add(15*time.Second)); err != nil {
					return err
				}
				for i, id := range c.ids { // until all keys of the server have moved
					time.Sleep(dueAfter)
					if err := e.deliver(id, c.at); err == nil {
						t.Fatalf("captured attempt %d ran again", i)
					} else if isReason(err, core.ErrStoreUnavailable) {
						return err
					}
				}
				return nil
			})
		}
		down(a)
		e.mustRefuse(c, core.ErrColdStart)
		e.mustServe()
	})
}

// TestRedisClosesIdleConnections: that must not make a claim fail.
func TestRedisClosesIdleConnections(t *testing.T) {
	t.Parallel()
	server := services.StartRedis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr, MaxRetries: -1})
	t.Cleanup(func() { client.Close() })
	for name, do := range map[string]func(context.Context, ...any) (any, error){
		"go-redis":                             func(ctx context.Context, args ...any) (any, error) { return client.Do(ctx, args...).Result() },
		"rueidis":                              throughRueidis(t, rueidis.ClientOption{InitAddress: []string{server.Addr}}),
		"a client that finds out as it writes": plainClient(t, server.Addr),
	} {
		store := redisstore.NewFunc(namespace(), do)
		failed := 0
		for i := range 50 {
			if i%10 == 9 {
				time.Sleep(1100 * time.Millisecond) // the look comes first
			}
			if _, err := store.Swap(t.Context(), core.Key{byte(i)}, core.Value{}, core.Value{1}, time.Minute); err != nil {
				failed++
				t.Logf("%s: %v", name, err)
			}
			admin(t, server.Addr, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			time.Sleep(time.Millisecond)
		}
		if failed > 0 {
			t.Errorf("%s: %d of 50 claims failed", name, failed)
		}
	}
}

// plainClient keeps one connection, as clients do that do not check it before use.
func plainClient(t *testing.T, addr string) func(context.Context, ...any) (any, error) {
	t.Helper()
	var (
		mu   sync.Mutex
		conn net.Conn
		in   *bufio.Reader
	)
	return func(ctx context.Context, args ...any) (reply any, err error) {
		mu.Lock()
		defer mu.Unlock()
		if conn == nil {
			if conn, err = new(net.Dialer).DialContext(ctx, "tcp", addr); err != nil {
				return nil, err
			}
			in = bufio.NewReader(conn)
		}
		defer func() {
			if err != nil && reply == nil {
				conn.Close()
				conn = nil
			}
		}()
		command := fmt.Appendf(nil, "*%d\r\n", len(args))
		for _, a := range args {
			command = fmt.Appendf(command, "$%d\r\n%s\r\n", len(fmt.Sprint(a)), a)
		}
		if _, err := conn.Write(command); err != nil {
			return nil, err
		}
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		line = strings.TrimSpace(line)
		if line[0] == '-' {
			return "", errors.New(line[1:])
		}
		n, err := strconv.Atoi(line[1:])
		if err != nil {
			return nil, err
		}
		text := make([]byte, n+2)
		_, err = io.ReadFull(in, text)
		return string(text[:n]), err
	}
}
