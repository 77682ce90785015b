package whtest

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// TestSeenStore checks a store against the contract of [core.SeenStore]. Each
// subtest calls open once for a separate store. open may register clean-up with
// t. The stores may share an engine but not records. Records of an earlier run
// do no harm: the suite uses random keys, or overwrites what it finds.
//
// TestSeenStore takes about two seconds, and longer for a store with a coarse
// grain (see [StoreGrain]). Cases that need an option are skipped without it.
// The suite cannot prove that a store never evicts records. Check your engine's
// manual for what happens when it is full.
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

// StoreOption tells [TestSeenStore] what it cannot detect itself, or gives it
// control over the store's engine.
type StoreOption func(*storeOptions)

type storeOptions struct {
	grain     time.Duration
	reopen    func(t testing.TB, s core.SeenStore) core.SeenStore
	stop      func(t testing.TB, s core.SeenStore) (start func())
	breakIt   func(t testing.TB, s core.SeenStore) (repair func())
	loseReply func(t testing.TB, s core.SeenStore)
	forget    func(t testing.TB, s core.SeenStore)
}

// StoreGrain sets how much longer than its ttl a record may live because the
// engine counts in larger units. The default is 20 milliseconds, which allows
// for the scheduler. A record must never expire early.
func StoreGrain(d time.Duration) StoreOption { return func(o *storeOptions) { o.grain = d } }

// StoreReopen makes the suite check that a durable store keeps its records when
// the program restarts. It is for a store that keeps its data itself, in a
// file. reopen closes s and returns another store with the same data. A store
// on a server needs [StoreRestart] instead: another client of a server that
// kept running proves nothing.
func StoreReopen(reopen func(t testing.TB, s core.SeenStore) core.SeenStore) StoreOption {
	return func(o *storeOptions) { o.reopen = reopen }
}

// StoreRestart makes the suite check that a store's server keeps its records
// when it restarts. stop kills the server, as a crash would. The function that
// stop returns restarts the server with the same data. Neither function touches
// s or its client: s must fail while the server is down, and then recover by
// itself.
func StoreRestart(stop func(t testing.TB, s core.SeenStore) (start func())) StoreOption {
	return func(o *storeOptions) { o.stop = stop }
}

// StoreBreak makes the suite check what happens while the engine is down.
// breakIt makes the engine of s fail, for example by stopping it or cutting the
// connection. It returns a function that restores the engine with its data.
func StoreBreak(breakIt func(t testing.TB, s core.SeenStore) (repair func())) StoreOption {
	return func(o *storeOptions) { o.breakIt = breakIt }
}

// StoreLoseReply makes the suite check a swap that succeeds although its reply
// is lost. lose makes the next call to s lose its reply. For example, a proxy
// forwards the request to the engine, then closes the connection. A store with
// this option has a server, so it needs [StoreRestart] instead of
// [StoreReopen].
func StoreLoseReply(lose func(t testing.TB, s core.SeenStore)) StoreOption {
	return func(o *storeOptions) { o.loseReply = lose }
}

// StoreForget makes the suite check that a store with the method KnownSince
// detects the loss of its records. forget removes everything that the engine
// keeps for s, without calling s: for example with FLUSHALL or TRUNCATE, or by
// replacing the file.
func StoreForget(forget func(t testing.TB, s core.SeenStore)) StoreOption {
	return func(o *storeOptions) { o.forget = forget }
}

// storeCase is one rule of the contract.
type storeCase struct {
	name string
	// explanation is printed if the case fails: the rule, what breaks without
	// it, and how stores break it.
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

// none is the Value that a store returns if there is no record.
var none core.Value //nolint:gochecknoglobals // a constant, but Go has no constant arrays

// long is a ttl that outlasts the suite.
const long = time.Hour

// swap calls the store, whose engine must be up.
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
		t.Errorf("the refused Swap wrote: the value is now %s", show(got))
	}
}

// read returns the live value without writing: its old value was never written.
func (t *storeTest) read(key core.Key) core.Value {
	t.Helper()
	return t.swap(key, newValue(), newValue(), time.Millisecond)
}

// mustRead expects the live value want.
func (t *storeTest) mustRead(key core.Key, want core.Value) {
	t.Helper()
	if got := t.read(key); got != want {
		t.Errorf("the live value is %s, not %s", show(got), show(want))
	}
}

// forgets reports whether the store has a method Forgets that returns true.
func (t *storeTest) forgets() bool {
	f, ok := t.store.(interface{ Forgets() bool })
	return ok && f.Forgets()
}

// limited returns a context for calls to an engine that may hang.
func (t *storeTest) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), 2*time.Second)
}

func newKey() core.Key {
	var k core.Key
	_, _ = rand.Read(k[:]) // never fails
	return k
}

// newValue returns a value that was never used. Like core's values it is
// unique, and its replay window is open.
func newValue() core.Value {
	var v core.Value
	_, _ = rand.Read(v[:])
	binary.BigEndian.PutUint64(v[:], uint64(time.Now().Add(2*long).UnixMilli())) //nolint:forbidigo // the store's time is real
	v[8], v[9] = 1, byte(core.Claimed)<<6
	return v
}
