package whtest

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookonce/hookonce/core"
)

func storeCases() []storeCase {
	return []storeCase{
		{
			"one winner",
			"of concurrent swaps from no record, exactly one happens, and every other one returns the winner's value. Otherwise a message that arrives " +
				"twice at once is handled twice. Reading and writing must be one atomic step of the engine: a script, a conditional statement, or a " +
				"lock around both.",
			oneWinner,
		},
		{
			"one takeover",
			"of concurrent swaps from the same value, exactly one happens. Otherwise two attempts take over the message after a crash. A store that can " +
				"only set absent values is not enough: it must replace a live value that equals old.",
			oneTakeover,
		},
		{
			"fencing",
			"a swap whose old is no longer the live value writes nothing and returns the live value. Otherwise a handler that overran its lease " +
				"overwrites the claim of the attempt that took over the message. Compare old in the statement that writes.",
			fencing,
		},
		{
			"all bytes are compared",
			"all 40 bytes of old are compared. Values that share a token, or a prefix, are different records of one message: its claim " +
				"and its release have the same token.",
			allBytesCompared,
		},
		{
			"idempotence",
			"a repeated call returns next while its value is live. Clients repeat calls whose reply was lost. If the repeated claim seemed to have " +
				"lost, nobody would handle the message. Return next if the live value already equals next, before comparing old.",
			idempotence,
		},
		{
			"no write where the expected record is gone",
			"a swap from one value to another does nothing if there is no record, and returns the zero Value. Otherwise a late handler restores an " +
				"expired record. Use an upsert only if old is zero.",
			noWriteWhereGone,
		},
		{
			"values come back unchanged",
			"all 40 bytes come back as they were written, whatever they are. Text columns, C strings, trimming and signed numbers change bytes. Store a " +
				"Value as bytes of a fixed length.",
			fidelity,
		},
		{
			"any 32 bytes are a key",
			"keys that differ in any bit are different messages. If a key is shortened, ends at a NUL byte or is compared without case, two messages " +
				"are merged, and the second is acknowledged unseen. Store the whole Key, as bytes or in hexadecimal.",
			anyKey,
		},
		{
			"a record lives for its ttl",
			"a record lives for ttl after the call, and is gone after ttl plus the grain. If it goes earlier, a captured attempt can be replayed. If it " +
				"goes later, the store fills up. Round up to the engine's unit. If the engine removes records lazily, compare the expiry when reading.",
			livesForTTL,
		},
		{
			"a swap lengthens the life",
			"a swap that happens sets a new life, counted from the swap. Otherwise the record of a handled message is lost when its claim would have " +
				"expired. Set the expiry in the statement that replaces the value.",
			lengthens,
		},
		{
			"a swap shortens the life",
			"a swap that happens sets a new life, even a shorter one: do not keep the later of the two ends.",
			shortens,
		},
		{
			"a swap that does not happen leaves the life alone",
			"only a swap that happens changes the expiry. Otherwise repeated attempts keep a record alive, or end it.",
			loserLeavesLife,
		},
		{
			"an expired record matches nothing",
			"an expired record does not exist, even if the engine still has it. A swap from its value does nothing and returns the zero Value, and a " +
				"swap from no record happens.",
			expiredMatchesNothing,
		},
		{
			"a long ttl does not overflow",
			"ttl may be ten years, and the record must exist after the swap. Check the arithmetic of the expiry.",
			longTTL,
		},
		{
			"no record is lost among many",
			"a live record is never dropped to make room. In a cache that evicts (LRU, Redis with allkeys-lru, memcached), messages whose records were " +
				"dropped are new again. A full store returns an error that wraps core.ErrStoreFull.",
			manyRecords,
		},
		{
			"linearizable",
			"concurrent swaps of one key behave as if they happened one after the other, each between its call and its return. A replica or a cache " +
				"that returns old values breaks this. So does a read before the write and outside its transaction.",
			linearizable,
		},
		{
			"a context that ended is an error",
			"a call whose context has ended returns its error (errors.Is finds context.Canceled or DeadlineExceeded) and does not write. Pass ctx to " +
				"the client. A store without I/O checks ctx.Err() first.",
			endedContext,
		},
		{
			"a lost reply",
			"if the reply to a swap is lost, the store returns an error, or repeats the swap and returns next. A repeated call returns next. It never " +
				"returns a nil error with another value.",
			lostReply,
		},
		{
			"engine down and back",
			"while the engine fails, Swap returns an error within its context's deadline. It never returns the zero Value with a nil error, which would " +
				"mean that the message is new. When the engine is back, the store recovers by itself, with the records that it had.",
			downAndBack,
		},
		{
			"opened again on the same data",
			"a store that keeps its data itself, and has no Forgets() that returns true, keeps its records and their expiry when the program restarts.",
			openedAgain,
		},
		{
			"restart on the same data",
			"a store on a server, without a Forgets() that returns true, keeps its records and their expiry when the server restarts. A server that " +
				"keeps records only in memory loses all of them when it restarts.",
			restart,
		},
		{
			"records that are gone",
			"if records are gone, a store with the method KnownSince must return a later time before it returns from the swap that notices the loss. " +
				"The zero time means only that the store has never looked. Otherwise messages that were handled before the loss are handled again. Keep " +
				"a marker beside the records that is lost with them. Read it in the step that claims, at least every ten milliseconds and after errors.",
			recordsGone,
		},
		{
			"the whole protocol",
			"a verifier on this store handles a message, handles it again after a failure, acknowledges its redelivery and refuses its replay. If only " +
				"this case fails, the store may refuse core's values or respond too slowly.",
			wholeProtocol,
		},
	}
}

