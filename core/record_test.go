package core //nolint:testpackage // the layout of a record

import (
	"math"
	"testing"
	"time"
)

func TestARecordKeepsEveryBit(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]record{
		"small": {state: Claimed},
		"greatest claimed": {
			windowEnd: math.MaxInt64, state: Claimed, reruns: maxReruns, status: statusBits, generation: math.MaxUint32,
			mark: math.MaxInt64, leaseEnd: math.MaxInt64, token: [8]byte{255, 255, 255, 255, 255, 255, 255, 255},
		},
		"greatest done": {
			windowEnd: math.MaxInt64, state: Done, reruns: maxReruns, status: statusBits, generation: math.MaxUint32,
			mark: 1<<47 - 1, print: fingerprint{1<<48 - 1, math.MaxUint32}, token: [8]byte{255, 255, 255, 255, 255, 255, 255, 255},
		},
		"least": {windowEnd: math.MinInt64, state: Released, mark: -1 << 47},
		"mixed": {
			windowEnd: 1_700_000_000_001, state: Claimed, reruns: 17, status: 204, generation: 1_700_000_000, mark: 1_700_000_000_002,
			leaseEnd: 1_700_000_000_003, token: [8]byte{1, 2, 3, 4, 5, 6, 7, 8},
		},
		"spent":   {windowEnd: 1_700_000_000_001, state: Spent, mark: math.MinInt64, leaseEnd: math.MaxInt64},
		"counted": {windowEnd: 1_700_000_000_001, state: Counted, generation: 17, token: [8]byte{1}},
	} {
		if got, err := decode(r.encode()); err != nil || got != r {
			t.Errorf("%s: %+v came back as %+v, %v", name, r, got, err)
		}
	}
}

func TestTheLayoutOfARecordIsAPromise(t *testing.T) {
	t.Parallel()
	r := record{
		windowEnd: 0x0102030405060708, state: Done, reruns: 3, status: 202, generation: 0x11121314,
		mark: 0x212223242526, print: fingerprint{0x272831323334, 0x35363738}, token: [8]byte{0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48},
	}
	want := Value{
		1, 2, 3, 4, 5, 6, 7, 8, 2, 3<<6 | 3, 0, 202, 0x11, 0x12, 0x13, 0x14,
		0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38,
		0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
	}
	if got := r.encode(); got != want {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	for state, beside := range map[State]byte{Spent: 0xc0, Counted: 0x80} {
		r.state = state
		if got := r.encode(); got[9] != byte(Released)<<6|3 || got[10] != beside || got.Handled() {
			t.Errorf("%v: got %x", state, got)
		}
	}
}

// Version 1 had the lease end in every state.
func TestARecordOfTheFirstVersionIsRead(t *testing.T) {
	t.Parallel()
	r := record{state: Done, status: 202, generation: 9, mark: 7, token: [8]byte{1}}
	claimed := r
	claimed.state, claimed.leaseEnd = Claimed, 1_700_000_000_003
	v := claimed.encode()
	v[8], v[9] = 1, byte(Done)<<6
	if got, err := decode(v); err != nil || got != r || !v.Handled() {
		t.Errorf("got %+v, %v, handled %v", got, err, v.Handled())
	}
	r = record{state: Claimed, leaseEnd: 1_700_000_000_003, token: [8]byte{1}}
	v = r.encode()
	v[8] = 1
	if got, err := decode(v); err != nil || got != r {
		t.Errorf("got %+v, %v", got, err)
	}
	v[8] = 3
	if _, err := decode(v); err == nil {
		t.Error("a record of a later version is read")
	}
}

func TestAStoreSeesStateAndWindow(t *testing.T) {
	t.Parallel()
	end := time.UnixMilli(1_700_000_000_123)
	for _, s := range []State{Claimed, Released, Done, Spent, Counted} {
		v := (&record{state: s, status: 202, windowEnd: end.UnixMilli()}).encode()
		if v.State() != s || v.Handled() != (s == Done) || !v.WindowEnd().Equal(end) {
			t.Errorf("%s: state %s, handled %t, window %v", s, v.State(), v.Handled(), v.WindowEnd())
		}
	}
	if none := (Value{}); none.State() != 0 || none.Handled() {
		t.Errorf("no record: state %s, handled %t", none.State(), none.Handled())
	}
}

func TestARecordOfAnotherFormatIsRefused(t *testing.T) {
	t.Parallel()
	other, stateless := (&record{state: Done}).encode(), (&record{state: Done}).encode()
	other[8], stateless[9] = 3, 0
	for name, v := range map[string]Value{"another version": other, "no state": stateless, "only a time": {1}} {
		if got, err := decode(v); err == nil || v.State() != 0 {
			t.Errorf("%s: %+v, %v, state %s", name, got, err, v.State())
		}
		if v.Handled() {
			t.Errorf("%s counts as handled", name)
		}
	}
}

func TestStateWords(t *testing.T) {
	t.Parallel()
	for s, want := range map[State]string{0: "none", Claimed: "claimed", Released: "released", Done: "done", Spent: "spent", Counted: "counted"} {
		if got := s.String(); got != want {
			t.Errorf("%d is %q, want %q", s, got, want)
		}
	}
}
