package core

import (
	"reflect"
	"testing"
	"time"
)

// An Attempt is reused for another request. It must neither contain nor reference any data of the
// last request.
func TestAnAttemptIsAsGoodAsNewAfterAReset(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a := &Attempt{
		ID: "msg_1", IDSigned: true, Timestamp: now, Expires: now, BodySigned: true,
		Signatures: []Signature{{"v1", "a"}, {"v1a", "b"}}, State: "state",
		Stable: [][]byte{[]byte("paid")}, Indistinct: true, Unsigned: []string{"delivery", "topic"}, Reply: true, Unidentified: ErrMalformed, Unmatched: ErrKeysUnavailable, Hint: "the query",
	}
	a.Content.WriteString("msg_1.")
	a.Content.WriteTime("1700000000")
	a.Content.WriteBody([]byte("body"))
	a.Content.WriteBody([]byte("more"))
	_ = a.Content.Bytes()
	for _, all := range []reflect.Value{reflect.ValueOf(a).Elem(), reflect.ValueOf(&a.Content).Elem()} {
		for i := range all.NumField() {
			if all.Field(i).IsZero() {
				t.Errorf("this test does not set %s", all.Type().Field(i).Name)
			}
		}
	}

	a.reset()
	signatures, insert, unsigned, stable := a.Signatures, a.Content.insert, a.Unsigned, a.Stable
	if len(signatures)+len(insert)+len(unsigned)+len(stable)+len(a.Content.small)+len(a.Content.flat) != 0 {
		t.Errorf("after a reset there is %+v", a)
	}
	for _, s := range signatures[:2] {
		if s != (Signature{}) {
			t.Errorf("a signature is still held: %+v", s)
		}
	}
	for _, in := range insert[:2] {
		if in.data != nil {
			t.Errorf("a body is still held: %q", in.data)
		}
	}
	for _, value := range unsigned[:2] {
		if value != "" {
			t.Errorf("an unsigned value is still held: %q", value)
		}
	}
	if stable[:1][0] != nil {
		t.Error("a part of a body is still held")
	}
	a.Signatures, a.Unsigned, a.Stable, a.Content = nil, nil, nil, Content{}
	if !reflect.ValueOf(*a).IsZero() {
		t.Errorf("after a reset there is %+v", a)
	}
}