// race calls the store from n callers at once, each with a different value.
// Exactly one must win, and all must see the winner's value.
func (t *storeTest) race(n int, key core.Key, old core.Value) {
	t.Helper()
	type result struct{ next, got core.Value }
	results := make([]result, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() {
			next := newValue()
			<-start
			got, err := t.store.Swap(t.Context(), key, old, next, long)
			if err != nil {
				t.Errorf("Swap returned an error: %v", err)
			}
			results[i] = result{next, got}
		})
	}
	close(start)
	wg.Wait()
	winners, winner := 0, none
	for _, r := range results {
		if r.got == r.next {
			winners, winner = winners+1, r.next
		}
	}
	if winners != 1 {
		t.Fatalf("%d of %d concurrent swaps from %s happened, want 1", winners, n, show(old))
	}
	for _, r := range results {
		if r.got != winner {
			t.Fatalf("a swap that lost returned %s, not the winner's value %s", show(r.got), show(winner))
		}
	}
	t.mustRead(key, winner)
}

func oneWinner(t *storeTest) {
	for range 50 {
		t.race(32, newKey(), none)
	}
}

func oneTakeover(t *storeTest) {
	for range 20 {
		key, old := newKey(), newValue()
		t.mustSwap(key, none, old, long)
		t.race(32, key, old)
	}
}

func fencing(t *storeTest) {
	key, first, second := newKey(), newValue(), newValue()
	t.mustSwap(key, none, first, long)
	t.mustSwap(key, first, second, long)
	t.mustKeep(key, second, first, newValue())
	t.mustKeep(key, second, none, newValue())
	t.mustKeep(key, second, newValue(), newValue())
}

func allBytesCompared(t *storeTest) {
	key, live := newKey(), newValue()
	t.mustSwap(key, none, live, long)
	for i := range live {
		almost := live
		almost[i] ^= 1
		t.mustKeep(key, live, almost, newValue())
		if t.Failed() {
			t.Fatalf("old differed from the live value in byte %d only", i)
		}
	}
	// As in a release: next has the token of old.
	released := live
	released[9] = byte(core.Released) << 6
	t.mustSwap(key, live, released, long)
	t.mustKeep(key, released, live, newValue())
	// A value that only looks like next must not count as a repeated call.
	t.mustKeep(key, released, none, live)
}

