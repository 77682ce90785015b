package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	fiberv3 "github.com/gofiber/fiber/v3"
	"github.com/labstack/echo/v4"
	echov5 "github.com/labstack/echo/v5"
	"github.com/redis/go-redis/v9"
	svix "github.com/svix/svix-webhooks/go"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echov5wh"
	"github.com/hookonce/hookonce/echowh"
	"github.com/hookonce/hookonce/fiberv3wh"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/stores/redisstore"
)

// frameworks are those of the root module. current are the majors with modules
// of their own, beside their bare handlers alone.
var (
	frameworks = []string{"net/http", "gin", "echo", "fiber"}
	current    = []string{"echo v5", "fiber v3"}
)

// The endpoints that are measured beside each other.
const (
	bareHandler = "bare handler"
	withMemory  = "hookonce"
	withRedis   = "hookonce, Redis"
	byHandSvix  = "by hand, svix"
	notFound    = "404 and close"
)

// app is one endpoint.
type app struct {
	kind     string
	verifier *core.Verifier

	svix *svix.Webhook
	seen sync.Map // ids of byHandSvix

	handled, bodyBytes atomic.Int64
	hold               atomic.Pointer[chan struct{}] // handlers wait until it is closed
}

// handle is what the application does with a message.
func (a *app) handle(body []byte) {
	if len(body) == 0 {
		return
	}
	a.handled.Add(1)
	if gate := a.hold.Load(); gate != nil {
		<-*gate
	}
	runtime.KeepAlive(body) // a message that is being handled is needed
}

func newApp(framework, kind, secret, redisAddr string) (*app, error) {
	a := &app{kind: kind}
	var err error
	switch kind {
	case withMemory:
		a.verifier, err = core.New(core.Secrets(secret), memstore.New(memstore.Capacity(1<<22)), nil)
	case withRedis:
		client := redis.NewClient(&redis.Options{Addr: redisAddr})
		a.verifier, err = core.New(core.Secrets(secret), redisstore.New(strings.ReplaceAll(framework, "/", ""), client.Do), nil)
	case byHandSvix:
		a.svix, err = svix.NewWebhook(secret)
	}
	return a, err
}

// playServer serves one endpoint on a free port of the loopback interface and
// answers commands about itself.
func playServer(args []string) error {
	framework, kind := args[0], args[1]
	a, err := newApp(framework, kind, args[2], args[3])
	if err != nil {
		return err
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- a.serve(framework, ln, len(args) > 4) }()
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(ln.Addr().String()); err != nil {
		return err
	}
	go func() {
		failed <- obey(out, func(text string) (any, error) {
			if err := a.command(text); err != nil {
				return nil, err
			}
			return a.stats(), nil
		})
	}()
	defer pprof.StopCPUProfile()
	return <-failed
}

func (a *app) serve(framework string, ln net.Listener, counted bool) error {
	var h http.Handler
	switch framework {
	case "net/http":
		h = a.netHTTP()
	case "gin":
		h = a.gin()
	case "echo":
		h = a.echo()
	case "echo v5":
		h = a.echoV5()
	case "fiber v3":
		return a.serveFiberV3(ln)
	default:
		f := a.fiber()
		if a.verifier != nil {
			ln = fiberwh.Listener(f, ln)
		}
		return f.Listener(ln)
	}
	if counted {
		h = a.counted(h)
	}
	return (&http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}).Serve(ln)
}

// byHand is what people write: verify, remember the id, run. answer is zero if
// the handler is to run.
func (a *app) byHand(body []byte, h http.Header) (answer int) {
	if err := a.svix.Verify(body, h); err != nil {
		return http.StatusUnauthorized
	}
	if _, seen := a.seen.LoadOrStore(h.Get("webhook-id"), struct{}{}); seen {
		return http.StatusOK
	}
	return 0
}

func (a *app) netHTTP() http.Handler {
	mux := http.NewServeMux()
	var h http.Handler
	switch a.kind {
	case bareHandler:
		h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			a.handle(body)
		})
	case notFound:
		h = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusNotFound)
		})
	case byHandSvix:
		h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			if answer := a.byHand(body, r.Header); answer != 0 {
				w.WriteHeader(answer)
				return
			}
			a.handle(body)
		})
	default:
		h = nethttp.New(a.verifier)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { a.handle(nethttp.Message(r).Body) }))
	}
	mux.Handle("POST /hook", h)
	return mux
}

func (a *app) gin() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	g := gin.New()
	switch a.kind {
	case bareHandler:
		g.POST("/hook", func(c *gin.Context) {
			body, err := c.GetRawData()
			if err != nil {
				c.Status(http.StatusBadRequest)
				return
			}
			a.handle(body)
		})
	case notFound:
		g.POST("/hook", func(c *gin.Context) {
			c.Header("Connection", "close")
			c.Status(http.StatusNotFound)
		})
	case byHandSvix:
		g.POST("/hook", func(c *gin.Context) {
			c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, 1<<20)
			body, err := c.GetRawData()
			if err != nil {
				c.Status(http.StatusBadRequest)
				return
			}
			if answer := a.byHand(body, c.Request.Header); answer != 0 {
				c.Status(answer)
				return
			}
			a.handle(body)
		})
	default:
		g.POST("/hook", ginwh.New(a.verifier), func(c *gin.Context) { a.handle(ginwh.Message(c).Body) })
	}
	return g
}

