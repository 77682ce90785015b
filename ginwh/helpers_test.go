package ginwh_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/whtest"
)

const (
	secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	event  = `{"type":"invoice.paid"}`
)

// kit is a verifier, its observed events, and its sender.
type kit struct {
	*core.Verifier
	signer *core.Signer

	mu     sync.Mutex
	events []core.Event
}

func newKit(tb testing.TB, cfg core.Config) *kit {
	tb.Helper()
	k := new(kit)
	cfg.Observe = func(_ context.Context, e core.Event) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.events = append(k.events, e)
	}
	var err error
	if k.Verifier, err = core.New(core.Secrets(secret), memstore.New(), &cfg); err != nil {
		tb.Fatal(err)
	}
	if k.signer, err = core.NewSigner(secret); err != nil {
		tb.Fatal(err)
	}
	return k
}

// last waits for an event, which may follow the response, and returns the newest.
func (k *kit) last() core.Event {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		k.mu.Lock()
		n := len(k.events)
		if n > 0 {
			defer k.mu.Unlock()
			return k.events[n-1]
		}
		k.mu.Unlock()
	}
	return core.Event{}
}

// request is a signed attempt of this age.
func (k *kit) request(tb testing.TB, url, id string, age time.Duration, body string) *http.Request {
	tb.Helper()
	return whtest.NewRequest(tb, k.signer, url+"/hook", body, whtest.ID(id), whtest.At(time.Now().Add(-age)))
}

// mount is an application with this chain at /hook.
func mount(chain ...gin.HandlerFunc) *gin.Engine {
	g := gin.New()
	g.POST("/hook", chain...)
	return g
}

// reply is the response that the sender got.
type reply struct {
	status int
	header http.Header
	body   string
}

func do(tb testing.TB, req *http.Request) reply {
	tb.Helper()
	client := &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       10 * time.Second,
	}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		return reply{body: err.Error()}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{status: res.StatusCode, header: res.Header, body: err.Error()}
	}
	return reply{res.StatusCode, res.Header, string(b)}
}