func idempotence(t *storeTest) {
	key, old := newKey(), none
	for _, next := range []core.Value{newValue(), newValue(), newValue()} {
		for range 3 {
			t.mustSwap(key, old, next, long)
			t.mustRead(key, next)
		}
		old = next
	}
}

func noWriteWhereGone(t *storeTest) {
	key := newKey()
	t.mustKeep(key, none, newValue(), newValue())
	t.mustSwap(key, none, newValue(), long) // and the key is not spoiled
}

func fidelity(t *storeTest) {
	fill := func(b byte) core.Value { return core.Value(bytes.Repeat([]byte{b}, len(core.Value{}))) }
	values := []core.Value{
		fill(0xff), fill(0x80), fill(0x7f), fill(' '), fill('\n'), fill('\''), fill('\\'), fill('%'), fill('0'), fill(1),
		{0: 1},
		{39: 1},
		{20: 0xff},
		{0: 0x80},
		{0: 0x7f},
		{7: 1, 8: 1, 9: byte(core.Done) << 6},
		{38: ' ', 39: ' '},
		core.Value([]byte("\xff\xfe\x00\x00\xc3\x28 text \x00 after NUL \x1a\r\n\t\"'`;--\x00\x00\x00\x00\x00\x00")),
	}
	for range 16 {
		var v core.Value
		k, l := newKey(), newKey()
		copy(v[copy(v[:], k[:]):], l[:])
		values = append(values, v)
	}
	for _, v := range values {
		key, next := newKey(), newValue()
		t.mustSwap(key, none, v, long)
		t.mustRead(key, v)
		t.mustSwap(key, v, next, long)
		t.mustSwap(key, next, v, long)
		t.mustRead(key, v)
	}
}

func anyKey(t *storeTest) {
	base := newKey()
	base[5], base[15], base[31] = 'a', 'a', 'a' // so that there is a letter in both cases, and never a NUL
	keys := []core.Key{base}
	for i := range 256 { // every bit
		k := base
		k[i/8] ^= 1 << (i % 8)
		keys = append(keys, k)
	}
	// NUL from each position on. Such keys are equal as C strings, or if trailing zeros are
	// trimmed.
	for i := range base {
		k := base
		clear(k[i:])
		keys = append(keys, k)
		k[31] = 'b'
		keys = append(keys, k)
	}
	for _, end := range []string{" ", "  ", "\n", "\xff", "\xff\xff"} {
		k := base
		copy(k[32-len(end):], end)
		keys = append(keys, k)
	}
	keys = append(keys, core.Key(bytes.Repeat([]byte{0xff}, 32)))

	values := make(map[core.Key]core.Value, len(keys))
	written := make(map[core.Value]bool, len(keys))
	for _, k := range keys {
		if _, twice := values[k]; twice {
			continue
		}
		next := newValue()
		got := t.swap(k, none, next, long)
		if got != next && !written[got] { // all zeros and all ones are not random keys: an earlier run may have left them
			got = t.swap(k, got, next, long)
		}
		if got != next {
			t.Fatalf("the new key %x has the record of another key", k)
		}
		values[k], written[next] = next, true
	}
	for k, v := range values {
		if got := t.read(k); got != v {
			t.Fatalf("the key %x lost its record to another key", k)
		}
	}
}

// ttls of the ttl cases: long enough to sample, short enough to wait for.
const (
	shortLife = 150 * time.Millisecond
	sample    = 5 * time.Millisecond
	slack     = 20 * time.Millisecond
	patience  = 5 * time.Second // with a busy machine
)

func now() time.Time { return time.Now() } //nolint:forbidigo // a store's ttl is real time