func (a *app) echo() http.Handler {
	e := echo.New()
	switch a.kind {
	case bareHandler:
		e.POST("/hook", func(c echo.Context) error {
			body, err := io.ReadAll(c.Request().Body)
			if err != nil {
				return c.NoContent(http.StatusBadRequest)
			}
			a.handle(body)
			return c.NoContent(http.StatusOK)
		})
	case notFound:
		e.POST("/hook", func(c echo.Context) error {
			c.Response().Header().Set("Connection", "close")
			return c.NoContent(http.StatusNotFound)
		})
	case byHandSvix:
		e.POST("/hook", func(c echo.Context) error {
			body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, 1<<20))
			if err != nil {
				return c.NoContent(http.StatusBadRequest)
			}
			if answer := a.byHand(body, c.Request().Header); answer != 0 {
				return c.NoContent(answer)
			}
			a.handle(body)
			return c.NoContent(http.StatusOK)
		})
	default:
		e.POST("/hook", func(c echo.Context) error {
			a.handle(echowh.Message(c).Body)
			return c.NoContent(http.StatusOK)
		}, echowh.New(a.verifier))
	}
	return e
}

func (a *app) fiber() *fiber.App {
	f := fiber.New(fiber.Config{DisableStartupMessage: true, ReadTimeout: 10 * time.Second, BodyLimit: 2 << 20})
	switch a.kind {
	case bareHandler:
		f.Post("/hook", func(c *fiber.Ctx) error {
			a.handle(c.Body())
			return nil
		})
	case notFound:
		f.Post("/hook", func(c *fiber.Ctx) error {
			c.Context().SetConnectionClose()
			return c.SendStatus(http.StatusNotFound)
		})
	case byHandSvix:
		f.Post("/hook", func(c *fiber.Ctx) error {
			h := make(http.Header, 3)
			for _, name := range []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
				h.Set(name, strings.Clone(c.Get(name))) // fiber's text is only good for this request
			}
			body := c.Body()
			if answer := a.byHand(body, h); answer != 0 {
				return c.SendStatus(answer)
			}
			a.handle(body)
			return nil
		})
	default:
		f.Post("/hook", fiberwh.New(a.verifier), func(c *fiber.Ctx) error {
			a.handle(fiberwh.Message(c).Body)
			return nil
		})
	}
	return f
}

func (a *app) echoV5() http.Handler {
	e := echov5.New()
	switch a.kind {
	case bareHandler:
		e.POST("/hook", func(c *echov5.Context) error {
			body, err := io.ReadAll(c.Request().Body)
			if err != nil {
				return c.NoContent(http.StatusBadRequest)
			}
			a.handle(body)
			return c.NoContent(http.StatusOK)
		})
	default:
		e.POST("/hook", func(c *echov5.Context) error {
			a.handle(echov5wh.Message(c).Body)
			return c.NoContent(http.StatusOK)
		}, echov5wh.New(a.verifier))
	}
	return e
}

func (a *app) serveFiberV3(ln net.Listener) error {
	f := fiberv3.New(fiberv3.Config{ReadTimeout: 10 * time.Second, BodyLimit: 2 << 20})
	switch a.kind {
	case bareHandler:
		f.Post("/hook", func(c fiberv3.Ctx) error {
			a.handle(c.Body())
			return nil
		})
	default:
		ln = fiberv3wh.Listener(f, ln)
		f.Post("/hook", fiberv3wh.New(a.verifier), func(c fiberv3.Ctx) error {
			a.handle(fiberv3wh.Message(c).Body)
			return nil
		})
	}
	return f.Listener(ln, fiberv3.ListenConfig{DisableStartupMessage: true})
}

// counted notes how much of the bodies anything behind it reads.
func (a *app) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = &countedBody{r.Body, &a.bodyBytes}
		h.ServeHTTP(w, r)
	})
}

type countedBody struct {
	io.ReadCloser

	read *atomic.Int64
}

// Read implements io.Reader.
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read.Add(int64(n))
	return n, err
}

// serverStats is what a server has used so far.
type serverStats struct {
	CPU                int64 // nanoseconds
	Mallocs, Allocated uint64
	Held               int64 // heap and stacks
	Handled, BodyBytes int64
}

func (a *app) stats() serverStats {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return serverStats{
		CPU: cpuTime(), Mallocs: m.Mallocs, Allocated: m.TotalAlloc, Held: int64(m.HeapAlloc + m.StackInuse),
		Handled: a.handled.Load(), BodyBytes: a.bodyBytes.Load(),
	}
}

func (a *app) command(text string) error {
	verb, file, _ := strings.Cut(text, " ")
	switch verb {
	case "stats":
	case "gc":
		runtime.GC()
		runtime.GC() // the first one leaves what pools hold
	case "hold":
		gate := make(chan struct{})
		a.hold.Store(&gate)
	case "release":
		if gate := a.hold.Swap(nil); gate != nil {
			close(*gate)
		}
	case "profile":
		f, err := os.Create(file)
		if err != nil {
			return err
		}
		return pprof.StartCPUProfile(f)
	case "profiled":
		pprof.StopCPUProfile()
	default:
		return errors.New("no such command: " + fmt.Sprintf("%q", text))
	}
	return nil
}
