package core

import (
	"context"
	"sync"
	"time"
)

// A claim has a short lease, so a message whose process died is soon free
// again. The lease is renewed while the handler runs, up to Config.Lease. A
// renewal is a separate record, and the message's record stays unchanged. The
// handler's transaction may have a snapshot from before the renewal. Commit
// must still be able to replace the message's record in that snapshot.
//
// An attempt that finds a claim with an expired lease looks for a renewal
// before it takes over the message. The two handlers cannot overlap: the first
// one's context is cancelled before its lease ends without a renewal, and other
// attempts wait for twice Config.Skew after that end.
const (
	shortLease = 9 * time.Second // with twice the default Skew, the message of a dead process is free after 19 seconds
	renewAfter = 3 * time.Second // age of a lease at which it is renewed
	sweepPause = time.Second     // minimum time between two sweeps
	stopBefore = time.Second     // time before the end of a lease at which the handler's context is cancelled
)

// renews reports whether leases are shorter than a handler may run.
func (p *protocol) renews() bool { return p.lease < p.hold }

// leaseKey is the key of a message's renewal. The first bytes stay unchanged,
// because a store may have set them with its method Scope.
func leaseKey(key Key) Key {
	for i := len(key) / 2; i < len(key); i++ {
		key[i] ^= 0xff
	}
	return key
}

// renewal is the outcome of an attempt to renew a lease.
type renewal uint8

const (
	renewed    renewal = iota + 1
	notRenewed         // the store failed
	leaseLost          // another attempt has the message
	settledNow         // the outcome is recorded, so there is nothing to renew
)

// renewalOf returns the record that renews a claim.
func (p *protocol) renewalOf(claimed *record, until int64) record {
	return record{
		state: Claimed, generation: claimed.generation, token: claimed.token, leaseEnd: until, windowEnd: until + 2*p.skew,
	}
}

// lastEnd returns the latest possible end of a claim's lease.
func (p *protocol) lastEnd(claimed *record) int64 { return claimed.leaseEnd - p.lease + p.hold }

// renew extends a claim's lease, which ends at until, and returns the new end.
func (c *claims) renew(cl *claim, until int64) (int64, renewal) {
	now := c.clock.now()
	next := min(now.milli()+c.lease, c.lastEnd(&cl.rec))
	left := time.Duration(until-now.milli())*time.Millisecond - stopBefore
	if left <= 0 { // for example, the process was suspended: another one may have the message
		return until, notRenewed
	}
	sctx := &lazyContext{values: context.Background(), deadline: now.real.Add(min(c.timeout, left))}
	defer sctx.finish()
	want := c.renewalOf(&cl.rec, next)
	var live Value
	if until != cl.rec.leaseEnd {
		before := c.renewalOf(&cl.rec, until)
		live = before.encode()
	}
	for range contended {
		got, err := c.store.Swap(sctx, leaseKey(cl.key), live, want.encode(), time.Duration(next+2*c.skew-now.milli())*time.Millisecond)
		if err != nil {
			return until, notRenewed
		}
		if got == want.encode() {
			// The lease in the claim itself may be over, and the store may have lost the claim.
			// Assert the claim after the renewal.
			if outcome := c.assert(sctx, cl, now); outcome != renewed {
				return until, outcome
			}
			return next, renewed
		}
		rec, err := decode(got)
		if err != nil {
			return until, notRenewed
		}
		if rec.generation > cl.rec.generation {
			return until, leaseLost
		}
		live = got // the renewal of an earlier claim, or of this claim by a try whose reply was lost
	}
	return until, notRenewed
}

// assert writes the claim again if the store lost it.
func (c *claims) assert(ctx context.Context, cl *claim, now moment) renewal {
	claimed := cl.rec.encode()
	switch live, err := c.store.Swap(ctx, cl.key, Value{}, claimed, c.life(&cl.rec, now.milli())); {
	case err != nil:
		return notRenewed
	case live != claimed:
		if rec, err := decode(live); err == nil && rec.generation == cl.rec.generation && rec.state != Claimed {
			return settledNow // by Commit, or because the handler has ended
		}
		return leaseLost
	default:
		return renewed
	}
}

// alive reports whether a lease that seems expired was renewed. The renewal of
// an earlier claim never outlasts the lease of this claim, so alive need not
// distinguish the two renewals.
func (c *claims) alive(ctx context.Context, key *Key, claimed *record, now int64) (bool, error) {
	if c.running.holds(c, key, claimed, now) {
		return true, nil
	}
	live, err := c.peek(ctx, leaseKey(*key))
	if err != nil {
		return false, storeError("claiming the message", err)
	}
	rec, err := decode(live)
	if err != nil {
		return false, refuse(ErrStoreUnavailable, "the message could not be claimed", err)
	}
	return rec.state == Claimed && now < rec.leaseEnd+2*c.skew, nil
}

// running holds the deliveries whose leases are renewed. It is split into
// shards, so few deliveries contend for one lock.
type running [16]keeper

// keeper is one shard. Its list has the deliveries in the order in which their
// leases end.
type keeper struct {
	sync.Mutex

	first, last *Delivery
	sweeping    bool
}

// leaseState is the state of a delivery in its keeper.
type leaseState uint8

const (
	noLease leaseState = iota // not in the list
	leased
	renewing // a renewal is in progress
	unkept   // the lease could not be renewed and the handler's context was cancelled; within this process the delivery still holds the message
)

