package core_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/whtest"
)

// deaf is a source that ignores its context, and returns only on request.
type deaf struct {
	keys          *core.Keys
	release       chan struct{}
	running, most atomic.Int64
}

func (d *deaf) Keys(context.Context, *core.Request) (string, *core.Keys, error) {
	n := d.running.Add(1)
	defer d.running.Add(-1)
	for most := d.most.Load(); n > most && !d.most.CompareAndSwap(most, n); most = d.most.Load() {
	}
	select {
	case <-d.release:
	case <-time.After(time.Hour):
	}
	return "acme", d.keys, nil
}

func TestAKeySourceThatIgnoresItsContextIsAbandonedAtTheTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		secret := core.GenerateSecret()
		d := &deaf{keys: core.Secrets(secret), release: make(chan struct{})}
		v := newVerifier(t, d, &core.Config{KeyTimeout: 3 * time.Second})
		began := time.Now()
		r := signed(t, secret, "msg_1", began.Unix(), "{}")
		attempt := v.Admit(t.Context(), r, given(r.Body))
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("took %v, want the KeyTimeout of 3s", took)
		}
		if !errors.Is(attempt.Err(), core.ErrKeysUnavailable) || attempt.Answer().Status != http.StatusServiceUnavailable {
			t.Errorf("got %v, want 503", attempt.Err())
		}
		for _, say := range []string{"Config.KeyTimeout", "3s", "context"} {
			if !strings.Contains(attempt.Err().Error(), say) {
				t.Errorf("%q says nothing of %q", attempt.Err(), say)
			}
		}
		// A late result of the source is dropped, and the next lookup works.
		close(d.release)
		synctest.Wait()
		if n := d.running.Load(); n != 0 {
			t.Errorf("%d look-ups still run", n)
		}
		if _, err := v.Verify(t.Context(), signed(t, secret, "msg_1", time.Now().Unix(), "{}")); err != nil {
			t.Error(err)
		}
	})
}

func TestAtMost1024LookUpsRunWhenASourceHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most, more = 1024, 100
		secret := core.GenerateSecret()
		d := &deaf{keys: core.Secrets(secret), release: make(chan struct{})}
		v := newVerifier(t, d, nil)
		request := func() *core.Request { return signed(t, secret, "msg_1", time.Now().Unix(), "{}") }
		var wg sync.WaitGroup
		var atOnce atomic.Int64
		began := time.Now()
		for range most + more {
			r := request()
			wg.Go(func() {
				if _, err := v.Verify(t.Context(), r); !errors.Is(err, core.ErrKeysUnavailable) {
					t.Errorf("got %v", err)
				} else if time.Since(began) == 0 {
					atOnce.Add(1)
				}
			})
		}
		wg.Wait()
		if d.most.Load() != most || atOnce.Load() != more {
			t.Errorf("%d look-ups ran, want %d; %d were refused at once, want %d", d.most.Load(), most, atOnce.Load(), more)
		}
		// Abandoned lookups still count.
		if _, err := v.Verify(t.Context(), request()); !errors.Is(err, core.ErrKeysUnavailable) || !strings.Contains(err.Error(), "1024 calls") {
			t.Errorf("got %v", err)
		}
		if d.most.Load() != most {
			t.Errorf("%d look-ups ran, want %d", d.most.Load(), most)
		}
		close(d.release)
		synctest.Wait()
		if _, err := v.Verify(t.Context(), request()); err != nil {
			t.Error(err)
		}
	})
}

func TestAPanicOfAKeySourceIsTheRequestsAndShowsWhereItWas(t *testing.T) {
	t.Parallel()
	recovered := func(what any) (p any) {
		defer func() { p = recover() }()
		secret := core.GenerateSecret()
		v := newVerifier(t, core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) { return brokenSource(what) }), nil)
		_, err := v.Verify(t.Context(), signed(t, secret, "msg_1", time.Now().Unix(), "{}"))
		t.Errorf("no panic, but %v", err)
		return nil
	}
	if got := recovered(http.ErrAbortHandler); got != http.ErrAbortHandler { //nolint:errorlint // servers compare it so
		t.Errorf("http.ErrAbortHandler became %v", got)
	}
	cause := errors.New("index out of the map")
	for _, what := range []any{cause, cause.Error()} {
		got, ok := recovered(what).(error)
		if !ok || !strings.Contains(got.Error(), cause.Error()) || !strings.Contains(got.Error(), "brokenSource") {
			t.Errorf("panic(%v) became %v, which says not where it was", what, got)
		}
		if what == any(cause) && !errors.Is(got, cause) {
			t.Error("the error does not wrap what was panicked with")
		}
	}
}

