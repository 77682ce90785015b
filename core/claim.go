package core

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync/atomic"
	"time"
)

// The claim protocol decides for which attempt of a message the handler runs. A Standard Webhooks
// sender uses one id for all attempts of a message and signs each attempt with a new timestamp. So
// the timestamp distinguishes a sender's retry from an attacker's replay, and one high-water mark
// per id is enough:
//
//	live record           newer than its mark      same or older
//	none                  run                      –
//	claimed, leased       in flight                in flight
//	claimed, lease over   run                      in flight
//	released              run                      run, at most reruns times, then in flight
//	done                  redelivery               same: replay; older: acknowledged, observed as replay
//
// If attempts have no timestamp of their own, a retry and a replay are the same bytes. Then the
// handler may run again for a message that is not done, and an attempt of a done message is a
// redelivery. There are exceptions for a done message that arrives with another content or at
// another address, and for a sender that needs the response: see protocol.handled.
//
// identity.go defines what a message is. It also describes the two side records that bound what
// unsigned ids can do.

// verdict is the decision of the protocol about an attempt.
type verdict uint8

const (
	run verdict = iota + 1
	inFlight
	redelivery
	replaySame
	replayOlder
	answered  // done, and the sender needs the response, which is not kept
	repeated  // the signed content was handled too many times under other unsigned ids
	reused    // done, but with another signed content under this id
	elsewhere // done, at another address
	unsure    // done, but an equal message may be another event
)

// protocol makes decisions about records. It does no I/O and reads no clock.
// All times are Unix milliseconds.
type protocol struct {
	past, future, skew, remember int64
	lease                        int64 // of a claim; renewed while the handler runs, up to hold
	hold                         int64 // how long an attempt may be handled: Config.Lease
	visit                        int64 // the maximum time of a claim's call to the store
	reruns                       uint8
	repeats                      uint32
	eachAttempt                  bool // each attempt has its own timestamp
}

// margin is how much longer a record must live than the tolerance requires. It
// allows for clock skew in both directions, between the node that admits the
// message and the node that gets the replay. It adds a second, because
// timestamps are whole seconds. It also adds the time between the tolerance
// check and the claim.
func (p *protocol) margin() int64 {
	return 2*p.skew + 1000 + p.visit
}

// window returns the time until which any node would accept an attempt with
// this timestamp. A timestamp may be in the future, so the window does not
// start at arrival. Messages without a timestamp are protected as long as they
// are remembered.
func (p *protocol) window(stamp, now int64) int64 {
	if stamp == 0 {
		return now + p.remember
	}
	return stamp + p.past + p.margin()
}

// claimWindow is window for a message that is not handled yet. A message
// without a timestamp may be handled again in any case. So its record only
// protects the lease, unless the record says that the message was counted.
func (p *protocol) claimWindow(id *identity, stamp, now int64) int64 {
	if stamp == 0 && !id.counts(p) {
		return now + p.hold + 2*p.skew
	}
	return p.window(stamp, now)
}

// decide returns the verdict on an attempt of a message whose record is old,
// and sets next to the record to write. next differs from old only if the
// verdict is run or redelivery.
func (p *protocol) decide(old, next *record, id *identity, stamp, now int64, token [8]byte) verdict {
	newer := stamp > old.mark || old.state == 0
	*next = *old
	switch old.state {
	case Claimed:
		over := now >= old.leaseEnd+2*p.skew
		if !over || (p.eachAttempt && !newer) {
			return inFlight
		}
	case Released:
		if p.eachAttempt && !newer {
			if old.reruns >= p.reruns {
				return inFlight
			}
			next.reruns++
		}
	case Done:
		if v := p.handled(old, id, stamp); v != redelivery && v != run {
			return v
		} else if v == redelivery {
			next.mark = max(old.mark, stamp)
			next.windowEnd = max(old.windowEnd, p.window(stamp, now))
			next.token = token
			return redelivery
		}
		next.status = uncounted
	case Spent, Counted:
		return repeated // the content was handled with unsigned ids, and now arrives without them
	default:
		if id.counts(p) {
			next.status = uncounted
		}
	}
	next.state = Claimed
	next.generation = max(old.generation+1, uint32(max(now, 0)/1000)) //nolint:gosec // Unix seconds fit until 2106
	next.mark = max(old.mark, stamp)
	next.leaseEnd = now + p.lease
	next.windowEnd = max(old.windowEnd, p.claimWindow(id, stamp, now))
	next.print = id.print
	next.token = token
	return run
}

