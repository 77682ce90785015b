// Package endpoint is the server of the load tests: everything but the
// framework, which each program that has one adds.
package endpoint

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

// What the server process is told, in its environment.
const (
	EnvFramework = "LOAD_FRAMEWORK"
	EnvLeaks     = "LOAD_LEAKS" // set: it leaks whatever can leak, for the test of the counts
)

// What the clients know of it. The endpoint has so many tenants.
const (
	Secret     = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	MetaSecret = "0f3c8a1d5b7e92466d1c3a5f7e8b9d02"
	MetaToken  = "the-verify-token"
	Tenants    = 20
	MaxBody    = 64 << 10
	Failing    = "fail" // in the bodies of messages whose handler fails

	// Patience is how long the server waits for a head, and for a body.
	Patience = time.Second
)

const (
	// These are short, so that records end within the test.
	tolerance = 4 * time.Second
	remember  = 2 * time.Second
	lease     = 4 * time.Second
)

// Server is one process of the endpoint: at POST /hook/{tenant} with the
// verifier Messages, and at /meta with Meta.
type Server struct {
	Messages, Meta *core.Verifier
	stores         []*memstore.Store
	handled        atomic.Int64
	leaks          bool

	mu      sync.Mutex
	reasons map[string]int
	kept    [][]byte // only if it leaks
}

// Framework serves with the time limits that its example has, shortened.
type Framework func(net.Listener, *Server) error

// Main is the program of an endpoint: in the framework that the environment
// names, or after what instead says, if it names none. It listens, prints the
// address, and answers each line on standard input with what it holds. It ends
// with its standard input.
func Main(frameworks map[string]Framework, instead func() int) {
	name := os.Getenv(EnvFramework)
	if name == "" {
		os.Exit(instead())
	}
	if err := serve(frameworks[name]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(framework Framework) error {
	s := &Server{reasons: make(map[string]int), leaks: os.Getenv(EnvLeaks) != ""}
	var err error
	if s.Messages, err = s.verifier(byPath(core.Secrets(Secret)), nil); err != nil {
		return err
	}
	if s.Meta, err = s.verifier(core.Secrets(MetaSecret), schemes.Meta(MetaToken)); err != nil {
		return err
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- framework(ln, s) }()
	go func() {
		out := json.NewEncoder(os.Stdout)
		failed <- func() error {
			if err := out.Encode(ln.Addr().String()); err != nil {
				return err
			}
			in := bufio.NewScanner(os.Stdin)
			for in.Scan() {
				if err := out.Encode(s.holds()); err != nil {
					return err
				}
			}
			return in.Err()
		}()
	}()
	return <-failed
}

func (s *Server) verifier(keys core.KeySource, scheme core.Scheme) (*core.Verifier, error) {
	memory := memstore.New()
	s.stores = append(s.stores, memory)
	var store core.SeenStore = memory
	if s.leaks {
		store = endless{memory}
	}
	return core.New(keys, store, &core.Config{
		Scheme: scheme, Past: tolerance, Future: tolerance, Skew: time.Millisecond, Remember: remember, Lease: lease,
		MaxBody: MaxBody, BodyTimeout: Patience, DangerouslyReplayableAfterRestart: true,
		Observe: func(_ context.Context, e core.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.reasons[e.Reason.Error()]++
		},
	})
}

// byPath knows the tenants by the last part of the path.
func byPath(keys *core.Keys) core.KeySourceFunc {
	return func(_ context.Context, r *core.Request) (string, *core.Keys, error) {
		name, ok := strings.CutPrefix(r.Path(), "/hook/tenant-")
		if !ok {
			return "", nil, core.ErrUnknownSource
		}
		return name, keys, nil
	}
}

// endless breaks the contract: records live a thousand times too long.
type endless struct{ *memstore.Store }

func (e endless) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	return e.Store.Swap(ctx, key, old, next, 1000*ttl)
}

// Holdings are what the process holds, and what it has done.
type Holdings struct {
	Goroutines, Descriptors, Records int
	Heap                             int64 // bytes after a collection
	Handled                          int64
	Reasons                          map[string]int
}

// holds removes what has expired, and collects, before it counts.
func (s *Server) holds() Holdings {
	h := Holdings{Handled: s.handled.Load(), Reasons: make(map[string]int)}
	for _, store := range s.stores {
		h.Records += swept(store)
	}
	s.mu.Lock()
	maps.Copy(h.Reasons, s.reasons)
	s.mu.Unlock()
	runtime.GC()
	runtime.GC() // the first one leaves what pools hold
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	h.Heap, h.Goroutines, h.Descriptors = int64(m.HeapAlloc), runtime.NumGoroutine(), len(files)
	return h
}

// swept looks keys up until expired records are removed: each operation removes
// two of its shard.
func swept(store *memstore.Store) int {
	for range 500_000 {
		if store.Stats().Records == 0 {
			break
		}
		var key core.Key
		for i := range key {
			key[i] = byte(rand.Uint32())
		}
		// A value that was never there matches nothing, so nothing is written.
		if _, err := store.Swap(context.Background(), key, core.Value{1}, core.Value{2}, time.Millisecond); err != nil {
			panic(err)
		}
	}
	return store.Stats().Records
}

// Handle is the handler: it fails if the body says so.
func (s *Server) Handle(m core.Message) int {
	if s.leaks {
		s.leak(m.Body)
	}
	s.handled.Add(1)
	if strings.Contains(string(m.Body), Failing) {
		return http.StatusInternalServerError
	}
	return http.StatusOK
}

// leak keeps the body, and of every hundredth message a goroutine and a file.
func (s *Server) leak(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept = append(s.kept, body); len(s.kept)%100 == 0 {
		go func() {
			f, err := os.Open(os.DevNull)
			if err == nil {
				defer f.Close()
			}
			select {}
		}()
	}
}

// ServeHTTP serves with net/http.
func ServeHTTP(ln net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: Patience, IdleTimeout: time.Minute}
	return srv.Serve(ln)
}
