package core //nolint:testpackage // shares the kinds of sender with the simulation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookonce/hookonce/internal/reqtarget"
)

// receiver is a verifier with its store and observer, in a synctest bubble, and a sender of one
// kind.
type receiver struct {
	t      *testing.T
	kind   kind
	v      *Verifier
	store  *mapStore
	events []Event
}

func newReceiver(t *testing.T, scheme Scheme, k kind, cfg Config) *receiver {
	t.Helper()
	r := &receiver{t: t, kind: k, store: newMapStore()}
	cfg.Scheme = scheme
	cfg.Observe = func(_ context.Context, e Event) { r.events = append(r.events, e) }
	var err error
	if r.v, err = New(Secrets(kindSecret), r.store, &cfg); err != nil {
		t.Fatal(err)
	}
	return r
}

// message is what a sender sends, and signs now with its key.
type message struct {
	at              address // default: /hook
	id, topic, body string
}

// address is where a request was sent to.
type address struct{ host, target string }

func (r *receiver) request(m message) *Request {
	s := &identitySimulation{kind: r.kind}
	s.kept = true
	a := s.attempt(&kindEvent{id: m.id, topic: m.topic, body: m.body, signed: time.Now()}, 0)
	for _, name := range []string{headerID, headerTopic} {
		if a.header.Get(name) == "" {
			a.header.Del(name)
		}
	}
	if m.at.target == "" {
		m.at.target = "/hook"
	}
	return &Request{Method: http.MethodPost, URL: m.at.target, Host: m.at.host, Header: a.header, Body: []byte(m.body)}
}

// deliver presents a request to a handler that responds with status. It returns the status that the
// sender gets, and the reason.
func (r *receiver) deliver(q *Request, status int) (int, Reason) {
	r.t.Helper()
	d := r.v.Admit(context.Background(), &Request{Method: q.Method, URL: q.URL, Host: q.Host, Header: q.Header}, testBody(q.Body))
	if a := d.Answer(); a != nil {
		status = a.Status
	} else {
		status = d.Settle(status)
	}
	return status, r.last().Reason
}

func (r *receiver) last() Event {
	r.t.Helper()
	if len(r.events) == 0 {
		r.t.Fatal("nothing was observed")
	}
	return r.events[len(r.events)-1]
}

func (r *receiver) want(what string, q *Request, status int, reason Reason) {
	r.t.Helper()
	if told, why := r.deliver(q, http.StatusOK); told != status || why != reason {
		r.t.Errorf("%s: answered %d, %s (%v), want %d, %s", what, told, why, r.last().Err, status, reason)
	}
}

// kindOf finds a kind of the simulation by the beginning of its name.
func kindOf(t *testing.T, name string) kind {
	t.Helper()
	for _, k := range kinds {
		if strings.HasPrefix(k.name, name) {
			return k
		}
	}
	t.Fatalf("no kind %q", name)
	return kind{}
}

func inBubble(t *testing.T, name string, cfg Config, f func(*receiver)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k := kindOf(t, name)
		f(newReceiver(t, kindScheme{k}, k, cfg))
	})
}

func TestOneSignedIDUnderAnotherContentIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"1: ", "2: "} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, name, Config{}, func(r *receiver) {
				paid, refunded := message{id: "evt_0", body: `{"type":"paid"}`}, message{id: "evt_0", body: `{"type":"refunded"}`}
				early := r.request(refunded)
				r.want("the first", r.request(paid), 200, Handled)
				r.want("another content in the same second", r.request(refunded), 503, ErrIDReused)
				time.Sleep(time.Minute)
				r.want("another content later", r.request(refunded), 503, ErrIDReused)
				r.want("another content, overtaken on the way", early, 503, ErrIDReused)
				r.want("the retry of the first", r.request(paid), 200, ErrRedelivery)
				if err := r.v.Forget(context.Background(), "", "evt_0"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				r.want("another content after Forget", r.request(refunded), 200, Handled)
				if r.last().Repeats != 0 {
					t.Errorf("repeats %d of a message that was forgotten", r.last().Repeats)
				}
			})
		})
	}
}

// typed is a sender that renders its body again for each attempt.
type typed struct{ kindScheme }

func (s typed) ReadBody(r *Request, a *Attempt) error {
	var body struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(r.Body, &body)
	a.Stable = append(a.Stable, []byte(body.Type))
	return s.kindScheme.ReadBody(r, a)
}