// handled returns the verdict on an attempt of a handled message. The verdict
// is run only if the sender needs the response and the content is counted.
func (p *protocol) handled(old *record, id *identity, stamp int64) verdict {
	switch {
	case differ(old.print.content, id.print.content):
		return reused
	case differ(old.print.endpoint, id.print.endpoint):
		return elsewhere
	case p.eachAttempt && stamp == old.mark:
		return replaySame
	case id.reply && id.counts(p):
		return run
	case id.reply:
		return answered
	case id.unsure:
		return unsure
	case p.eachAttempt && stamp < old.mark:
		return replayOlder
	default:
		return redelivery
	}
}

// counts reports whether messages with this content are counted, spends whether
// each attempt belongs to one message only.
func (id *identity) counts(p *protocol) bool { return id.content != Key{} && !p.eachAttempt }
func (id *identity) spends(p *protocol) bool { return id.content != Key{} && p.eachAttempt }

// spend returns the record that assigns an attempt to a message. All calls for
// that message and attempt return the same record. The store needs the record
// as long as the attempt could be accepted.
func (p *protocol) spend(message *Key, stamp, now int64) record {
	name := nameOf(message)
	return record{state: Spent, windowEnd: p.window(stamp, now), mark: name[0], leaseEnd: name[1]}
}

// count adds a message to the record of its content. ok is false if that
// exceeds the bound. The count expires Config.Remember after its first message.
// So by default a sender that repeats equal bytes daily does not reach the
// bound.
//
// The record names the message that was counted last. If that message was
// claimed and never settled, because its process died, it is not counted again.
// again says that the message was handled before and is handled once more.
func (p *protocol) count(old *record, message *Key, again bool, now int64, token [8]byte) (next record, ok bool) {
	n, name := uint32(0), nameOf(message)
	switch {
	case old.state == 0:
	case old.state == Counted && old.name() == name && !again:
		return *old, true
	case old.state == Counted:
		n = old.generation
	default:
		n = 1 // a message from an older version of the scheme, identified by its content alone
	}
	if n > p.repeats {
		return *old, false
	}
	next = record{state: Counted, generation: n + 1, windowEnd: now + p.remember, mark: name[0], leaseEnd: name[1], token: token}
	if old.state == Counted {
		next.windowEnd = old.windowEnd
	}
	return next, true
}

// commit returns the record of a handled message. Attempts that were refused as
// in flight meanwhile may have timestamps up to now + future, and did not raise
// the mark. So the window must cover those timestamps too.
func (p *protocol) commit(claimed record, status int, now int64) record {
	claimed.state = Done
	claimed.status = uint16(status) //nolint:gosec // a status is three digits
	switch {
	case claimed.mark == 0:
		claimed.windowEnd = max(claimed.windowEnd, p.window(0, now))
	case p.eachAttempt:
		claimed.windowEnd = max(claimed.windowEnd, now+p.past+p.future+2*p.margin())
	}
	return claimed
}

// history is what the record of a message said before this admission.
type history struct {
	repeats uint16 // how many messages had the same content before it
	done    uint16 // the status of its success, or zero if it was not handled
}

// release returns the record of a message whose handler failed: a tombstone
// that keeps mark and counts. A message that was handled before, and handled
// again only for the content of its response, stays handled.
func (p *protocol) release(claimed record, past history) record {
	claimed.state, claimed.status = Released, past.repeats
	if past.done != 0 {
		claimed.state, claimed.status = Done, past.done
	}
	return claimed
}

// life returns how long the store must keep a record: at least to the end of
// its replay window. A claim must outlive its lease, and a handled message must
// live for Config.Remember.
func (p *protocol) life(r *record, now int64) time.Duration {
	ms := max(r.windowEnd-now, 1)
	switch r.state {
	case Claimed:
		ms = max(ms, p.lastEnd(r)+2*p.skew-now)
	case Done:
		ms = max(ms, p.remember)
	case Released, Spent, Counted: // they expire with their window
	}
	return time.Duration(ms) * time.Millisecond
}

