package core

import (
	"context"
	"sync"
	"time"
)

// A claim has a short lease, so that a message whose process died is soon free
// again, and the lease is renewed while the handler runs, up to Config.Lease. A
// renewal is a record of its own beside the message's. The message's record
// stays as it was claimed: a transaction of the handler, with a snapshot from
// before the renewal, must still be able to replace it in Commit.
//
// Whoever meets a claim whose lease is over looks for a renewal before it takes
// the message over. It cannot overlap with the handler: that is stopped when
// its lease ends without a renewal, and the others wait for twice Config.Skew
// longer.
const (
	shortLease = 9 * time.Second // with twice the default Skew, a message of a dead process is free after 19 seconds
	renewAfter = 3 * time.Second // of the lease
	sweepPause = time.Second     // at least, between two looks for what is due
	stopBefore = time.Second     // the end of a lease that could not be renewed
)

// renews says that leases are shorter than a handler may run.
func (p *protocol) renews() bool { return p.lease < p.hold }

// leaseKey is the key of a message's renewal. What a store makes of the first
// bytes stays as it is.
func leaseKey(key Key) Key {
	for i := len(key) / 2; i < len(key); i++ {
		key[i] ^= 0xff
	}
	return key
}

// renewal is what became of an attempt to renew a lease.
type renewal uint8

const (
	renewed    renewal = iota + 1
	notRenewed         // the store failed
	leaseLost          // another attempt has the message
	settledNow         // the outcome is on record: there is nothing to renew
)

// renewalOf is the record that renews a claim.
func (p *protocol) renewalOf(claimed *record, until int64) record {
	return record{
		state: Claimed, generation: claimed.generation, token: claimed.token, leaseEnd: until, windowEnd: until + 2*p.skew,
	}
}

// lastEnd is the latest end of a claim's lease.
func (p *protocol) lastEnd(claimed *record) int64 { return claimed.leaseEnd - p.lease + p.hold }

// renew prolongs the lease of a claim, which ends at until, and returns its new
// end.
func (c *claims) renew(cl *claim, until int64) (int64, renewal) {
	now := c.clock.now()
	next := min(now.milli()+c.lease, c.lastEnd(&cl.rec))
	left := time.Duration(until-now.milli())*time.Millisecond - stopBefore
	if left <= 0 { // this process was suspended, say: another one may have the message
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
			// The store may have lost the claim, whose own lease is over: it is asserted behind
			// the renewal.
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
		live = got // of an earlier claim, or of this one: a renewal whose reply was lost
	}
	return until, notRenewed
}

// assert writes a claim again that the store may have lost.
func (c *claims) assert(ctx context.Context, cl *claim, now moment) renewal {
	claimed := cl.rec.encode()
	switch live, err := c.store.Swap(ctx, cl.key, Value{}, claimed, c.life(&cl.rec, now.milli())); {
	case err != nil:
		return notRenewed
	case live != claimed:
		if rec, err := decode(live); err == nil && rec.generation == cl.rec.generation && rec.state != Claimed {
			return settledNow // by Commit, or while the handler ends
		}
		return leaseLost
	default:
		return renewed
	}
}

// alive says that the lease of a claim that seems to be over was renewed. The
// renewal of an earlier claim does not outlast this one's lease, so there is no
// need to distinguish them.
func (c *claims) alive(ctx context.Context, key *Key, claimed *record, now int64) (bool, error) {
	if c.broken&faultNoRenewal != 0 {
		return false, nil
	}
	if c.running.holds(c, key, claimed, now) {
		return true, nil
	}
	live, err := c.peek(ctx, leaseKey(*key))
	if err != nil {
		return false, storeError("claiming", err)
	}
	rec, err := decode(live)
	if err != nil {
		return false, refuse(ErrStoreUnavailable, "claiming", err)
	}
	return rec.state == Claimed && now < rec.leaseEnd+2*c.skew, nil
}

// running are the deliveries whose leases are kept, in parts so that few of
// them wait for one another.
type running [16]keeper

// keeper has its deliveries in the order in which their leases end.
type keeper struct {
	sync.Mutex

	first, last *Delivery
	sweeping    bool
}

// leaseState is what a keeper does for a delivery.
type leaseState uint8

const (
	noLease leaseState = iota // it is not in the list
	leased
	renewing // a renewal is on its way
	unkept   // its lease could not be renewed, so its handler was stopped; in this process it keeps its message
)

func (r *running) keeperOf(key *Key) *keeper { return &r[key[len(key)-1]%byte(len(r))] }

// push puts d into the list: at its end, unless the clock was set back.
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

// cut takes d out of the list.
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

// keep begins to renew the lease of d.
func (c *claims) keep(d *Delivery) {
	if !c.renews() {
		return
	}
	k := c.running.keeperOf(&d.claim.key)
	k.Lock()
	d.leaseEnd, d.lease = d.claim.rec.leaseEnd, leased
	k.push(d)
	sweep := !k.sweeping
	k.sweeping = true
	k.Unlock()
	if sweep { // the claim may have taken its time
		pause := min(time.Duration(c.due(d)-c.clock.now().milli())*time.Millisecond, renewAfter)
		time.AfterFunc(pause, func() { c.sweep(k) })
	}
}

// due is when the lease of d is to be renewed.
func (c *claims) due(d *Delivery) int64 { return d.leaseEnd - c.lease + renewAfter.Milliseconds() }

// leave ends that.
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

// wasStopped reports whether the handler of d was stopped.
func (c *claims) wasStopped(d *Delivery) bool {
	if d == nil || !c.renews() {
		return false
	}
	k := c.running.keeperOf(&d.claim.key)
	k.Lock()
	defer k.Unlock()
	return d.stopped
}

// sweep renews what is due, and comes again as long as there is something to
// keep.
func (c *claims) sweep(k *keeper) {
	now := c.clock.now().milli()
	k.Lock()
	defer k.Unlock()
	for d := k.first; d != nil && now >= c.due(d); {
		due := d
		d = d.next
		switch last := c.lastEnd(&due.claim.rec); {
		case due.lease == renewing:
		case now >= last: // the context of the handler has ended before, unless this process was suspended
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

// stop ends the context of the handler of d.
func (*keeper) stop(d *Delivery) {
	d.lease, d.stopped = unkept, true
	if !d.v.cfg.DangerouslyReportOnly {
		d.ctx.finish()
	}
}

// renewOrFail is renew for a store that may panic: nobody stands around this
// goroutine to recover.
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
		return // it was settled meanwhile
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
