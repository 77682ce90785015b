package whtest

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// TestSeenStore checks a store against the contract of [core.SeenStore], in
// subtests, each with a store of its own from open. open is called at the start
// of each, and may register clean-up with t. The stores may share an engine, if
// they do not share records. Records of an earlier run do not disturb: keys are
// random, or taken over.
//
// It takes about two seconds, and more by the grain of the store. Cases that
// need an option are skipped without it. It cannot show that a store never
// evicts: read your engine's manual for what it does when it is full.
func TestSeenStore(t *testing.T, open func(t testing.TB) core.SeenStore, opts ...StoreOption) {
	t.Helper()
	var options storeOptions
	for _, o := range opts {
		o(&options)
	}
	for _, c := range storeCases() {
		t.Run(c.name, func(t *testing.T) { c.check(t, open, options) })
	}
}

// StoreOption tells [TestSeenStore] what it cannot find out about a store.
type StoreOption func(*storeOptions)

type storeOptions struct {
	grain     time.Duration
	reopen    func(t testing.TB, s core.SeenStore) core.SeenStore
	stop      func(t testing.TB, s core.SeenStore) (start func())
	breakIt   func(t testing.TB, s core.SeenStore) (repair func())
	loseReply func(t testing.TB, s core.SeenStore)
	forget    func(t testing.TB, s core.SeenStore)
}

// StoreGrain is how much longer than its ttl a record may live, because the
// engine counts in larger units. Default: 20 milliseconds, for the scheduler. A
// record may never live shorter.
func StoreGrain(d time.Duration) StoreOption { return func(o *storeOptions) { o.grain = d } }

// StoreReopen makes the suite check that a durable store keeps its records over
// a restart of the program. It is for a store that holds its data itself, in a
// file. reopen closes s and returns another store on the same data. A store on
// a server needs [StoreRestart], because another client of a server that kept
// running proves nothing.
func StoreReopen(reopen func(t testing.TB, s core.SeenStore) core.SeenStore) StoreOption {
	return func(o *storeOptions) { o.reopen = reopen }
}

// StoreRestart makes the suite check that the server of a store keeps its
// records over a restart. stop ends the server as a crash does, and the
// function that it returns starts the server again on the same data. Both leave
// s and its client alone: s must fail between the two, and work again by
// itself.
func StoreRestart(stop func(t testing.TB, s core.SeenStore) (start func())) StoreOption {
	return func(o *storeOptions) { o.stop = stop }
}

// StoreBreak makes the suite check what happens while the engine is down.
// breakIt makes the engine of s fail (stops it, cuts the connection) and
// returns the function that brings it back with its data.
func StoreBreak(breakIt func(t testing.TB, s core.SeenStore) (repair func())) StoreOption {
	return func(o *storeOptions) { o.breakIt = breakIt }
}

// StoreLoseReply makes the suite check a swap that is carried out and whose
// reply does not arrive. lose arranges that for the next call to s: for example
// a proxy to the engine passes the request on and closes the connection. A
// store with this option has a server, so it needs [StoreRestart] in the place
// of [StoreReopen].
func StoreLoseReply(lose func(t testing.TB, s core.SeenStore)) StoreOption {
	return func(o *storeOptions) { o.loseReply = lose }
}

// StoreForget makes the suite check that a store with the method KnownSince
// finds out that its records are gone. forget removes all that the engine holds
// for s behind its back: FLUSHALL, TRUNCATE, another file.
func StoreForget(forget func(t testing.TB, s core.SeenStore)) StoreOption {
	return func(o *storeOptions) { o.forget = forget }
}

// storeCase is one rule of the contract.
type storeCase struct {
	name string
	// explanation is printed when the case fails: the rule, what breaks without
	// it, and how stores come to break it.
	explanation string
	run         func(t *storeTest)
}

// check runs the case on a new store.
func (c *storeCase) check(tb testing.TB, open func(t testing.TB) core.SeenStore, o storeOptions) {
	tb.Helper()
	defer func() {
		if tb.Failed() {
			tb.Logf("The rule: %s", c.explanation)
		}
	}()
	c.run(&storeTest{TB: tb, store: open(tb), storeOptions: o})
}

// storeTest is a running case.
type storeTest struct {
	testing.TB
	storeOptions

	store core.SeenStore
}

// none is what a store returns when there is no record.
var none core.Value //nolint:gochecknoglobals // a constant, which Go has none of for arrays

// long is a life that outlasts the suite.
const long = time.Hour

// swap calls the store, whose engine is well.
func (t *storeTest) swap(key core.Key, old, next core.Value, ttl time.Duration) core.Value {
	t.Helper()
	got, err := t.store.Swap(t.Context(), key, old, next, ttl)
	if err != nil {
		t.Fatalf("Swap returned an error: %v", err)
	}
	return got
}

// mustSwap expects the swap to happen.
func (t *storeTest) mustSwap(key core.Key, old, next core.Value, ttl time.Duration) {
	t.Helper()
	if got := t.swap(key, old, next, ttl); got != next {
		t.Fatalf("Swap(old %s, next %s) on the live value old returned %s, not next", show(old), show(next), show(got))
	}
}

// mustKeep expects the swap not to happen, because live is not old.
func (t *storeTest) mustKeep(key core.Key, live, old, next core.Value) {
	t.Helper()
	if got := t.swap(key, old, next, long); got != live {
		t.Errorf("Swap(old %s, next %s) on the live value %s returned %s, not the live value", show(old), show(next), show(live), show(got))
	}
	if got := t.read(key); got != live {
		t.Errorf("and wrote: the value is %s now", show(got))
	}
}

// read looks without writing: it expects a value that was never there.
func (t *storeTest) read(key core.Key) core.Value {
	t.Helper()
	return t.swap(key, newValue(), newValue(), time.Millisecond)
}

// mustRead expects a live value, or none.
func (t *storeTest) mustRead(key core.Key, want core.Value) {
	t.Helper()
	if got := t.read(key); got != want {
		t.Errorf("the live value is %s, not %s", show(got), show(want))
	}
}

// forgets is what the store says of itself.
func (t *storeTest) forgets() bool {
	f, ok := t.store.(interface{ Forgets() bool })
	return ok && f.Forgets()
}

// limited is a context for calls to an engine that may hang.
func (t *storeTest) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), 2*time.Second)
}

func newKey() core.Key {
	var k core.Key
	_, _ = rand.Read(k[:]) // never fails
	return k
}

// newValue makes a value that never was: as core's are, unique and with a
// replay window that is open.
func newValue() core.Value {
	var v core.Value
	_, _ = rand.Read(v[:])
	binary.BigEndian.PutUint64(v[:], uint64(time.Now().Add(2*long).UnixMilli())) //nolint:forbidigo // the store's time is real
	v[8], v[9] = 1, byte(core.Claimed)<<6
	return v
}