// mustLive samples until the record must be gone. A sample proves that the
// record ended early if the reply came before the ttl since the swap was
// called. It proves that the record ended late if the sample began after the
// ttl since the swap returned.
func (t *storeTest) mustLive(key core.Key, value core.Value, ttl time.Duration, called, returned time.Time) {
	t.Helper()
	seen := 0
	for {
		asked := now()
		got := t.read(key)
		answered := now()
		switch {
		case got != value && got != none:
			t.Fatalf("the live value is %s, not %s", show(got), show(value))
		case got == none && answered.Before(called.Add(ttl)):
			t.Fatalf("the record was gone after %v, although its ttl is %v", answered.Sub(called), ttl)
		case got == value && asked.After(returned.Add(ttl+max(t.grain, slack))):
			t.Fatalf("the record is still there after %v, although its ttl is %v and the grain is %v", asked.Sub(returned), ttl, max(t.grain, slack))
		case got == value:
			seen++
		case asked.After(returned.Add(ttl + max(t.grain, slack))):
			return
		}
		time.Sleep(sample)
	}
}

func livesForTTL(t *storeTest) {
	for _, ttl := range []time.Duration{shortLife, shortLife + 1500*time.Microsecond, 1501 * time.Microsecond, time.Millisecond} {
		key, value := newKey(), newValue()
		called := now()
		t.mustSwap(key, none, value, ttl)
		t.mustLive(key, value, ttl, called, now())
	}
}

func lengthens(t *storeTest) {
	for life := 2*shortLife + t.grain; ; life *= 4 { // a busy machine may be late for the second swap
		key, first, second := newKey(), newValue(), newValue()
		called := now()
		t.mustSwap(key, none, first, life)
		again := now()
		if got := t.swap(key, first, second, 2*life); got == second {
			t.mustLive(key, second, 2*life, again, now())
			return
		} else if now().Before(called.Add(life)) || life > patience {
			t.Fatalf("the swap that lengthens a life returned %s, not the new value", show(got))
		}
	}
}

func shortens(t *storeTest) {
	key, first, second := newKey(), newValue(), newValue()
	t.mustSwap(key, none, first, long)
	called := now()
	t.mustSwap(key, first, second, shortLife)
	t.mustLive(key, second, shortLife, called, now())
}

func loserLeavesLife(t *storeTest) {
	key, value := newKey(), newValue()
	called := now()
	t.mustSwap(key, none, value, shortLife)
	returned := now()
	for _, ttl := range []time.Duration{time.Millisecond, long} {
		if got := t.swap(key, none, newValue(), ttl); got != value && now().Before(called.Add(shortLife)) {
			t.Fatalf("a second claim returned %s, not the live value", show(got))
		}
		if now().After(called.Add(shortLife)) {
			return // the machine is too slow for a verdict
		}
	}
	t.mustLive(key, value, shortLife, called, returned)
}

func expiredMatchesNothing(t *storeTest) {
	key, value, other := newKey(), newValue(), newKey()
	t.mustSwap(key, none, value, time.Millisecond)
	t.mustSwap(other, none, value, time.Millisecond)
	time.Sleep(time.Millisecond + max(t.grain, slack))
	next := newValue()
	if got := t.swap(key, value, next, long); got != none {
		t.Errorf("a swap from an expired value returned %s, not the zero Value", show(got))
	}
	t.mustRead(key, none)
	if got := t.swap(other, none, next, long); got != next {
		t.Errorf("a swap from no record, over an expired one, returned %s, not next", show(got))
	}
	t.mustRead(other, next)
}

func longTTL(t *storeTest) {
	for _, ttl := range []time.Duration{25 * time.Hour, 30 * 24 * time.Hour, 10 * 365 * 24 * time.Hour} {
		key, value := newKey(), newValue()
		t.mustSwap(key, none, value, ttl)
		t.mustRead(key, value)
	}
}