func TestASenderThatRendersItsBodyAnewIsHeldToWhatIsStable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := kindOf(t, "1: ")
		r := newReceiver(t, typed{kindScheme{k}}, k, Config{})
		r.want("the first", r.request(message{id: "evt_1", body: `{"type":"paid","attempt":1}`}), 200, Handled)
		time.Sleep(time.Second)
		r.want("its retry", r.request(message{id: "evt_1", body: `{"type":"paid","attempt":2}`}), 200, ErrRedelivery)
		r.want("another type", r.request(message{id: "evt_1", body: `{"type":"refunded","attempt":1}`}), 503, ErrIDReused)
	})
}

// unmarked is a scheme that does not mark the timestamp in its content.
type unmarked struct{ kindScheme }

func (s unmarked) ReadHeader(r *Request, a *Attempt) error {
	if err := s.kindScheme.ReadHeader(r, a); err != nil {
		return err
	}
	a.Content.times = [2]span{}
	return nil
}

func TestASchemeThatMarksNoTimeKeepsItsRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := kindOf(t, "1: ")
		r := newReceiver(t, unmarked{kindScheme{k}}, k, Config{})
		m := message{id: "evt_1", body: `{}`}
		r.want("the first", r.request(m), 200, Handled)
		time.Sleep(time.Second)
		r.want("its retry", r.request(m), 200, ErrRedelivery)
	})
}

func TestAMessageOfAnotherEndpointIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"1: ", "2: ", "3: ", "4: "} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, name, Config{}, func(r *receiver) {
				m := message{at: address{"example.com", "/billing"}, id: "evt_1", topic: "paid", body: `{}`}
				r.want("at the first endpoint", r.request(m), 200, Handled)
				time.Sleep(time.Second)
				m.at.target = "/mail"
				r.want("at the second", r.request(m), 500, ErrMisconfigured)
				if text := r.last().Err.Error(); !strings.Contains(text, "another address (host, path or query) of the same verifier") {
					t.Errorf("the error does not say what to do: %s", text)
				}
				m.at.target = "/billing?"
				r.want("the retry at the first, with an empty query", r.request(m), 200, ErrRedelivery)
				time.Sleep(time.Second)
				m.at.target = "https://example.com/billing"
				r.want("the retry at the first, in absolute form", r.request(m), 200, ErrRedelivery)
			})
		})
	}
}

func TestEqualBytesUnderOtherUnsignedIDsAreOtherMessages(t *testing.T) {
	t.Parallel()
	inBubble(t, "4: ", Config{Repeats: 3}, func(r *receiver) {
		m := message{id: "d1", topic: "created", body: `{}`}
		r.want("the first", r.request(m), 200, Handled)
		r.want("the same delivery", r.request(m), 200, ErrRedelivery)
		if e := r.last(); e.Repeats != 0 || e.Key == (Key{}) || !strings.Contains(e.Err.Error(), "under the same unsigned ids") {
			t.Errorf("observed %+v", e)
		}
		for i, other := range []message{{id: "d1", topic: "updated", body: `{}`}, {id: "d2", topic: "created", body: `{}`}, {body: `{}`}} {
			r.want("equal bytes", r.request(other), 200, Handled)
			if got := r.last().Repeats; got != uint32(i+1) {
				t.Errorf("repeats %d, want %d", got, i+1)
			}
			r.want("and their retry", r.request(other), 200, ErrRedelivery)
		}
		before := len(r.store.live)
		r.want("over the bound", r.request(message{id: "d3", topic: "created", body: `{}`}), 503, ErrRepeated)
		if text := r.last().Err.Error(); !strings.Contains(text, "Config.Repeats") || !strings.Contains(text, "already ran 4 times for the same signed content (Config.Repeats is 3)") {
			t.Errorf("the error does not name the setting: %s", text)
		}
		r.want("over the bound once more", r.request(message{id: "d3", topic: "created", body: `{}`}), 503, ErrRepeated)
		r.want("over the bound under another id", r.request(message{id: "d4", topic: "created", body: `{}`}), 503, ErrRepeated)
		r.want("what was handled before", r.request(m), 200, ErrRedelivery)
		r.want("another content", r.request(message{id: "d3", topic: "created", body: `{"a":1}`}), 200, Handled)
		time.Sleep(10 * time.Millisecond)
		if got := r.liveRecords() - before; got != 2 {
			t.Errorf("%d more records than before, want 2: what is refused leaves nothing behind", got)
		}
	})
}

// liveRecords counts the live records of the store.
func (r *receiver) liveRecords() int {
	n := 0
	for _, e := range r.store.live {
		if time.Now().Before(e.until) {
			n++
		}
	}
	return n
}