// claims runs the protocol over a store.
type claims struct {
	protocol

	store   SeenStore
	since   func() time.Time       // since when the store has all records; nil if the store cannot detect a loss
	learned atomic.Pointer[moment] // the last result of since, by both clocks, converted when it was new
	clock   clock
	timeout time.Duration // for all store calls of one operation together
	running *running
}

// claim is one admission: its record and the key of that record.
type claim struct {
	key Key
	rec record
}

// newToken returns a token, which must be unique but not secret, so math/rand
// is enough.
func newToken() (token [8]byte) {
	binary.NativeEndian.PutUint64(token[:], mathrand.Uint64()) //nolint:gosec // see above
	return token
}

// contended bounds the swaps of one call. For each swap that fails, another
// attempt of the same message wins.
const contended = 16

// cold reports whether the timestamp of an attempt is from before the first
// record of the store. The store uses the system's clock, but timestamps are
// compared with the configured clock. cold compares whole seconds: timestamps
// have no finer resolution, and a new program should accept messages at once.
func (c *claims) cold(stamp int64, now moment) bool {
	if c.since == nil || stamp == 0 {
		return false
	}
	return stamp < c.knownSince(now).Truncate(time.Second).UnixMilli()
}

// knownSince converts since to the configured clock. If the system's clock is
// corrected, the result moves with it. A configured clock may be set for other
// reasons, mainly in tests, so an earlier conversion is kept.
func (c *claims) knownSince(now moment) time.Time {
	since := c.since()
	switch {
	case since.IsZero():
		return since
	case c.clock.configured == nil:
		return now.at.Add(-now.real.Sub(since))
	}
	if last := c.learned.Load(); last != nil && last.real.Equal(since) {
		return last.at
	}
	learned := &moment{at: now.at.Add(-now.real.Sub(since)), real: since}
	c.learned.Store(learned)
	return learned.at
}

func (c *claims) coldStart() *Error {
	return refuse(ErrColdStart, "the timestamp is earlier than "+c.since().UTC().Format(time.RFC3339)+", and the seen-id store may lack "+
		"records from before that time. Attempts signed at that time or later are accepted. If the store is shared: is it new, or was it emptied, replaced, "+
		"or restarted without persistence?", nil)
}

// claim decides about one attempt and stores the decision. It sets cl to the
// key and record of the admission, or of the record that prevents the
// admission. The store gets the values of ctx, but not its cancellation: after
// a client disconnect, a finished swap is better than one with an unknown
// result. sctx is storage for the context of the store calls, which the store
// may retain.
func (c *claims) claim(ctx context.Context, sctx *lazyContext, id *identity, cl *claim, stamp int64, now moment) (verdict, error) {
	if c.cold(stamp, now) {
		return 0, c.coldStart()
	}
	// Reserve a quarter of the time to undo a claim whose reply was lost.
	sctx.init(ctx, now.real.Add(c.timeout-c.timeout/4))
	defer sctx.finish()
	cl.key = id.message
	if id.spends(&c.protocol) {
		if ok, err := c.spendAttempt(sctx, id, stamp, now.milli()); !ok || err != nil {
			return repeated, err
		}
	}
	var (
		token = newToken()
		old   record
		live  Value // the encoding of old
	)
	for range contended {
		next := &cl.rec
		v := c.decide(&old, next, id, stamp, now.milli(), token)
		if v != run && v != redelivery {
			return v, nil
		}
		if old.state == Claimed {
			if alive, err := c.alive(sctx, &cl.key, &old, now.milli()); alive || err != nil {
				return inFlight, err
			}
		}
		want := next.encode()
		got, err := c.store.Swap(sctx, cl.key, live, want, c.life(next, now.milli()))
		if err != nil {
			if v == run {
				c.undo(ctx, cl.key, live, old, *next, stamp)
			}
			return 0, storeError("claiming the message", err)
		}
		switch {
		case got == want && v == run:
			return c.claimed(ctx, sctx, id, cl, live, &old, stamp, now)
		case got == want:
			id.past.repeats = next.status
			return v, nil
		}
		live, now = got, c.clock.now()
		if old, err = decode(got); err != nil {
			return 0, refuse(ErrStoreUnavailable, "the message could not be claimed", err)
		}
	}
	// So many other attempts won meanwhile that one of them is in flight now.
	return inFlight, nil
}

