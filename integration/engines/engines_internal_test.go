package engines

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/bradfitz/gomemcache/memcache"
	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/casstore"
	"github.com/hookonce/hookonce/whtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(services.Self) == "nats" {
		runNATS()
	}
	os.Exit(m.Run())
}

// envNATSName and envNATSRoutes make the server a member of a cluster. The latter lists the routes;
// the server's own is at the index that its name, a digit, gives.
const (
	envNATSName   = "ENGINES_NATS_NAME"
	envNATSRoutes = "ENGINES_NATS_ROUTES"
)

// runNATS makes this process a NATS server, as NATS's own program does.
func runNATS() {
	port, _ := strconv.Atoi(os.Getenv(services.SelfPort))
	options := &natsserver.Options{
		Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: os.Getenv(services.SelfFolder), SyncAlways: true,
	}
	if routes := os.Getenv(envNATSRoutes); routes != "" {
		options.ServerName = os.Getenv(envNATSName)
		own, _ := strconv.Atoi(options.ServerName)
		options.Routes = natsserver.RoutesFromStr(routes)
		options.Cluster.Name, options.Cluster.Host = "test", "127.0.0.1"
		options.Cluster.Port, _ = strconv.Atoi(options.Routes[own].Port())
	}
	s, err := natsserver.NewServer(options)
	if err != nil {
		panic(err)
	}
	s.ConfigureLogger()
	s.Start()
	s.WaitForShutdown()
	os.Exit(0)
}

func openNATS(t testing.TB, addr string) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect("nats://"+addr, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func openEtcd(t testing.TB, addr string) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"http://" + addr}, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func openMemcached(_ testing.TB, addr string) *memcache.Client {
	client := memcache.New(addr)
	client.Timeout, client.MaxIdleConns = time.Second, 64
	return client
}

// openDynamoDB creates the table if it does not exist, and waits for it: CreateTable returns before
// the table can be read.
func openDynamoDB(t testing.TB, addr string) *dynamodb.Client {
	t.Helper()
	db := dynamodb.New(dynamodb.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String("http://" + addr),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	_, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("seen"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("k"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("k"), KeyType: types.KeyTypeHash}},
	})
	if err != nil && !errors.As(err, new(*types.ResourceInUseException)) {
		t.Fatal(err)
	}
	active := dynamodb.NewTableExistsWaiter(db, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay, o.MaxDelay = 10*time.Millisecond, time.Second })
	if err := active.Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("seen")}, time.Minute); err != nil {
		t.Fatal(err)
	}
	return db
}

// engine is an engine as the tests see it.
type engine struct {
	name   string
	start  func(t testing.TB) *services.Server
	open   func(t testing.TB, addr string) opened
	clears time.Duration // when the engine itself has removed what lived for eight seconds; 0: never here
	// forgets says that SIGKILL loses everything.
	forgets bool
}

// opened is an engine without the type of its revisions.
type opened struct {
	store func(namespace string) *casstore.Store
	get   func(ctx context.Context, key string) ([]byte, error)
	// put writes a value whether or not there is one.
	put func(ctx context.Context, key string, value []byte, life time.Duration) (bool, error)
}

func open[R any](e casstore.Engine[R]) opened {
	return opened{
		store: func(namespace string) *casstore.Store { return casstore.New(namespace, e) },
		get: func(ctx context.Context, key string) ([]byte, error) {
			value, _, err := e.Get(ctx, key)
			return value, err
		},
		put: func(ctx context.Context, key string, value []byte, life time.Duration) (bool, error) {
			_, revision, err := e.Get(ctx, key)
			if err != nil {
				return false, err
			}
			return e.Put(ctx, key, value, revision, life)
		},
	}
}