func brokenSource(what any) (string, *core.Keys, error) { panic(what) }

// t.Fatal in a source does this.
func TestAKeySourceThatEndsItsGoroutineIsAnOutage(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) {
		runtime.Goexit()
		return "", nil, nil
	}), &core.Config{KeyTimeout: time.Hour})
	r := signed(t, core.GenerateSecret(), "msg_1", time.Now().Unix(), "{}")
	if _, err := v.Verify(t.Context(), r); !errors.Is(err, core.ErrKeysUnavailable) {
		t.Errorf("got %v", err)
	}
}

// naming is a scheme whose senders name keys that must be fetched; its key
// reports which context it got.
type naming struct {
	core.StandardWebhooks

	unmatched error
	contexts  *[]error
}

func (n naming) ReadBody(r *core.Request, a *core.Attempt) error {
	a.Unmatched = n.unmatched
	return n.StandardWebhooks.ReadBody(r, a)
}

func (n naming) ParseKey(text string) (core.VerifyKey, error) {
	key, err := n.StandardWebhooks.ParseKey(text)
	return namingKey{key, n}, err
}

type namingKey struct {
	core.VerifyKey

	scheme naming
}

func (k namingKey) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	*k.scheme.contexts = append(*k.scheme.contexts, ctx.Err())
	if err := ctx.Err(); err != nil {
		return false, err // as a fetch does
	}
	return k.VerifyKey.Verify(ctx, a)
}

func TestAKeyThatStandsInForAnUnknownSourceFetchesNothing(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	var src whtest.Source
	src.Set("acme", core.Secrets(secret))
	var contexts []error
	v := newVerifier(t, &src, &core.Config{Scheme: naming{contexts: &contexts}})
	for _, path := range []string{"/acme", "/nobody", "/acme"} {
		r := signed(t, secret, "msg_1", time.Now().Unix(), "{}")
		r.URL = path
		if _, err := v.Verify(t.Context(), r); (err == nil) != (path == "/acme") || err != nil && !errors.Is(err, core.ErrUnknownSource) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if len(contexts) != 3 || contexts[0] != nil || contexts[1] == nil || contexts[2] != nil {
		t.Errorf("the contexts of known, unknown and known sources are over with %v", contexts)
	}
}

func TestASchemeThatIsFloodedRefusesKnownAndUnknownSourcesAlike(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	var src whtest.Source
	src.Set("acme", core.Secrets(secret))
	var contexts []error
	flooded := errors.New("too many keys were named")
	v := newVerifier(t, &src, &core.Config{Scheme: naming{unmatched: flooded, contexts: &contexts}})
	refused := map[string]bool{}
	for _, c := range []struct{ path, secret string }{
		{"/nobody", secret}, {"/acme", core.GenerateSecret()}, {"/acme", secret}, {"/nobody", secret}, {"/nobody", core.GenerateSecret()},
	} {
		r := signed(t, c.secret, "msg_1", time.Now().Unix(), "{}")
		r.URL = c.path
		d := v.Admit(t.Context(), r, given(r.Body))
		if c.path == "/acme" && c.secret == secret {
			if d.Answer() != nil {
				t.Errorf("a genuine message was refused: %v", d.Err())
			}
			d.Settle(http.StatusOK)
			continue
		}
		if !errors.Is(d.Err(), core.ErrKeysUnavailable) || !errors.Is(d.Err(), flooded) || errors.Is(d.Err(), core.ErrUnknownSource) || errors.Is(d.Err(), core.ErrNoMatch) {
			t.Errorf("%s: %v", c.path, d.Err())
		}
		refused[fmt.Sprint(d.Answer())] = true
	}
	if len(refused) != 1 {
		t.Errorf("the refusals differ: %v", refused)
	}
}

func TestAKeySourceSeesTheHost(t *testing.T) {
	t.Parallel()
	secret, host := core.GenerateSecret(), ""
	v := newVerifier(t, core.KeySourceFunc(func(_ context.Context, r *core.Request) (string, *core.Keys, error) {
		host = r.Host
		return "acme", core.Secrets(secret), nil
	}), nil)
	r := signed(t, secret, "msg_1", time.Now().Unix(), "{}")
	r.Host = "acme.example.com"
	if _, err := v.Verify(t.Context(), r); err != nil || host != "acme.example.com" {
		t.Errorf("host %q: %v", host, err)
	}
}