// claimed completes a claim whose swap succeeded. It gives the claim back if
// the handler must not run, or if it is too late to run it. before is the
// encoding of old, the record that the claim replaced.
func (c *claims) claimed(ctx context.Context, sctx *lazyContext, id *identity, cl *claim, before Value, old *record, stamp int64, now moment) (verdict, error) {
	id.past.repeats = cl.rec.status
	switch {
	case c.cold(stamp, now): // the swap detected that the store lost records
		c.giveBack(ctx, cl, old, Claimed)
		return 0, c.coldStart()
	case cl.rec.status == uncounted:
		if old.state == Done {
			id.past.done = old.status
		}
		if v, err := c.countMessage(ctx, sctx, id, cl, before, old); v != run || err != nil {
			return v, err
		}
	}
	if c.tooLate(&cl.rec) {
		c.undo(ctx, cl.key, before, *old, cl.rec, stamp)
		return 0, refuse(ErrStoreUnavailable, "the claim was about to expire when the seen-id store had responded: the store was slow, or this process was suspended. Shorten Config.StoreTimeout", nil)
	}
	return run, nil
}

// tooLate reports whether the claim is about to expire before the handler runs.
// Unless StoreTimeout is long, the swap cannot have taken that time, so the
// clock is not read.
func (c *claims) tooLate(claimed *record) bool {
	long := c.renews() && c.timeout > time.Duration(c.lease)*time.Millisecond/2
	return long && c.clock.now().milli() >= claimed.leaseEnd-stopBefore.Milliseconds()
}

// spendAttempt assigns the attempt to its message. ok is false if another
// message has the attempt.
func (c *claims) spendAttempt(sctx context.Context, id *identity, stamp, now int64) (ok bool, err error) {
	want := c.spend(&id.message, stamp, now)
	got, err := c.store.Swap(sctx, id.content, Value{}, want.encode(), time.Duration(max(want.windowEnd-now, 1))*time.Millisecond)
	if err != nil {
		return false, storeError("claiming the message", err)
	}
	live, err := decode(got)
	if err != nil {
		return false, refuse(ErrStoreUnavailable, "the message could not be claimed", err)
	}
	return live.state == Spent && live.name() == want.name(), nil
}

// countMessage adds a claimed message to the count of its content, and rolls
// the claim back if the count exceeds the bound. before is the encoding of old,
// the record that the claim replaced.
func (c *claims) countMessage(ctx, sctx context.Context, id *identity, cl *claim, before Value, old *record) (verdict, error) {
	var (
		token   = newToken()
		counted record
		live    Value // the encoding of counted
	)
	for range contended {
		now := c.clock.now().milli()
		next, ok := c.count(&counted, &id.message, old.state == Done, now, token)
		if !ok {
			c.giveBack(ctx, cl, old, Released)
			cl.key = id.content // an operator can only reset the count
			return repeated, nil
		}
		if next.token == counted.token { // already counted
			id.past.repeats = uint16(min(next.generation-1, uncounted-1))
			return run, nil
		}
		want := next.encode()
		got, err := c.store.Swap(sctx, id.content, live, want, time.Duration(max(next.windowEnd-now, 1))*time.Millisecond)
		if err == nil && got == want {
			id.past.repeats = uint16(min(next.generation-1, uncounted-1))
			return run, nil
		}
		if err == nil {
			live = got
			if counted, err = decode(got); err != nil {
				err = refuse(ErrStoreUnavailable, "the message could not be claimed", err)
			}
		}
		if err != nil {
			c.undo(ctx, cl.key, before, *old, cl.rec, 0)
			return 0, storeError("claiming the message", err)
		}
	}
	c.giveBack(ctx, cl, old, Released)
	return inFlight, nil // so many other messages with this content won meanwhile
}