// TestRepeatsAreCountedWithinRemember has a sender with one equal body a day: never more than two
// within 25 hours.
func TestRepeatsAreCountedWithinRemember(t *testing.T) {
	t.Parallel()
	inBubble(t, "4: ", Config{Repeats: 1}, func(r *receiver) {
		for day := range 40 {
			r.want("once a day", r.request(message{id: "d" + strconv.Itoa(day), body: `{}`}), 200, Handled)
			time.Sleep(24 * time.Hour)
		}
	})
}

func TestASenderThatIsKnownToRenderAnewIsNotHeldToItsContent(t *testing.T) {
	t.Parallel()
	inBubble(t, "1: ", Config{RendersAnew: true}, func(r *receiver) {
		r.want("the first", r.request(message{id: "evt_1", body: `{"attempt":1}`}), 200, Handled)
		time.Sleep(time.Second)
		r.want("its retry", r.request(message{id: "evt_1", body: `{"attempt":2}`}), 200, ErrRedelivery)
	})
}

// TestACountedClaimThatTookLongIsGivenBack makes the store slow in one of a counted message's two
// swaps: the claim or the count.
func TestACountedClaimThatTookLongIsGivenBack(t *testing.T) {
	t.Parallel()
	for i, slow := range []string{"the claim", "the count"} {
		t.Run(slow, func(t *testing.T) {
			t.Parallel()
			inBubble(t, "4: ", Config{StoreTimeout: 30 * time.Second, BodyTimeout: time.Second}, func(r *receiver) {
				swaps := 0
				r.store.after = func(context.Context, Value, bool) error {
					if swaps++; swaps == i+1 {
						time.Sleep(20 * time.Second)
					}
					return nil
				}
				q := r.request(message{id: "d_1", body: `{}`})
				r.want("the attempt", q, 503, ErrStoreUnavailable)
				r.want("the next attempt", q, 200, Handled)
				if r.last().Repeats != 0 {
					t.Errorf("the message was counted %d times before it was handled", r.last().Repeats)
				}
			})
		})
	}
}

// lateID is a scheme that finds its unsigned id in the body.
type lateID struct{ kindScheme }

func (s lateID) ReadHeader(r *Request, a *Attempt) error {
	err := s.kindScheme.ReadHeader(r, a)
	a.ID, a.Unsigned = "", nil
	return err
}

func (s lateID) ReadBody(r *Request, a *Attempt) error {
	a.Unsigned = append(a.Unsigned, lines(r.Header).Get(headerID))
	return s.kindScheme.ReadBody(r, a)
}

func TestAnUnsignedIDOfTheBodyIsCheckedAsWell(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := kindOf(t, "4: ")
		r := newReceiver(t, lateID{kindScheme{k}}, k, Config{})
		r.want("two words", r.request(message{id: "two words", body: `{}`}), 400, ErrMalformed)
		r.want("one", r.request(message{id: "one", body: `{}`}), 200, Handled)
	})
}

func TestSpellingsOfAnAddressAreOneAddress(t *testing.T) {
	t.Parallel()
	const host = "example.com"
	for _, tt := range []struct {
		what        string
		as, another address
	}{
		{"an escaped letter", address{host, "/hook"}, address{host, "/h%6fok"}},
		{"a slash at the end", address{host, "/hook"}, address{host, "/hook/"}},
		{"two slashes", address{host, "/hook"}, address{host, "//hook"}},
		{"a dot", address{host, "/hook"}, address{host, "/./hook"}},
		{"two dots", address{host, "/hook"}, address{host, "/a/../hook"}},
		{"absolute form", address{host, "/hook?a=1"}, address{"", "http://example.com/hook?a=1"}},
		{"absolute form without a path", address{host, "/"}, address{host, "http://example.com"}},
		{"a port, and the root's dot", address{host, "/hook"}, address{"EXAMPLE.com.:443", "/hook"}},
		{"the machines behind a proxy", address{"10.0.0.5:8080", "/hook"}, address{"10.0.0.6:8080", "/hook"}},
		{"one of them over IPv6", address{"10.0.0.5:8080", "/hook"}, address{"[fd00::1]:8080", "/hook"}},
		{"a bare one over IPv6", address{"[fd00::2]", "/hook"}, address{"[fd00::1]", "/hook"}},
		{"private names of machines", address{"app1.internal:8080", "/hook"}, address{"app2.internal:8080", "/hook"}},
		{"names without a dot", address{"app1", "/hook"}, address{"app2", "/hook"}},
		{"names of a local network", address{"a.local", "/hook"}, address{"b.svc.cluster.local", "/hook"}},
		{"a sorted query", address{host, "/hook?b=2&a=1"}, address{host, "/hook?a=1&b=2"}},
		{"a query escaped otherwise", address{host, "/hook?a=b%20c"}, address{host, "/hook?a=b+c"}},
		{"a bare question mark", address{host, "/hook?"}, address{host, "/hook"}},
		{"a query that does not parse", address{host, "/hook?a=%zz"}, address{host, "/hook/?a=%zz"}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			t.Parallel()
			inBubble(t, "2: ", Config{}, func(r *receiver) {
				r.want("as it is registered", r.request(message{at: tt.as, id: "evt_1", body: `{}`}), 200, Handled)
				r.want("spelled otherwise", r.request(message{at: tt.another, id: "evt_1", body: `{}`}), 200, ErrRedelivery)
			})
		})
	}
}