func engines() []engine {
	return []engine{
		{
			name:  "NATS JetStream",
			start: func(t testing.TB) *services.Server { return services.StartSelf(t, "nats") },
			open: func(t testing.TB, addr string) opened {
				e, err := natsEngine(t.Context(), openNATS(t, addr))
				if err != nil {
					t.Fatal(err)
				}
				return open(e)
			},
			clears: 10 * time.Second,
		},
		{
			name:   "etcd",
			start:  func(t testing.TB) *services.Server { return services.StartEtcd(t) },
			open:   func(t testing.TB, addr string) opened { return open(etcdEngine(openEtcd(t, addr))) },
			clears: 40 * time.Second,
		},
		{
			name:    "memcached",
			start:   func(t testing.TB) *services.Server { return services.StartMemcached(t) },
			open:    func(t testing.TB, addr string) opened { return open(memcachedEngine(openMemcached(t, addr))) },
			clears:  10 * time.Second,
			forgets: true,
		},
		{
			name:  "DynamoDB's API",
			start: func(t testing.TB) *services.Server { return services.StartDynalite(t, "npm") },
			open:  func(t testing.TB, addr string) opened { return open(dynamoEngine(openDynamoDB(t, addr), "seen")) },
		},
	}
}

// TestEnginesKeepTheContract runs the suite for stores, with a server that is killed and started
// again, and twice on that server.
func TestEnginesKeepTheContract(t *testing.T) {
	t.Parallel()
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			server := e.start(t)
			proxy := whtest.NewProxy(t, server.Addr)
			client := e.open(t, proxy.Addr())
			kill := func(testing.TB, core.SeenStore) (start func()) {
				server.Kill()
				return server.Start
			}
			restart := kill
			if e.forgets { // its only restart that keeps anything is one in order, some seconds long: its clock is ahead
				restart = func(testing.TB, core.SeenStore) (start func()) {
					server.Stop()
					return func() { time.Sleep(4 * time.Second); server.Start() }
				}
			}
			for run := range 2 {
				t.Run(fmt.Sprint("run ", run+1), func(t *testing.T) {
					whtest.TestSeenStore(t,
						func(testing.TB) core.SeenStore { return client.store("orders") },
						whtest.StoreRestart(restart), whtest.StoreBreak(restart),
						whtest.StoreLoseReply(func(testing.TB, core.SeenStore) { proxy.LoseReply() }),
					)
				})
			}
			if err := client.store("orders").Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestEnginesKeepWhatTheyAcknowledged kills the server under load, and looks up every claim that it
// had acknowledged.
func TestEnginesKeepWhatTheyAcknowledged(t *testing.T) {
	t.Parallel()
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			server := e.start(t)
			store := e.open(t, server.Addr).store("orders")
			claimed, lost := 0, 0
			for range 3 {
				began := time.Now()
				claims := claim(t, store, server.Kill)
				server.Start()
				claimed += len(claims)
				lost += missing(t, store, claims)
				key, value := random()
				if _, err := store.Swap(t.Context(), key, core.Value{}, value, time.Hour); err != nil {
					t.Fatal(err)
				}
				if since := store.KnownSince(); since.After(began.Add(time.Second)) != e.forgets || since.IsZero() {
					t.Errorf("after a crash at %v the store knows all since %v, and docs/stores.md says: forgets %v", began.Add(time.Second), since, e.forgets)
				}
			}
			t.Logf("of %d acknowledged claims %d are lost", claimed, lost)
			if claimed < 30 {
				t.Errorf("only %d claims were acknowledged: the test shows nothing", claimed)
			}
			if !e.forgets && lost > 0 || e.forgets && lost != claimed {
				t.Errorf("of %d acknowledged claims %d are lost, and docs/stores.md says: forgets %v", claimed, lost, e.forgets)
			}
		})
	}
}