func manyRecords(t *storeTest) {
	const callers, each = 16, 250
	keys := make([][each]core.Key, callers)
	values := make([][each]core.Value, callers)
	// visit calls the store for all records. Each caller has its own records.
	visit := func(call func(key core.Key, value *core.Value) error) {
		t.Helper()
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				for j := range each {
					if err := call(keys[i][j], &values[i][j]); err != nil {
						t.Errorf("Swap returned an error: %v", err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	for i := range callers {
		for j := range each {
			keys[i][j] = newKey()
		}
	}
	var lost atomic.Int64
	visit(func(key core.Key, value *core.Value) error {
		*value = newValue()
		got, err := t.store.Swap(t.Context(), key, none, *value, long)
		if got != *value {
			lost.Add(1)
		}
		return err
	})
	visit(func(key core.Key, value *core.Value) error {
		got, err := t.store.Swap(t.Context(), key, newValue(), newValue(), long)
		if got != *value {
			lost.Add(1)
		}
		return err
	})
	if n := lost.Load(); n > 0 {
		t.Errorf("%d of %d live records were lost", n, callers*each)
	}
}

// storeOp is one call in the history of a key.
type storeOp struct {
	called, returned time.Time
	old, next, got   core.Value
}

func (o *storeOp) happened() bool { return o.got == o.next }

func linearizable(t *storeTest) {
	const keys, callers, each = 3, 8, 100
	for range keys {
		key := newKey()
		histories := make([][]storeOp, callers)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range histories {
			wg.Go(func() {
				var seen core.Value
				<-start
				for range each {
					op := storeOp{old: seen, next: newValue(), called: now()}
					var err error
					op.got, err = t.store.Swap(t.Context(), key, op.old, op.next, long)
					op.returned = now()
					if err != nil {
						t.Errorf("Swap returned an error: %v", err)
						return
					}
					histories[i] = append(histories[i], op)
					seen = op.got
					runtime.Gosched() // or a quick store would serve one caller after the other
				}
			})
		}
		close(start)
		wg.Wait()
		var history []storeOp
		for _, h := range histories {
			history = append(history, h...)
		}
		if fault := checkHistory(history); fault != "" {
			t.Fatalf("%d concurrent callers of one key: %s", callers, fault)
		}
	}
}

// checkHistory returns what is wrong with the history of a key, or "" if
// nothing is. Each value is written by one call only, so the successful swaps
// must form one chain that begins with no record. Each reply is a place in that
// chain. The places must not go back between a call that returned and one that
// began later. Linearizability requires no more here.
func checkHistory(history []storeOp) string {
	after := make(map[core.Value]core.Value)
	for i := range history {
		switch op := &history[i]; {
		case !op.happened():
		case after[op.old] != none:
			return "two swaps from the same value " + show(op.old) + " happened"
		default:
			after[op.old] = op.next
		}
	}
	place := map[core.Value]int{none: 0}
	for v := after[none]; v != none; v = after[v] {
		place[v] = len(place)
	}
	if len(place) != len(after)+1 {
		return "a swap happened from a value that was never live"
	}
	for i := range history {
		b := &history[i]
		at, known := place[b.got]
		if !known {
			return "a call returned a value that no swap wrote: " + show(b.got)
		}
		if !b.happened() && b.got == b.old {
			return "a swap from the live value did not happen: " + show(b.old)
		}
		for j := range history {
			a := &history[j]
			if !a.returned.Before(b.called) {
				continue
			}
			if before := place[a.got]; before > at {
				return "a call returned a value that was older than one that an earlier call had returned: " + show(b.got)
			} else if before == at && b.happened() {
				return "a call returned a value before it was written: " + show(b.got)
			}
		}
	}
	return ""
}

func endedContext(t *storeTest) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), now().Add(-time.Second))
	defer cancel()
	for _, ctx := range []context.Context{cancelled, late} {
		key, live := newKey(), newValue()
		t.mustSwap(key, none, live, long)
		fresh := newKey()
		for _, call := range []struct {
			key core.Key
			old core.Value
		}{{fresh, none}, {key, live}} {
			if _, err := t.store.Swap(ctx, call.key, call.old, newValue(), long); !errors.Is(err, ctx.Err()) {
				t.Errorf("Swap with an ended context (%v) returned the error %v", ctx.Err(), err)
			}
		}
		t.mustRead(fresh, none)
		t.mustRead(key, live)
	}
}

func lostReply(t *storeTest) {
	if t.loseReply == nil {
		t.Skip("needs the option StoreLoseReply")
	}
	key, old := newKey(), none
	for range 2 { // a claim, then a change
		next := newValue()
		t.loseReply(t, t.store)
		ctx, cancel := t.limited()
		got, err := t.store.Swap(ctx, key, old, next, long)
		cancel()
		if err == nil && got != next {
			t.Errorf("the swap whose reply was lost returned %s and no error", show(got))
		}
		t.mustSwap(key, old, next, long)
		t.mustKeep(key, next, old, newValue())
		old = next
	}
}

func downAndBack(t *storeTest) {
	if t.breakIt == nil {
		t.Skip("needs the option StoreBreak")
	}
	key, value := newKey(), newValue()
	t.mustSwap(key, none, value, long)
	repair := t.breakIt(t, t.store)
	t.mustBeDown(key, value)
	repair()
	t.mustComeBack()
	if got := t.read(key); got != value && (got != none || !t.forgets()) {
		t.Errorf("after the engine came back the record is %s, not %s", show(got), show(value))
	}
	fresh := newKey()
	t.mustSwap(fresh, none, value, long)
}

// mustBeDown expects each call to fail in time: a claim, and a change of an
// existing record.
func (t *storeTest) mustBeDown(key core.Key, value core.Value) {
	t.Helper()
	for _, call := range []struct {
		key core.Key
		old core.Value
	}{{key, none}, {key, value}, {newKey(), none}} {
		called := now()
		ctx, cancel := t.limited()
		got, err := t.store.Swap(ctx, call.key, call.old, newValue(), long)
		cancel()
		if err == nil {
			t.Errorf("with the engine down Swap returned %s and no error", show(got))
		}
		if took := now().Sub(called); took > 2*time.Second+patience {
			t.Errorf("with the engine down Swap took %v under a deadline of 2 s", took)
		}
	}
}

// mustComeBack waits until the store works again.
func (t *storeTest) mustComeBack() {
	t.Helper()
	var err error
	for until := now().Add(20 * time.Second); now().Before(until); time.Sleep(10 * sample) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, err = t.store.Swap(ctx, newKey(), newValue(), newValue(), time.Millisecond)
		cancel()
		if err == nil {
			return
		}
	}
	t.Fatalf("20 s after the engine came back: %v", err)
}

