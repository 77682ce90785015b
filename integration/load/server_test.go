package load_test

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
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	"github.com/labstack/echo/v4"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echowh"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

// Environment variables of the server process.
const (
	envFramework = "LOAD_FRAMEWORK"
	envLeaks     = "LOAD_LEAKS" // set: it leaks whatever can leak, for the test of the counts
)

const (
	secret     = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	metaSecret = "0f3c8a1d5b7e92466d1c3a5f7e8b9d02"
	metaToken  = "the-verify-token"
	tenants    = 20
	maxBody    = 64 << 10

	// patience is how long the server waits for headers, and for a body.
	patience = time.Second
	// These are short, so that records expire within the test.
	tolerance = 4 * time.Second
	remember  = 2 * time.Second
	lease     = 4 * time.Second
)

// TestMain runs a server if the environment asks for one.
func TestMain(m *testing.M) {
	if os.Getenv(envFramework) == "" {
		os.Exit(m.Run())
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// server is one process of the endpoint.
type server struct {
	messages, meta *core.Verifier
	stores         []*memstore.Store
	handled        atomic.Int64
	leaks          bool

	mu      sync.Mutex
	reasons map[string]int
	kept    [][]byte // only if it leaks
}

// serve listens, prints its address, and replies to each line on standard input with its counts. It
// ends with its standard input.
func serve() error {
	s := &server{reasons: make(map[string]int), leaks: os.Getenv(envLeaks) != ""}
	var err error
	if s.messages, err = s.verifier(byPath(core.Secrets(secret)), nil); err != nil {
		return err
	}
	if s.meta, err = s.verifier(core.Secrets(metaSecret), schemes.Meta(metaToken)); err != nil {
		return err
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- frameworks[os.Getenv(envFramework)](ln, s) }()
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

func (s *server) verifier(keys core.KeySource, scheme core.Scheme) (*core.Verifier, error) {
	memory := memstore.New()
	s.stores = append(s.stores, memory)
	var store core.SeenStore = memory
	if s.leaks {
		store = endless{memory}
	}
	return core.New(keys, store, &core.Config{
		Scheme: scheme, Past: tolerance, Future: tolerance, Skew: time.Millisecond, Remember: remember, Lease: lease,
		MaxBody: maxBody, BodyTimeout: patience, DangerouslyReplayableAfterRestart: true,
		Observe: func(_ context.Context, e core.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.reasons[e.Reason.Error()]++
		},
	})
}

// byPath finds tenants by the last part of the path.
func byPath(keys *core.Keys) core.KeySourceFunc {
	return func(_ context.Context, r *core.Request) (string, *core.Keys, error) {
		name, ok := strings.CutPrefix(r.Path(), "/hook/tenant-")
		if !ok {
			return "", nil, core.ErrUnknownSource
		}
		return name, keys, nil
	}
}

// endless breaks the contract of stores: its records live a thousand times too long.
type endless struct{ *memstore.Store }

func (e endless) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	return e.Store.Swap(ctx, key, old, next, 1000*ttl)
}

// holdings are the resources that the process has, and what it has done.
type holdings struct {
	Goroutines, Descriptors, Records int
	Heap                             int64 // bytes after a collection
	Handled                          int64
	Reasons                          map[string]int
}

// holds removes expired records and collects garbage before it counts.
func (s *server) holds() holdings {
	h := holdings{Handled: s.handled.Load(), Reasons: make(map[string]int)}
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

// swept looks up keys until all expired records are removed: each operation removes two in its
// shard.
func swept(store *memstore.Store) int {
	for range 500_000 {
		if store.Stats().Records == 0 {
			break
		}
		var key core.Key
		for i := range key {
			key[i] = byte(rand.Uint32())
		}
		// A value that never existed matches nothing, so nothing is written.
		if _, err := store.Swap(context.Background(), key, core.Value{1}, core.Value{2}, time.Millisecond); err != nil {
			panic(err)
		}
	}
	return store.Stats().Records
}

// handle is the handler. It fails if the body says so.
func (s *server) handle(m core.Message) int {
	if s.leaks {
		s.leak(m.Body)
	}
	s.handled.Add(1)
	if strings.Contains(string(m.Body), failing) {
		return http.StatusInternalServerError
	}
	return http.StatusOK
}

// leak keeps the body, and for every hundredth message a goroutine and a file.
func (s *server) leak(body []byte) {
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

// frameworks serve the same handler, with the time limits of their examples, shortened.
var frameworks = map[string]func(net.Listener, *server) error{
	"nethttp": func(ln net.Listener, s *server) error {
		mux := http.NewServeMux()
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(s.handle(nethttp.Message(r))) })
		mux.Handle("POST /hook/{tenant}", nethttp.New(s.messages)(handler))
		mux.Handle("/meta", nethttp.New(s.meta)(handler))
		return serveHTTP(ln, mux)
	},
	"gin": func(ln net.Listener, s *server) error {
		gin.SetMode(gin.ReleaseMode)
		g := gin.New()
		handler := func(c *gin.Context) { c.Status(s.handle(ginwh.Message(c))) }
		g.POST("/hook/:tenant", ginwh.New(s.messages), handler)
		g.Any("/meta", ginwh.New(s.meta), handler)
		return serveHTTP(ln, g)
	},
	"echo": func(ln net.Listener, s *server) error {
		e := echo.New()
		handler := func(c echo.Context) error { return c.NoContent(s.handle(echowh.Message(c))) }
		e.POST("/hook/:tenant", handler, echowh.New(s.messages))
		e.Any("/meta", handler, echowh.New(s.meta))
		return serveHTTP(ln, e)
	},
	"fiber": func(ln net.Listener, s *server) error {
		app := fiber.New(fiber.Config{
			DisableStartupMessage: true, ReadTimeout: patience, IdleTimeout: time.Minute, BodyLimit: maxBody,
		})
		handler := func(c *fiber.Ctx) error { return c.SendStatus(s.handle(fiberwh.Message(c))) }
		app.Post("/hook/:tenant", fiberwh.New(s.messages), handler)
		app.All("/meta", fiberwh.New(s.meta), handler)
		return app.Listener(fiberwh.Listener(app, ln))
	},
}

func serveHTTP(ln net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: patience, IdleTimeout: time.Minute}
	return srv.Serve(ln)
}