func (r *running) keeperOf(key *Key) *keeper { return &r[key[len(key)-1]%byte(len(r))] }

// push inserts d into the list in order. Its place is at the end, unless the
// clock was set back.
func (k *keeper) push(d *Delivery) {
	before := k.last
	for before != nil && before.leaseEnd > d.leaseEnd {
		before = before.previous
	}
	d.previous = before
	if before == nil {
		d.next, k.first = k.first, d
	} else {
		d.next, before.next = before.next, d
	}
	if d.next == nil {
		k.last = d
	} else {
		d.next.previous = d
	}
}

// cut removes d from the list.
func (k *keeper) cut(d *Delivery) {
	if d.previous == nil {
		k.first = d.next
	} else {
		d.previous.next = d.next
	}
	if d.next == nil {
		k.last = d.previous
	} else {
		d.next.previous = d.previous
	}
	d.previous, d.next = nil, nil
}

// keep starts renewing the lease of d.
func (c *claims) keep(d *Delivery) {
	if !c.renews() {
		return
	}
	d.leaseEnd, d.lease = d.claim.rec.leaseEnd, leased
	due := c.due(d)
	late := c.timeout > renewAfter && c.clock.now().milli() >= due
	if late { // the next sweep may be too late
		d.lease = renewing
	}
	k := c.running.keeperOf(&d.claim.key)
	k.Lock()
	k.push(d)
	sweep := !k.sweeping
	k.sweeping = true
	k.Unlock()
	if late {
		go c.renewFor(k, d)
	}
	if sweep { // the claim may have taken long
		pause := min(time.Duration(due-c.clock.now().milli())*time.Millisecond, renewAfter)
		time.AfterFunc(pause, func() { c.sweep(k) })
	}
}

// due returns when to renew the lease of d.
func (c *claims) due(d *Delivery) int64 { return d.leaseEnd - c.lease + renewAfter.Milliseconds() }

// leave stops renewing the lease of d.
func (c *claims) leave(d *Delivery) {
	if d == nil || !c.renews() {
		return
	}
	k := c.running.keeperOf(&d.claim.key)
	k.Lock()
	defer k.Unlock()
	if d.lease != noLease {
		k.cut(d)
		d.lease = noLease
	}
}

// wasStopped reports whether stop cancelled the context of d's handler.
func (c *claims) wasStopped(d *Delivery) bool {
	if d == nil || !c.renews() {
		return false
	}
	k := c.running.keeperOf(&d.claim.key)
	k.Lock()
	defer k.Unlock()
	return d.stopped
}

// sweep renews the leases that are due, and schedules itself again while the
// list has deliveries.
func (c *claims) sweep(k *keeper) {
	now := c.clock.now().milli()
	k.Lock()
	defer k.Unlock()
	for d := k.first; d != nil && now >= c.due(d); {
		due := d
		d = d.next
		switch last := c.lastEnd(&due.claim.rec); {
		case due.lease == renewing:
		case now >= last: // the handler's context has already ended, unless this process was suspended
			due.ctx.finish()
			k.cut(due)
			due.lease = noLease
		case due.lease == unkept || due.leaseEnd == last:
		default:
			due.lease = renewing
			go c.renewFor(k, due)
		}
	}
	if k.sweeping = k.first != nil; k.sweeping {
		pause := time.Duration(c.due(k.first)-now) * time.Millisecond
		time.AfterFunc(min(max(pause, sweepPause), renewAfter), func() { c.sweep(k) })
	}
}

// stop cancels the context of d's handler.
func (*keeper) stop(d *Delivery) {
	d.lease, d.stopped = unkept, true
	if !d.v.cfg.DangerouslyReportOnly {
		d.ctx.finish()
	}
}

// renewOrFail is renew for a store that may panic. It recovers, because no
// other function in this goroutine does.
func (c *claims) renewOrFail(cl *claim, leaseEnd int64) (next int64, outcome renewal) {
	defer func() {
		if recover() != nil {
			next, outcome = leaseEnd, notRenewed
		}
	}()
	return c.renew(cl, leaseEnd)
}

func (c *claims) renewFor(k *keeper, d *Delivery) {
	k.Lock()
	leaseEnd := d.leaseEnd
	k.Unlock()
	next, outcome := c.renewOrFail(&d.claim, leaseEnd)
	now := c.clock.now().milli()
	k.Lock()
	defer k.Unlock()
	if d.lease != renewing {
		return // settled in the meantime
	}
	d.lease = leased
	switch outcome {
	case renewed:
		k.cut(d)
		d.leaseEnd = next
		k.push(d)
	case leaseLost:
		k.stop(d)
	case settledNow:
		k.cut(d)
		d.lease = noLease
	case notRenewed: // the next sweep tries again
		if now >= leaseEnd-stopBefore.Milliseconds() {
			k.stop(d)
		}
	}
}

// holds reports whether the handler of a claim runs in this process.
func (r *running) holds(c *claims, key *Key, claimed *record, now int64) bool {
	if now >= c.lastEnd(claimed)+2*c.skew {
		return false
	}
	k := r.keeperOf(key)
	k.Lock()
	defer k.Unlock()
	for d := k.first; d != nil; d = d.next {
		if d.claim.key == *key && d.claim.rec.token == claimed.token {
			return true
		}
	}
	return false
}