func openedAgain(t *storeTest) {
	switch {
	case t.forgets():
		t.Skip("the store says that it loses its records at a restart")
	case t.reopen == nil:
		t.Skip("needs the option StoreReopen, for a store that holds its data itself")
	}
	t.survives(func(core.Key, core.Value) { t.store = t.reopen(t, t.store) })
}

func restart(t *storeTest) {
	switch {
	case t.forgets():
		t.Skip("the store says that it loses its records at a restart")
	case t.stop == nil && t.reopen != nil && t.loseReply != nil:
		t.Fatal("a store whose replies can be lost has a server, so another client of the server proves nothing: use StoreRestart")
	case t.stop == nil:
		t.Skip("needs the option StoreRestart, for a store on a server")
	}
	t.survives(func(kept core.Key, value core.Value) {
		start := t.stop(t, t.store)
		t.mustBeDown(kept, value)
		start()
		t.mustComeBack()
	})
}

// survives checks that records and their expiry survive a reopening or restart.
// again reopens or restarts, and gets one of the records.
func (t *storeTest) survives(again func(kept core.Key, value core.Value)) {
	t.Helper()
	kept, value := newKey(), newValue()
	t.mustSwap(kept, none, value, long)
	brief := newKey()
	called := now()
	ttl := 2*shortLife + t.grain
	t.mustSwap(brief, none, value, ttl)
	returned := now()
	again(kept, value)
	t.mustRead(kept, value)
	t.mustSwap(kept, value, newValue(), long)
	t.mustLive(brief, value, ttl, called, returned)
}

