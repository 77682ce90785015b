package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/memstore"
)

// platform is a verifier for tenants, with a store that is small compared with what one of them
// sends.
type platform struct {
	t      *testing.T
	v      *core.Verifier
	store  *memstore.Store
	signer *core.Signer
	n      int
}

func newPlatform(t *testing.T, capacity int) *platform {
	t.Helper()
	secrets := core.Secrets(secret)
	tenants := core.KeySourceFunc(func(_ context.Context, r *core.Request) (string, *core.Keys, error) {
		return r.Header.Values("X-Tenant")[0], secrets, nil
	})
	signer, err := core.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	p := &platform{t: t, store: memstore.New(memstore.Capacity(capacity)), signer: signer}
	if p.v, err = core.New(tenants, p.store, nil); err != nil {
		t.Fatal(err)
	}
	return p
}

type body string

func (b body) ReadBody(int64, time.Duration) ([]byte, error) { return []byte(b), nil }

// send delivers a message to a tenant, whose handler responds with status. It returns why it was
// refused, if it was.
func (p *platform) send(tenant, id string, status int) error {
	p.t.Helper()
	h := http.Header{"X-Tenant": {tenant}}
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: h}
	if err := p.signer.Sign(h, id, time.Now(), []byte("{}")); err != nil {
		p.t.Fatal(err)
	}
	d := p.v.Admit(p.t.Context(), r, body("{}"))
	if err := d.Err(); err != nil {
		return err
	}
	d.Settle(status)
	return nil
}

// classOf is the class in which the store displaces records of a source.
func (p *platform) classOf(tenant string) uint32 {
	return p.store.Scope(core.StandardWebhooks{}.Name(), tenant) % 16
}

// One tenant sends all it can; ten others, who have sent nothing before, send a message a minute
// each. With failing handlers nothing may be dropped until a window ends, with succeeding ones only
// what is past it.
func TestATenantThatFillsTheStoreTakesNothingFromTheOthers(t *testing.T) {
	t.Parallel()
	const capacity, others = 3000, 10
	for name, status := range map[string]int{"failing": 500, "succeeding": 204} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, alone at first: %v", name, first), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					p := newPlatform(t, capacity)
					const hostile = "hostile"
					names := make([]string, 0, others)
					for i := 0; len(names) < others; i++ {
						if n := fmt.Sprint("tenant ", i); p.classOf(n) != p.classOf(hostile) {
							names = append(names, n)
						}
					}
					taken, refused, lost, forgotten := 0, 0, 0, 0
					for second := range 40 * 60 {
						for range 10 {
							p.n++
							if err := p.send(hostile, fmt.Sprint("h", p.n), status); err == nil {
								taken++
							} else if errors.Is(err, core.ErrStoreFull) {
								refused++
							} else {
								t.Fatal(err)
							}
						}
						minute := second / 60
						if i := second % 60; i < others && (!first || minute >= 6) {
							if err := p.send(names[i], fmt.Sprint("m", minute), 204); err != nil {
								lost++
							}
							if early := minute - 20; early >= 0 && (!first || early >= 6) { // after its window
								if err := p.send(names[i], fmt.Sprint("m", early), 204); !errors.Is(err, core.ErrRedelivery) {
									forgotten++
								}
							}
						}
						if got := p.store.Stats().Records; got > capacity {
							t.Fatalf("%d records of %d", got, capacity)
						}
						time.Sleep(time.Second)
					}
					t.Logf("hostile: %d taken, %d refused; others: %d lost, %d forgotten; %+v", taken, refused, lost, forgotten, p.store.Stats())
					if lost != 0 || forgotten != 0 {
						t.Errorf("the others lost %d messages, and %d were forgotten", lost, forgotten)
					}
					if taken < 3*capacity || refused == 0 {
						t.Errorf("the hostile tenant had %d messages taken and %d refused: the store is not used up", taken, refused)
					}
				})
			})
		}
	}
}
