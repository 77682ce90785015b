package core //nolint:testpackage // shares the bench of the claim tests

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// brokenBody returns a part of the body and an error.
type brokenBody struct {
	part []byte
	err  error
	read int
}

func (b *brokenBody) ReadBody(int64, time.Duration) ([]byte, error) {
	b.read++
	return b.part, b.err
}

func TestShowRefused(t *testing.T) {
	t.Parallel()
	broke := errors.New("connection reset")
	for _, tt := range []struct {
		name  string
		spoil func(*Request)
		body  brokenBody
		want  Reason // of the refusal that is shown, empty if none is
	}{
		{"a genuine message is not shown", func(*Request) {}, brokenBody{part: []byte(`{}`)}, ""},
		{"a wrong signature is shown", func(*Request) {}, brokenBody{part: []byte(`[]`)}, ErrNoMatch},
		{"a missing header is shown with the body", func(r *Request) { lines(r.Header).Del("Webhook-Id") }, brokenBody{part: []byte(`{}`)}, ErrMissingHeader},
		{"a stale attempt is shown with the body", func(r *Request) { lines(r.Header).Set("Webhook-Timestamp", "1") }, brokenBody{part: []byte(`{}`)}, ErrOutsideWindow},
		{"a body that breaks off is shown as far as it came", func(*Request) {}, brokenBody{part: []byte(`{`), err: broke}, ErrMalformed},
		{
			"a body that breaks off does not change an earlier verdict", func(r *Request) { lines(r.Header).Set("Webhook-Timestamp", "1") },
			brokenBody{part: []byte(`{`), err: broke},
			ErrOutsideWindow,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var shown []Refused
				var b *bench
				b = newBench(t, Config{Past: time.Hour, DangerouslyShowRefused: func(_ context.Context, r Refused) {
					if len(b.events) != 0 {
						t.Error("shown after it was observed")
					}
					shown = append(shown, r)
				}}, newMapStore())
				r := b.request("m", time.Now())
				tt.spoil(r)
				d := b.v.Admit(t.Context(), r, &tt.body)
				if tt.want == "" {
					if len(shown) != 0 || d.Answer() != nil {
						t.Fatalf("shown %+v", shown)
					}
					return
				}
				if len(shown) != 1 {
					t.Fatalf("%d were shown, want 1", len(shown))
				}
				s := shown[0]
				if !errors.Is(s.Err, tt.want) || !errors.Is(d.Err(), tt.want) || string(s.Request.Body) != string(tt.body.part) || s.Request.URL != "/hook" {
					t.Errorf("shown: %v with body %q; the delivery says %v", s.Err, s.Request.Body, d.Err())
				}
				if tt.body.read != 1 {
					t.Errorf("the body was read %d times, want once", tt.body.read)
				}
				if s.Verifier != b.v {
					t.Errorf("the verifier that was shown: %p", s.Verifier)
				}
				lines(s.Request.Header).Set("Webhook-Id", "changed")
				if lines(r.Header).Get("Webhook-Id") == "changed" {
					t.Error("the headers that were shown are those of the request itself")
				}
			})
		})
	}
}

func TestShowRefusedLeavesOutWhatIsAuthentic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{DangerouslyShowRefused: func(_ context.Context, r Refused) {
			t.Errorf("shown: %v", r.Err)
		}}, newMapStore())
		at := time.Now()
		b.wantStatus(b.handle(at, http.StatusOK), http.StatusOK, "first")
		b.wantStatus(b.handle(at, http.StatusOK), http.StatusConflict, "replay")
		b.wantStatus(b.handle(at.Add(time.Second), http.StatusOK), http.StatusOK, "redelivery")
	})
}

// Without the hook, a body stays unread if the headers are enough for a
// refusal.
func TestRefusedBodyStaysUnread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{}, newMapStore())
		r := b.request("m", time.Now().Add(-time.Hour))
		body := &brokenBody{}
		if d := b.v.Admit(t.Context(), r, body); !errors.Is(d.Err(), ErrOutsideWindow) || body.read != 0 {
			t.Errorf("%v, the body was read %d times", d.Err(), body.read)
		}
	})
}