func recordsGone(t *storeTest) {
	k, ok := t.store.(interface{ KnownSince() time.Time })
	if !ok {
		t.Skip("the store has no method KnownSince")
	}
	key := newKey()
	t.mustSwap(key, none, newValue(), long)
	since := k.KnownSince()
	if since.IsZero() || since.After(now()) {
		t.Fatalf("after the first swap of a new store KnownSince is %v", since)
	}
	t.mustSwap(newKey(), none, newValue(), long)
	if got := k.KnownSince(); !got.Equal(since) {
		t.Fatalf("KnownSince changed from %v to %v, although nothing was lost", since, got)
	}
	if t.forget == nil {
		t.Skip("needs the option StoreForget")
	}
	for range 2 {
		t.forget(t, t.store)
		lost := now()
		time.Sleep(slack) // the store may still rely on an earlier check
		t.mustSwap(key, none, newValue(), long)
		if got := k.KnownSince(); got.Before(lost) || !got.After(since) {
			t.Fatalf("the records were lost by %v, but after a swap that found none KnownSince is %v", lost, got)
		}
		since = k.KnownSince()
		t.mustSwap(newKey(), none, newValue(), long)
		if got := k.KnownSince(); !got.Equal(since) {
			t.Fatalf("KnownSince changed from %v to %v, although nothing more was lost", since, got)
		}
	}
}

// wholeBody is a body that is already in memory.
type wholeBody []byte

// ReadBody implements [core.BodyReader].
func (b wholeBody) ReadBody(int64, time.Duration) ([]byte, error) { return b, nil }

func wholeProtocol(t *storeTest) {
	secret := core.GenerateSecret()
	v, err := core.New(core.Secrets(secret), t.store, nil)
	if err != nil {
		t.Fatalf("core.New on a new store: %v", err)
	}
	signer, err := core.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	id, start := core.NewID(), now()
	// attempt sends the message with a timestamp this many seconds after the start.
	attempt := func(stamp int) *core.Delivery {
		t.Helper()
		h := make(http.Header)
		body := wholeBody("{}")
		if err := signer.Sign(h, id, start.Add(time.Duration(stamp)*time.Second), body); err != nil {
			t.Fatal(err)
		}
		return v.Admit(t.Context(), &core.Request{Method: http.MethodPost, URL: "/hook", Header: h}, body)
	}
	admitted := func(what string, stamp int) *core.Delivery {
		t.Helper()
		d := attempt(stamp)
		if d.Err() != nil {
			t.Fatalf("%s was not admitted: %v", what, d.Err())
		}
		return d
	}
	refused := func(what string, stamp int, want core.Reason) {
		t.Helper()
		if d := attempt(stamp); d.Err() == nil || d.Err().Reason != want {
			t.Fatalf("%s: got %v, want %s", what, d.Err(), want)
		}
	}
	first := admitted("the first attempt", 0)
	refused("an attempt while the first runs", 1, core.ErrInFlight)
	first.Settle(http.StatusInternalServerError)
	again := admitted("the first attempt again, after a failure", 0)
	refused("an attempt while it runs", 0, core.ErrInFlight)
	again.Settle(http.StatusNoContent)
	refused("the attempt that was handled", 0, core.ErrReplay)
	refused("a newer attempt of the handled message", 2, core.ErrRedelivery)
	refused("the acknowledged attempt", 2, core.ErrReplay)
	refused("an attempt between", 1, core.ErrReplay)
	if got := attempt(3).Answer(); got == nil || got.Status != http.StatusNoContent {
		t.Errorf("a redelivery got the response %+v, not the status of the first success", got)
	}
}

// show shortens a value for messages to its first and last bytes.
func show(v core.Value) string {
	if v == none {
		return "none"
	}
	return hex.EncodeToString(v[:10]) + "…" + hex.EncodeToString(v[34:])
}
