package core

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Record describes what the store knows about a message. [Verifier.Look]
// returns it. A zero time or number means that the record has no such value.
// The zero Record means that there is no record, so the message counts as new.
type Record struct {
	// State is the state of the message.
	State State
	// Since and Until are for [Claimed]. Since is when the attempt was claimed.
	// It is computed from the end of the claim. It is correct if the claiming
	// verifier has the same [Config.Lease], or if both leases are at least 9
	// seconds. Until is when another attempt may take over the message if the
	// claim's process is dead. The handler may still run after Until, because
	// the lease is renewed.
	Since, Until time.Time
	// Newest is the timestamp of the newest attempt that was claimed or
	// acknowledged. If each attempt has its own timestamp, an attempt of a
	// handled message with that timestamp is a replay.
	Newest time.Time
	// WindowEnd is when the replay window ends: see [Value.WindowEnd].
	WindowEnd time.Time
	// Status is the status with which a redelivery is acknowledged, for [Done].
	Status int
	// Reruns is how many times the handler ran again for an attempt with no
	// newer timestamp. See [Config.Reruns].
	Reruns int
	// Messages is how many messages with this content were admitted, for
	// [Counted]. See [Message.Repeats].
	Messages int
}

// Look returns the record of a message by its signed id. It changes nothing.
// source is "" for [Secrets] without a source name (see [Keys.From]). See
// [Verifier.LookKey] for messages whose id is not signed. The error is an
// [*Error] if the store failed.
func (v *Verifier) Look(ctx context.Context, source, id string) (Record, error) {
	key, err := v.keyOf(source, id)
	if err != nil {
		return Record{}, err
	}
	return v.claims.look(ctx, key)
}

// LookKey is like [Verifier.Look], but takes the key of the record, so it also
// works for messages whose id is not signed. See [Verifier.ForgetKey].
func (v *Verifier) LookKey(ctx context.Context, key Key) (Record, error) {
	return v.claims.look(ctx, key)
}

// keyOf returns the key of a message with a signed id.
func (v *Verifier) keyOf(source, id string) (Key, error) {
	if id == "" || strings.TrimSpace(id) != id {
		return Key{}, errors.New("hookonce: the message id is empty or has white space around it: give the id exactly as the sender shows it")
	}
	return v.replayKey(&Message{ID: id, IDSigned: true, Source: source}, nil), nil
}

// look reads the record of a message and, for a claim, its renewal.
func (c *claims) look(ctx context.Context, key Key) (Record, error) {
	sctx := &lazyContext{values: ctx, deadline: c.clock.now().real.Add(c.timeout)}
	defer sctx.finish()
	read := func(key Key) (record, error) { //nolint:contextcheck // sctx has it
		live, err := c.peek(sctx, key)
		if err != nil {
			return record{}, storeError("looking for the record", err)
		}
		rec, err := decode(live)
		if err != nil {
			return record{}, refuse(ErrStoreUnavailable, "the record could not be read", err)
		}
		return rec, nil
	}
	rec, err := read(key)
	if err != nil || rec.state == 0 {
		return Record{}, err
	}
	seen := Record{State: rec.state, WindowEnd: time.UnixMilli(rec.windowEnd), Reruns: int(rec.reruns)}
	switch rec.state {
	case Claimed:
		seen.Since, seen.Until = time.UnixMilli(rec.leaseEnd-c.lease), time.UnixMilli(rec.leaseEnd+2*c.skew)
		renewal, err := read(leaseKey(key))
		if err != nil {
			return Record{}, err
		}
		if renewal.state == Claimed && renewal.generation == rec.generation && renewal.leaseEnd > rec.leaseEnd {
			seen.Until = time.UnixMilli(renewal.leaseEnd + 2*c.skew)
		}
	case Done:
		seen.Status = int(rec.status)
	case Counted:
		seen.Messages = int(rec.generation)
	case Released, Spent:
	}
	if rec.mark > 0 && rec.state != Spent && rec.state != Counted {
		seen.Newest = time.UnixMilli(rec.mark)
	}
	return seen, nil
}