func TestAddressesThatMayBeAnotherEndpointsAreNotOne(t *testing.T) {
	t.Parallel()
	const host = "example.com"
	for _, tt := range []struct {
		what        string
		as, another address
	}{
		{"upper case in the path", address{host, "/h/aB3"}, address{host, "/h/Ab3"}},
		{"an escaped slash", address{host, "/h/a%2Fb"}, address{host, "/h/a/b"}},
		{"an escaped slash in lower case", address{host, "/h/a%2fb"}, address{host, "/h/a/b"}},
		{"a longer path", address{host, "/h"}, address{host, "/h/i"}},
		{"another value in the query", address{host, "/h?app=billing"}, address{host, "/h?app=mail"}},
		{"no query", address{host, "/h?app=billing"}, address{host, "/h"}},
		{"the order of one parameter's values", address{host, "/h?a=1&a=2"}, address{host, "/h?a=2&a=1"}},
		{"a query that does not parse", address{host, "/h?a=%zz"}, address{host, "/h?a=%zy"}},
		{"another host", address{"billing.example.com", "/h"}, address{"mail.example.com", "/h"}},
		{"a name with a path and a longer name", address{"a.example", "/b/h"}, address{"a.example/b", "/h"}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			t.Parallel()
			inBubble(t, "2: ", Config{}, func(r *receiver) {
				r.want("one", r.request(message{at: tt.as, id: "evt_1", body: `{}`}), 200, Handled)
				r.want("the other", r.request(message{at: tt.another, id: "evt_1", body: `{}`}), 500, ErrMisconfigured)
				r.want("the first one's retry", r.request(message{at: tt.as, id: "evt_1", body: `{}`}), 200, ErrRedelivery)
			})
		})
	}
}

// An address of an attacker's choice must not pass for another one. Its sum
// depends on the message, so no collision can be found beforehand.
func TestTheSumOfAnAddressDependsOnTheMessage(t *testing.T) {
	t.Parallel()
	v := new(Verifier)
	sums := make(map[uint64]bool)
	sum := func(key Key, target string) uint64 { return v.endpointSum(&key, &Request{URL: target}) }
	for i := range 1000 {
		key := Key(sha256.Sum256([]byte(strconv.Itoa(i))))
		a, b := sum(key, "/billing"), sum(key, "/mail")
		if a == b || a >= 1<<48 || a == 0 || a != sum(key, "/billing") {
			t.Fatalf("%x and %x", a, b)
		}
		sums[a], sums[b] = true, true
	}
	if len(sums) != 2000 {
		t.Errorf("%d sums of 2000", len(sums))
	}
}

func TestNoRepeatsIsTheStrictness(t *testing.T) {
	t.Parallel()
	inBubble(t, "4: ", Config{Repeats: -1}, func(r *receiver) {
		r.want("the first", r.request(message{id: "d1", body: `{}`}), 200, Handled)
		r.want("the same delivery", r.request(message{id: "d1", body: `{}`}), 200, ErrRedelivery)
		r.want("another delivery id", r.request(message{id: "d2", body: `{}`}), 503, ErrRepeated)
		r.want("none", r.request(message{body: `{}`}), 503, ErrRepeated)
	})
}

func TestAFailedMessageRunsAgainWithoutBeingCountedAgain(t *testing.T) {
	t.Parallel()
	inBubble(t, "4: ", Config{Repeats: 1}, func(r *receiver) {
		r.want("the first", r.request(message{id: "d1", body: `{}`}), 200, Handled)
		second := r.request(message{id: "d2", body: `{}`})
		for range 5 {
			if told, reason := r.deliver(second, 500); told != 500 || reason != ErrHandlerFailed || r.last().Repeats != 1 {
				t.Fatalf("answered %d, %s, repeats %d", told, reason, r.last().Repeats)
			}
		}
		r.want("its last retry", second, 200, Handled)
		r.want("a third", r.request(message{id: "d3", body: `{}`}), 503, ErrRepeated)
	})
}

func TestTwoRacersOfOneMessageCountOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, "4: ", Config{Repeats: 1}, func(r *receiver) {
		r.v.cfg.Observe = nil
		q := r.request(message{id: "d1", body: `{}`})
		var (
			all sync.WaitGroup
			mu  sync.Mutex
			ran int
		)
		for range 32 {
			all.Go(func() {
				d := r.v.Admit(context.Background(), &Request{Method: q.Method, URL: q.URL, Header: q.Header.Clone()}, testBody(q.Body))
				if d.Answer() == nil {
					mu.Lock()
					ran++
					mu.Unlock()
					d.Settle(200)
				}
			})
		}
		all.Wait()
		d := r.v.Admit(context.Background(), r.request(message{id: "d2", body: `{}`}), testBody(`{}`))
		if ran != 1 || d.Answer() != nil || d.message.Repeats != 1 {
			t.Errorf("ran %d times; another delivery: %v, repeats %d", ran, d.Err(), d.message.Repeats)
		}
	})
}

func TestWhatGoesWrongBetweenClaimAndCountLosesNothing(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]int{"the claim's reply": 1, "the count's reply": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, "4: ", Config{Repeats: 1}, func(r *receiver) {
				swaps := 0
				r.store.after = func(context.Context, Value, bool) error {
					if swaps++; swaps == lost {
						return errStoreDown
					}
					return nil
				}
				q := r.request(message{id: "d1", body: `{}`})
				r.want("while the store fails", q, 503, ErrStoreUnavailable)
				r.want("the retry", q, 200, Handled)
				r.want("and its retry", q, 200, ErrRedelivery)
			})
		})
	}
}

// With Repeats: -1, counting one claim twice would refuse a genuine event as
// its own repeat.
func TestAnEventIsNotRefusedAsItsOwnRepeat(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(r *receiver, q *Request){
		"the process dies in the handler": func(r *receiver, q *Request) {
			if d := r.v.Admit(context.Background(), q, testBody(q.Body)); d.Answer() != nil {
				r.t.Fatal(d.Err())
			}
		},
		"the reply of the count is lost": func(r *receiver, q *Request) {
			swaps := 0
			r.store.after = func(context.Context, Value, bool) error {
				if swaps++; swaps == 2 {
					return errStoreDown
				}
				return nil
			}
			r.want("while the store fails", q, 503, ErrStoreUnavailable)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, "4: ", Config{Repeats: -1}, func(r *receiver) {
				q := r.request(message{id: "d1", body: `{}`})
				fault(r, &Request{Method: q.Method, URL: q.URL, Header: q.Header, Body: q.Body})
				time.Sleep(2 * time.Minute) // the lease is over
				r.want("the retry", q, 200, Handled)
				r.want("another delivery id", r.request(message{id: "d2", body: `{}`}), 503, ErrRepeated)
				key := r.last().Key
				if err := r.v.ForgetKey(context.Background(), key); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				r.want("… once the count is forgotten", r.request(message{id: "d2", body: `{}`}), 200, Handled)
			})
		})
	}
}

// If a count changes during ForgetKey, it is not forgotten, and the error says
// so.
func TestACountThatChangesMeanwhileIsNotSaidToBeForgotten(t *testing.T) {
	t.Parallel()
	inBubble(t, "4: ", Config{Repeats: 1}, func(r *receiver) {
		for _, id := range []string{"d1", "d2"} {
			r.want("a message", r.request(message{id: id, body: `{}`}), 200, Handled)
		}
		r.want("one too many", r.request(message{id: "d3", body: `{}`}), 503, ErrRepeated)
		key := r.last().Key
		r.store.after = func(context.Context, Value, bool) error { // between the reading and the writing
			r.store.after = nil
			entry := r.store.live[key]
			rec, err := decode(entry.value)
			if err != nil || rec.state != Counted {
				t.Errorf("the key is of %+v, %v", rec, err)
			}
			rec.token = newToken()
			r.store.live[key] = mapEntry{rec.encode(), entry.until}
			return nil
		}
		if err := r.v.ForgetKey(context.Background(), key); err == nil || !strings.Contains(err.Error(), "try again") {
			t.Errorf("error %v", err)
		}
		r.want("still too many", r.request(message{id: "d3", body: `{}`}), 503, ErrRepeated)
		if err := r.v.ForgetKey(context.Background(), key); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		r.want("once it is forgotten", r.request(message{id: "d3", body: `{}`}), 200, Handled)
	})
}