// giveBack restores the record that a claim replaced, because the handler did
// not run. A new message leaves only a tombstone in the given state, which
// expires at once. An attempt that finds the tombstone is in flight, or may be
// handled and counted, depending on state.
func (c *claims) giveBack(ctx context.Context, cl *claim, old *record, state State) {
	now := c.clock.now()
	sctx := &lazyContext{values: ctx, deadline: now.real.Add(c.timeout / 4)}
	defer sctx.finish()
	back, life := *old, c.life(old, now.milli())
	if old.state == 0 {
		back = record{state: state, status: uncounted, windowEnd: now.milli(), leaseEnd: cl.rec.leaseEnd}
		life = time.Millisecond
	}
	back.token = newToken()
	_, _ = c.store.Swap(sctx, cl.key, cl.rec.encode(), back.encode(), life) // after an error the claim ends with its lease
}

// undo reverts a claim that may or may not exist. The handler never ran, so the
// attempt must still count as newer than the mark. If the claim took over the
// message of another claim, that claim's outcome stays unknown.
func (c *claims) undo(ctx context.Context, key Key, before Value, old, claimed record, stamp int64) {
	now := c.clock.now()
	sctx := &lazyContext{values: ctx, deadline: now.real.Add(c.timeout / 4)}
	defer sctx.finish()
	undone := c.protocol.release(claimed, history{repeats: claimed.status})
	undone.reruns, undone.mark = old.reruns, old.mark
	switch {
	case old.state == Claimed:
		undone.state, undone.leaseEnd = Claimed, old.leaseEnd
	case old.state == Done:
		undone, undone.token = old, claimed.token
	case old.state == 0 && stamp != 0:
		undone.mark = stamp - 1
	}
	// After an error the claim ends with its lease, as after a crash at this point.
	taken, want, life := claimed.encode(), undone.encode(), c.life(&undone, now.milli())
	got, err := c.store.Swap(sctx, key, taken, want, life)
	if err != nil || got != before {
		return
	}
	// The claim is absent, but a transaction may still be committing it. Writing a record in its
	// place either makes that transaction's swap fail, or waits for the transaction and then finds
	// the claim.
	if got, err = c.store.Swap(sctx, key, before, want, life); err == nil && got == taken {
		_, _ = c.store.Swap(sctx, key, taken, want, life)
	}
}

// errLost means that another attempt has taken over the message.
var errLost = errors.New("another attempt took over the message")

// commit records that the handler succeeded. It retries within the store
// timeout, because after a lost commit the handler runs a second time.
func (c *claims) commit(ctx context.Context, sctx *lazyContext, cl *claim, status int, now moment, d *Delivery) error {
	next := c.protocol.commit(cl.rec, status, now.milli())
	return c.settle(ctx, sctx, cl, &next, now, d)
}

// release records that the handler failed.
func (c *claims) release(ctx context.Context, sctx *lazyContext, cl *claim, past history, now moment, d *Delivery) error {
	next := c.protocol.release(cl.rec, past)
	return c.settle(ctx, sctx, cl, &next, now, d)
}

// settle writes the outcome. It retries until the next wait would take more
// than half of the remaining store timeout. Each try may take half of the
// remaining time, so neither a slow store nor a short outage uses all of it.
// The response does not wait for a longer outage. In that case settle keeps
// trying in the background, for as long as a handler may run.
//
// ctx is as for claim: an attempt must be settled even if its handler used up
// the time of the request. sctx is storage for the context of the first try,
// which begins at now. d's lease is renewed until the outcome is written.
func (c *claims) settle(ctx context.Context, sctx *lazyContext, cl *claim, next *record, now moment, d *Delivery) error {
	deadline := now.real.Add(c.timeout)
	sctx.init(ctx, deadline.Add(-c.timeout/2))
	for pause := c.timeout / 40; ; pause *= 2 {
		err := c.settleOnce(sctx, c.store, cl, next, now.milli())
		sctx.finish()
		_, failed := asError(err)
		if !failed {
			c.leave(d)
			return err
		}
		if pause > time.Until(deadline)/2 {
			go c.settleLater(*cl, *next, d) //nolint:gosec // it outlives the request
			return err
		}
		time.Sleep(pause)
		sctx, now = &lazyContext{values: ctx, deadline: deadline.Add(-time.Until(deadline) / 2)}, c.clock.now()
	}
}

