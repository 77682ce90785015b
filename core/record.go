package core

import (
	"encoding/binary"
	"fmt"
)

// State is the state of a message.
type State uint8

// The states of a message. The State of a message without a record is zero.
const (
	// Claimed: an attempt has claimed the message, and its handler may be
	// running. The claim ends with its lease, which may be renewed.
	Claimed State = iota + 1
	// Released: the handler failed on the last attempt, the claim was undone,
	// or an operator called Forget. The handler may run again for this message.
	Released
	// Done: the message was handled.
	Done
	// Spent is the state of a record that binds one attempt to one message. It
	// is used if an unsigned id is part of the message's identity and each
	// attempt has its own timestamp. No other message may use that attempt.
	Spent
	// Counted is the state of a record that counts the messages with the same
	// signed content and different unsigned ids. See [Config.Repeats].
	Counted
)

// String returns the name that documentation and logs use.
func (s State) String() string {
	switch s {
	case Claimed:
		return "claimed"
	case Released:
		return "released"
	case Done:
		return "done"
	case Spent:
		return "spent"
	case Counted:
		return "counted"
	default:
		return "none"
	}
}

// State returns the state of the message. It is zero for the zero Value and for
// a Value of another format.
func (v Value) State() State {
	r, err := decode(v)
	if err != nil {
		return 0
	}
	return r.state
}

// Handled reports whether v records a handled message. A full store may drop
// only such records, and only after [Value.WindowEnd].
func (v Value) Handled() bool { return (v[8] == recordVersion || v[8] == 1) && State(v[9]>>6) == Done }

// record is a Value in working form. Times are Unix milliseconds.
//
//	0–7   end of the replay window, big-endian: public, stores may read it
//	8     version
//	9     state (2 bits), reruns (6 bits)
//	10–11 side record, its kind (1 bit each)
//	      status of a done message, or repeats of another one (14 bits)
//	12–15 generation, or the count
//	16–31 of a claim: mark (the timestamp of the newest attempt) and lease end, 8 bytes each
//	      of a message that is not claimed: mark (6 bytes), fingerprint of the
//	      endpoint (6) and of the content (4)
//	      of a side record: half of a message's key, of the message to which
//	      the attempt belongs, or which was counted last
//	32–39 token: random for each admission, so ownership and idempotence
//	      depend on nothing else; zero for a spent attempt
type record struct {
	windowEnd  int64
	state      State
	reruns     uint8
	status     uint16 // status of a done message; else its repeats (see Message.Repeats) or uncounted
	generation uint32
	mark       int64       // in a side record, half of a message's name
	leaseEnd   int64       // in a side record, the other half
	print      fingerprint // kept in memory for a claim, and written when it is settled
	token      [8]byte
}

// nameOf returns the first half of a message's key, which names the message in
// a side record.
func nameOf(message *Key) [2]int64 {
	//nolint:gosec // every bit is kept
	return [2]int64{int64(binary.BigEndian.Uint64(message[:8])), int64(binary.BigEndian.Uint64(message[8:]))}
}

func (r *record) name() [2]int64 { return [2]int64{r.mark, r.leaseEnd} }

// recordVersion is the version that encode writes. Version 1 had the lease end
// in every state, but no print and no side records.
const (
	recordVersion = 2
	maxReruns     = 1<<6 - 1
)

// Flag bits beside the status.
const (
	bitSide    = 1 << 15 // not a message: Counted, or with bitSpent Spent
	bitSpent   = 1 << 14
	statusBits = bitSpent - 1
)

// uncounted, instead of the repeats, marks a message that is not yet part of
// the count of its signed content.
const uncounted = statusBits

//nolint:gosec // the conversions between int64 and uint64 keep every bit; decode undoes them
func (r *record) encode() (v Value) {
	binary.BigEndian.PutUint64(v[0:], uint64(r.windowEnd))
	v[8] = recordVersion
	state, bits := r.state, r.status&statusBits
	if r.state == Spent || r.state == Counted {
		state, bits = Released, bits|bitSide
	}
	if r.state == Spent {
		bits |= bitSpent
	}
	first, second := uint64(r.mark), uint64(r.leaseEnd)
	if r.state == Released || r.state == Done {
		first, second = first<<16|r.print.endpoint>>32, r.print.endpoint<<32|uint64(r.print.content)
	}
	binary.BigEndian.PutUint64(v[16:], first)
	binary.BigEndian.PutUint64(v[24:], second)
	v[9] = byte(state)<<6 | r.reruns
	binary.BigEndian.PutUint16(v[10:], bits)
	binary.BigEndian.PutUint32(v[12:], r.generation)
	copy(v[32:], r.token[:])
	return v
}

//nolint:gosec // see encode
func decode(v Value) (record, error) {
	if v == (Value{}) {
		return record{}, nil
	}
	if v[8] != recordVersion && v[8] != 1 || v[9]>>6 == 0 {
		return record{}, fmt.Errorf("the store returned a value that is not a record of a known format (its format is %d, and this version reads 1 and %d). "+
			"Give each application its own namespace, and do not mix versions further apart than the changelog allows", v[8], recordVersion)
	}
	bits := binary.BigEndian.Uint16(v[10:])
	r := record{
		windowEnd:  int64(binary.BigEndian.Uint64(v[0:])),
		state:      State(v[9] >> 6),
		reruns:     v[9] & maxReruns,
		status:     bits & statusBits,
		generation: binary.BigEndian.Uint32(v[12:]),
		token:      [8]byte(v[32:]),
	}
	switch {
	case bits&bitSpent != 0:
		r.state = Spent
	case bits&bitSide != 0:
		r.state = Counted
	}
	first, second := binary.BigEndian.Uint64(v[16:]), binary.BigEndian.Uint64(v[24:])
	switch r.mark = int64(first); {
	case r.state == Claimed || r.state == Spent || r.state == Counted:
		r.leaseEnd = int64(second)
	case v[8] != 1:
		r.mark = int64(first) >> 16
		r.print = fingerprint{endpoint: first<<32&(1<<48-1) | second>>32, content: uint32(second)}
	}
	return r, nil
}