// claim claims from 16 callers for a second, kills the server during that, and returns the
// acknowledged claims.
func claim(t *testing.T, store core.SeenStore, kill func()) map[core.Key]core.Value {
	t.Helper()
	var (
		mu     sync.Mutex
		wg     sync.WaitGroup
		claims = make(map[core.Key]core.Value)
		killed atomic.Bool
	)
	for range 16 {
		wg.Go(func() {
			for !killed.Load() {
				key, value := random()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				got, err := store.Swap(ctx, key, core.Value{}, value, time.Hour)
				cancel()
				if err == nil && got != value {
					t.Errorf("the claim of a new key returned %x", got[:8])
				}
				if err == nil {
					mu.Lock()
					claims[key] = value
					mu.Unlock()
				}
			}
		})
	}
	time.Sleep(time.Second)
	kill()
	killed.Store(true)
	wg.Wait()
	return claims
}

// missing looks up claims as soon as the client is connected again, and counts the lost ones.
func missing(t *testing.T, store core.SeenStore, claims map[core.Key]core.Value) (lost int) {
	t.Helper()
	until := time.Now().Add(20 * time.Second)
	for key, value := range claims {
		for {
			_, other := random()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			got, err := store.Swap(ctx, key, other, other, time.Millisecond)
			cancel()
			if err == nil && got != value {
				lost++
			}
			if err == nil {
				break
			}
			if time.Now().After(until) {
				t.Fatalf("20 s after the restart: %v", err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return lost
}

// TestNATSKeepsClaimsOverAFailover kills the leader of a stream with three replicas under load.
func TestNATSKeepsClaimsOverAFailover(t *testing.T) {
	t.Parallel()
	var routes, addrs []string
	for range 3 {
		routes = append(routes, "nats://"+services.FreeAddr(t))
	}
	servers := make(map[string]*services.Server)
	for i := range routes {
		name := strconv.Itoa(i)
		servers[name] = services.StartSelf(t, "nats", envNATSName+"="+name, envNATSRoutes+"="+strings.Join(routes, ","))
		addrs = append(addrs, "nats://"+servers[name].Addr)
	}
	js := openNATS(t, strings.TrimPrefix(strings.Join(addrs, ","), "nats://"))
	e, err := natsEngine(t.Context(), js)
	for until := time.Now().Add(20 * time.Second); err != nil && time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		e, err = natsEngine(t.Context(), js) // until the cluster has a leader
	}
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "HOOKONCE")
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	config.Replicas = 3
	if stream, err = js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	leader := ""
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		info, err := stream.Info(t.Context())
		current := 0
		if err == nil && info.Cluster != nil {
			leader = info.Cluster.Leader
			for _, r := range info.Cluster.Replicas {
				if r.Current {
					current++
				}
			}
		}
		if leader != "" && current == 2 {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("the stream does not get three replicas: %v, %+v", err, info)
		}
	}
	store := casstore.New("orders", e)
	claims := claim(t, store, servers[leader].Kill)
	lost := missing(t, store, claims)
	t.Logf("leader %s killed: of %d acknowledged claims %d are lost", leader, len(claims), lost)
	if lost > 0 || len(claims) < 30 {
		t.Errorf("of %d acknowledged claims %d are lost", len(claims), lost)
	}
	info, err := stream.Info(t.Context())
	if err != nil || info.Cluster.Leader == leader {
		t.Errorf("there was no failover: %v, %+v", err, info)
	}
}

func random() (key core.Key, value core.Value) {
	_, _ = rand.Read(key[:])
	_, _ = rand.Read(value[:])
	return key, value
}

// TestEnginesResetTheExpiry overwrites a value that lives for three seconds. The new value lives
// for eight, and is then removed.
func TestEnginesResetTheExpiry(t *testing.T) {
	t.Parallel()
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			client := e.open(t, e.start(t).Addr)
			id, _ := random()
			key, first, second := "orders."+hex.EncodeToString(id[:]), []byte("first"), []byte("second")
			began := time.Now()
			for _, w := range []struct {
				value []byte
				life  time.Duration
			}{{first, 3 * time.Second}, {second, 8 * time.Second}} {
				if ok, err := client.put(t.Context(), key, w.value, w.life); err != nil || !ok {
					t.Fatalf("writing: %v, %v", ok, err)
				}
			}
			for {
				got, err := client.get(t.Context(), key)
				age := time.Since(began)
				switch {
				case err != nil:
					t.Fatal(err)
				case got != nil && !bytes.Equal(got, second):
					t.Fatalf("after %v it holds %q", age, got)
				case got == nil && age < 6*time.Second: // casstore gives two seconds more than a record lives, since seconds begin anywhere
					t.Fatalf("removed after %v", age)
				case got == nil && e.clears != 0:
					t.Logf("removed after %v", age)
					return
				case age > max(e.clears, 9*time.Second):
					if e.clears != 0 {
						t.Fatalf("still there after %v", age)
					}
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
}

// TestFullEnginesRefuseAndForgetNothing fills a small server.
func TestFullEnginesRefuseAndForgetNothing(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) *casstore.Store{
		"memcached": func(t *testing.T) *casstore.Store {
			client := openMemcached(t, services.StartMemcached(t, "-m", "40").Addr)
			var err error
			for i := 0; err == nil && i < 1000; i++ { // what other programs keep there leaves a megabyte
				err = client.Set(&memcache.Item{Key: fmt.Sprint("other", i), Value: make([]byte, 500<<10)})
			}
			return open(memcachedEngine(client)).store("orders")
		},
		"etcd": func(t *testing.T) *casstore.Store {
			return open(etcdEngine(openEtcd(t, services.StartEtcd(t, "--quota-backend-bytes", "1000000").Addr))).store("orders")
		},
		"NATS JetStream": func(t *testing.T) *casstore.Store {
			js := openNATS(t, services.StartSelf(t, "nats").Addr)
			e, err := natsEngine(t.Context(), js)
			if err != nil {
				t.Fatal(err)
			}
			stream, err := js.Stream(t.Context(), "HOOKONCE")
			if err != nil {
				t.Fatal(err)
			}
			config := stream.CachedInfo().Config
			config.MaxBytes = 200 << 10
			if _, err := js.UpdateStream(t.Context(), config); err != nil {
				t.Fatal(err)
			}
			return open(e).store("orders")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			claims := make(map[core.Key]core.Value)
			var err error
			for len(claims) < 100_000 {
				key, value := random()
				if _, err = store.Swap(t.Context(), key, core.Value{}, value, time.Hour); err != nil {
					break
				}
				claims[key] = value
			}
			if !errors.Is(err, core.ErrStoreFull) {
				t.Errorf("after %d claims: %v", len(claims), err)
			}
			if lost := missing(t, store, claims); lost > 0 || len(claims) < 100 {
				t.Errorf("of %d records %d are lost", len(claims), lost)
			}
			t.Logf("full after %d claims: %v", len(claims), err)
		})
	}
}

func TestUnsuitableServersAreFoundAtStart(t *testing.T) {
	t.Parallel()
	t.Run("memcached without revisions", func(t *testing.T) {
		t.Parallel()
		store := open(memcachedEngine(openMemcached(t, services.StartMemcached(t, "-C").Addr))).store("orders")
		if err := store.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "without -C") {
			t.Errorf("Check: %v", err)
		}
	})
	t.Run("a stream with other settings", func(t *testing.T) {
		t.Parallel()
		js := openNATS(t, services.StartSelf(t, "nats").Addr)
		if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "HOOKONCE", Subjects: []string{"hookonce.>"}}); err != nil {
			t.Fatal(err)
		}
		if _, err := natsEngine(t.Context(), js); !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		addr := services.FreeAddr(t)
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			t.Skip("somebody does")
		}
		if err := open(memcachedEngine(openMemcached(t, addr))).store("orders").Check(t.Context()); err == nil {
			t.Error("Check finds nothing")
		}
	})
}