// settleLater keeps trying for as long as a handler may run. If another attempt
// takes over the message meanwhile, it writes nothing. If the process ends
// meanwhile, the effect is the same as if it had ended before settling.
func (c *claims) settleLater(cl claim, next record, d *Delivery) {
	defer c.leave(d)
	defer func() { _ = recover() }() // if the store panics: as if the process had died here
	now := c.clock.now()
	deadline := now.real.Add(time.Duration(c.lastEnd(&cl.rec)-now.milli()) * time.Millisecond)
	for pause := c.timeout / 4; time.Until(deadline) > pause; pause = min(2*pause, c.timeout) {
		time.Sleep(pause)
		now = c.clock.now()
		sctx := &lazyContext{values: context.Background(), deadline: now.real.Add(min(c.timeout, deadline.Sub(now.real)))}
		err := c.settleOnce(sctx, c.store, &cl, &next, now.milli())
		sctx.finish()
		if _, failed := asError(err); !failed {
			return
		}
	}
}

// settleOnce returns an [*Error] if the store failed, and errLost or
// errCommitted if this attempt no longer holds the claim.
func (c *claims) settleOnce(ctx context.Context, store SeenStore, cl *claim, next *record, now int64) error {
	want := next.encode()
	got, err := store.Swap(ctx, cl.key, cl.rec.encode(), want, c.life(next, now))
	if err == nil && got == (Value{}) && next.state == Done {
		// The store lost the claim, in a failover or a restart. Write the success anyway, so that
		// it is not lost too.
		got, err = store.Swap(ctx, cl.key, Value{}, want, c.life(next, c.clock.now().milli()))
	}
	if err != nil {
		return storeError("settling", err)
	}
	if got == want || got == (Value{}) {
		return nil
	}
	live, err := decode(got)
	switch {
	case err != nil:
		return refuse(ErrStoreUnavailable, "the outcome could not be recorded", err)
	case live.state == Done && live.generation == cl.rec.generation: // the token may belong to a later redelivery
		return errCommitted
	default:
		return errLost
	}
}

// errCommitted means that this admission is already recorded as handled, by
// Commit in the handler or by a try whose reply was lost.
var errCommitted = errors.New("the message is already recorded as handled")

// peek returns the live record without writing. It calls Swap with a random old
// value, which cannot be the live value.
func (c *claims) peek(ctx context.Context, key Key) (Value, error) {
	var probe, never Value
	rand.Read(probe[:]) // never fails since Go 1.24
	never = probe
	never[0] ^= 1
	return c.store.Swap(ctx, key, probe, never, time.Millisecond)
}

// forget releases a handled message, so that the handler runs for its next
// attempt.
func (c *claims) forget(ctx context.Context, key Key) error {
	now := c.clock.now()
	sctx := &lazyContext{values: ctx, deadline: now.real.Add(c.timeout)}
	defer sctx.finish()
	live, err := c.peek(sctx, key)
	if err != nil {
		return storeError("forgetting the record", err)
	}
	rec, err := decode(live)
	if err != nil {
		return refuse(ErrStoreUnavailable, "the record could not be forgotten", err)
	}
	var next record
	switch rec.state {
	case Done:
		next = c.protocol.release(rec, history{})
		next.reruns, next.token = 0, newToken()
	case Counted: // start the count again
		next = record{state: Counted, windowEnd: now.milli(), token: newToken()}
	default:
		return fmt.Errorf("hookonce: nothing was forgotten: no handled message has this id or key (state %s). If the sender signs no id (GitHub, for "+
			"example), use ForgetKey with the key from the log", rec.state)
	}
	want := next.encode()
	got, err := c.store.Swap(sctx, key, live, want, c.life(&next, now.milli()))
	if err != nil {
		return storeError("forgetting the record", err)
	}
	if got != want {
		return errors.New("hookonce: nothing was forgotten, because the record changed meanwhile: try again")
	}
	return nil
}

func storeError(doing string, err error) *Error {
	detail := "the seen-id store failed while " + doing
	if errors.Is(err, context.DeadlineExceeded) {
		detail = "the seen-id store did not respond in time while " + doing + " (see Config.StoreTimeout)"
	}
	return refuse(ErrStoreUnavailable, detail, err)
}