func TestARetryWithoutItsTopicIsRecognized(t *testing.T) {
	t.Parallel()
	inBubble(t, "3: ", Config{}, func(r *receiver) {
		r.want("the first", r.request(message{id: "d1", body: `{}`}), 200, Handled)
		time.Sleep(time.Second)
		r.want("its retry", r.request(message{id: "d1", body: `{}`}), 200, ErrRedelivery)
	})
}

func TestACapturedAttemptBelongsToOneMessage(t *testing.T) {
	t.Parallel()
	inBubble(t, "3: ", Config{}, func(r *receiver) {
		m := message{id: "d1", topic: "t", body: `{}`}
		first := r.request(m)
		r.want("the first attempt", first, 200, Handled)
		r.want("the very same", first, 409, ErrReplay)
		forged := &Request{Method: first.Method, URL: first.URL, Header: first.Header.Clone(), Body: first.Body}
		lines(forged.Header).Set(headerID, "d2")
		r.want("under another delivery id", forged, 503, ErrRepeated)
		lines(forged.Header).Del(headerID)
		r.want("without one", forged, 503, ErrRepeated)
		time.Sleep(time.Minute)
		r.want("the sender's retry", r.request(m), 200, ErrRedelivery)
		r.want("equal content of another event", r.request(message{id: "d3", topic: "t", body: `{}`}), 503, ErrRepeated)
		time.Sleep(time.Second) // beyond the grain of the sender's clock
		r.want("and its next attempt", r.request(message{id: "d3", topic: "t", body: `{}`}), 200, Handled)

		time.Sleep(time.Minute)
		bare := r.request(message{body: `{"a":1}`})
		r.want("an attempt without a delivery id", bare, 200, Handled)
		forged = &Request{Method: bare.Method, URL: bare.URL, Header: bare.Header.Clone(), Body: bare.Body}
		lines(forged.Header).Set(headerID, "d4")
		lines(forged.Header).Set(headerTopic, "t")
		r.want("and under one that was added", forged, 503, ErrRepeated)
	})
}

// TestASecondEventWithTheFirstOnesTimestampIsNeverAcknowledged: if only the
// timestamp distinguishes events, two with the same timestamp look like an
// attempt and its replay. The log says so.
func TestASecondEventWithTheFirstOnesTimestampIsNeverAcknowledged(t *testing.T) {
	t.Parallel()
	inBubble(t, "3, without", Config{}, func(r *receiver) {
		m := message{body: `{}`}
		r.want("the first event", r.request(m), 200, Handled)
		r.want("a second one", r.request(m), 409, ErrReplay)
		if text := r.last().Err.Error(); !strings.Contains(text, "a second event with the same content and timestamp") {
			t.Errorf("the log says %s", text)
		}
		time.Sleep(time.Second)
		r.want("one a second later", r.request(m), 200, Handled)
	})
	inBubble(t, "1: ", Config{}, func(r *receiver) {
		m := message{id: "evt_1", body: `{}`}
		r.want("a message with a signed id", r.request(m), 200, Handled)
		r.want("its replay", r.request(m), 409, ErrReplay)
		if text := r.last().Err.Error(); strings.Contains(text, "second event") {
			t.Errorf("the log says %s", text)
		}
	})
}

func TestAnyMessageIsForgottenByTheKeyThatTheLogNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"3: ", "4: ", "3, without"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, name, Config{}, func(r *receiver) {
				q := r.request(message{id: "d1", topic: "t", body: `{}`})
				r.want("the first", q, 200, Handled)
				var log bytes.Buffer
				SlogObserver(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))(context.Background(), r.last())
				var line struct {
					Key Key `json:"key"`
				}
				if err := json.Unmarshal(log.Bytes(), &line); err != nil || line.Key != r.last().Key {
					t.Fatalf("the log says %s: %v", &log, err)
				}
				if err := r.v.ForgetKey(context.Background(), line.Key); err != nil {
					t.Fatal(err)
				}
				r.want("the same bytes after ForgetKey", q, 200, Handled)
				if r.last().Repeats != 0 {
					t.Errorf("repeats %d of a message that was forgotten", r.last().Repeats)
				}
				if err := r.v.ForgetKey(context.Background(), Key{1}); err == nil {
					t.Error("a key without a record is forgotten")
				}
			})
		})
	}
	inBubble(t, "1: ", Config{}, func(r *receiver) {
		r.want("the first", r.request(message{id: "evt_1", body: `{}`}), 200, Handled)
		if r.last().Key != (Key{}) {
			t.Error("an event with a signed id has a key, which Forget does not need")
		}
	})
}

func TestAKeyIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	key := Key(sha256.Sum256([]byte("a")))
	text, err := key.MarshalText()
	var back Key
	if err != nil || back.UnmarshalText(text) != nil || back != key {
		t.Errorf("%s, %v: %v", text, err, back)
	}
	for _, bad := range []string{"", "00", string(text) + "00", "zz" + string(text[2:])} {
		if err := back.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
}

// replying is a sender that uses the content of the response.
type replying struct{ kindScheme }

func (s replying) ReadBody(r *Request, a *Attempt) error {
	a.Reply = true
	return s.kindScheme.ReadBody(r, a)
}

func TestAMessageWhoseSenderWantsTheResponseIsNeverAcknowledgedEmpty(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"1: ", "2: ", "3: ", "3, without"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				k := kindOf(t, name)
				r := newReceiver(t, replying{kindScheme{k}}, k, Config{})
				m := message{id: "evt_1", topic: "t", body: `{}`}
				first := r.request(m)
				r.want("the first", first, 200, Handled)
				r.want("the same attempt", first, 409, ErrReplay)
				time.Sleep(time.Second)
				late := r.request(m)
				time.Sleep(time.Second)
				if k.id || k.delivery {
					r.want("a later attempt", r.request(m), 409, ErrReplay)
					r.want("one that it overtook", late, 409, ErrReplay)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		k := kindOf(t, "4: ")
		r := newReceiver(t, replying{kindScheme{k}}, k, Config{Repeats: 2})
		q := r.request(message{id: "d1", body: `{}`})
		for i := range 3 {
			r.want("the same menu", q, 200, Handled)
			if r.last().Repeats != uint32(i) {
				t.Errorf("repeats %d, want %d", r.last().Repeats, i)
			}
		}
		for range 2 {
			r.want("over the bound", q, 503, ErrRepeated)
		}
		r.want("another menu", r.request(message{id: "d1", body: `{"a":1}`}), 200, Handled)
	})
}

// A handled message stays handled, whatever the outcome of a run for its
// response. Otherwise an attacker who captured one that fails could run it
// indefinitely.
func TestAMessageThatWasHandledStaysHandledWhenItsResponseFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := kindOf(t, "4: ")
		r := newReceiver(t, replying{kindScheme{k}}, k, Config{Repeats: 2})
		q := r.request(message{id: "d1", body: `{}`})
		r.want("the first", q, 200, Handled)
		for range 2 {
			if told, reason := r.deliver(q, 400); told != 400 || reason != ErrHandlerFailed {
				t.Fatalf("answered %d, %s", told, reason)
			}
		}
		for range 3 {
			r.want("over the bound", q, 503, ErrRepeated)
		}
	})
}

// twice is a sender with its timestamp in a header and in the body.
type twice struct{ kindScheme }

func (s twice) ReadBody(r *Request, a *Attempt) error {
	at := strconv.FormatInt(a.Timestamp.Unix(), 10)
	before, after, _ := bytes.Cut(r.Body, []byte(at))
	a.Content.WriteBody(before)
	a.Content.WriteTime(at)
	a.Content.WriteBody(after)
	return nil
}

func TestATimeInTwoPlacesIsNoOtherContent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := kindOf(t, "1: ")
		r := newReceiver(t, twice{kindScheme{k}}, k, Config{})
		send := func(data string) *Request {
			return r.request(message{id: "evt_1", body: `{"sent":` + strconv.FormatInt(time.Now().Unix(), 10) + `,"data":"` + data + `"}`})
		}
		r.want("the first", send("a"), 200, Handled)
		time.Sleep(time.Minute)
		r.want("its retry", send("a"), 200, ErrRedelivery)
		r.want("another content", send("b"), 503, ErrIDReused)
	})
}

func TestAMiddlewareMountedTwiceSaysSoAtTheFirstRequest(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"1: ", "2: ", "3: ", "4: "} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, name, Config{}, func(r *receiver) {
				q := r.request(message{id: "evt_1", topic: "t", body: `{}`})
				outer := r.v.Admit(context.Background(), q, testBody(q.Body))
				if outer.Answer() != nil {
					t.Fatal(outer.Err())
				}
				inner := r.v.Admit(outer.Context(), q, testBody(q.Body))
				if err := inner.Err(); !errors.Is(err, ErrMisconfigured) || !strings.Contains(err.Error(), "mounted twice") || inner.Answer().Status != 500 {
					t.Fatalf("inside itself: %v", err)
				}
				outer.Settle(inner.Answer().Status)
				r.want("mounted once", q, 200, Handled)
				// Another message in the context of this one is independent of it.
				again := r.v.Admit(outer.Context(), r.request(message{id: "evt_2", topic: "t", body: `{"a":1}`}), testBody(`{"a":1}`))
				if again.Answer() != nil {
					t.Errorf("another message: %v", again.Err())
				}
			})
		})
	}
}

func TestUnsignedIDsThatAreNoneLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	inBubble(t, "4: ", Config{}, func(r *receiver) {
		for name, id := range map[string]string{"huge": strings.Repeat("a", 257), "not ASCII": "d\u00e9", "with a space": "d 1", "with a NUL": "d\x00"} {
			r.want(name, r.request(message{id: id, body: `{}`}), 400, ErrMalformed)
		}
		if !r.store.empty() || r.store.swaps != 0 {
			t.Errorf("the store was visited %d times", r.store.swaps)
		}
	})
}

func TestAMessageWithARecordOfTheFirstVersionIsRecognized(t *testing.T) {
	t.Parallel()
	inBubble(t, "1: ", Config{}, func(r *receiver) {
		m := message{id: "evt_1", body: `{}`}
		r.want("the first", r.request(m), 200, Handled)
		for key, e := range r.store.live {
			rec, _ := decode(e.value)
			e.value[8] = 1
			binary.BigEndian.PutUint64(e.value[16:], uint64(rec.mark))
			r.store.live[key] = e
		}
		time.Sleep(time.Second)
		r.want("its retry", r.request(m), 200, ErrRedelivery)
	})
}

// scopedStore is a store with the method Scope.
type scopedStore struct{ *mapStore }

func (scopedStore) Scope(scheme, source string) uint32 {
	return uint32(len(scheme))<<24 | uint32(len(source)) //nolint:gosec // short names
}

func TestEveryKeyBeginsWithWhatItsStoreAsksFor(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		for _, source := range []string{"", "tenant"} {
			t.Run(k.name+", source "+source, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					r := newReceiver(t, kindScheme{k}, k, Config{})
					var err error
					if r.v, err = New(Secrets(kindSecret).From(source), scopedStore{r.store}, &Config{Scheme: kindScheme{k}, Observe: r.v.cfg.Observe}); err != nil {
						t.Fatal(err)
					}
					for i := range 3 {
						body := strings.Repeat(" ", i) + "{}"
						r.want("a message", r.request(message{id: "evt_" + strconv.Itoa(i), topic: "t", body: body}), 200, Handled)
					}
					records := 3
					if k.delivery {
						records = 6
					}
					if len(r.store.live) != records {
						t.Errorf("%d records, want %d", len(r.store.live), records)
					}
					for key := range r.store.live {
						if want := [4]byte{4, 0, 0, byte(len(source))}; [4]byte(key[:4]) != want {
							t.Errorf("the key %x begins not with %x", key, want)
						}
					}
				})
			})
		}
	}
}

// The next version must find the records in a durable store, so keys must not
// change.
func TestTheKeyOfASignedIDStays(t *testing.T) {
	t.Parallel()
	v, err := New(Secrets(kindSecret).From("tenant"), newMapStore(), &Config{Scheme: kindScheme{kindOf(t, "1: ")}})
	if err != nil {
		t.Fatal(err)
	}
	want := Key(sha256.Sum256([]byte("\x00\x00\x00\x00\x00\x00\x00\x0ahookonce/1" + "\x00\x00\x00\x00\x00\x00\x00\x04kind" +
		"\x00\x00\x00\x00\x00\x00\x00\x06tenant" + "\x00\x00\x00\x00\x00\x00\x00\x02id" + "\x00\x00\x00\x00\x00\x00\x00\x05evt_0")))
	if got := v.replayKey(&Message{ID: "evt_0", IDSigned: true, Source: "tenant"}, nil); got != want {
		t.Errorf("the key is %x, not %x", got, want)
	}
}

func TestTheEndpointSumReadsATargetAsSchemesDo(t *testing.T) {
	t.Parallel()
	for _, target := range []string{
		"/", "/?x=1", "http://proxy.example", "http://proxy.example/", "http://proxy.example/?x=1", "http://proxy.example?x=1",
		"http://proxy.example?x=/a", "http://proxy.example?x=http://b/c", "http://proxy.example/a://b/c", "/a?next=http://b/c", "/a/http://b/c", "?next=http://b/c",
	} {
		got, want := appendEndpoint(nil, "proxy.example", target), appendEndpoint(nil, "proxy.example", reqtarget.PathAndQuery(target))
		if !bytes.Equal(got, want) {
			t.Errorf("%q gives %q, and its path and query give %q", target, got, want)
		}
	}
}
