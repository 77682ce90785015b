package explain

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// judge tries candidates under a budget. It alone asks keys, and names no
// mistake but those of a signature.
type judge struct {
	work

	reading int64 // what reading the headers costs more than usual
	tried   int   // candidates
}

// proof is a candidate whose signature verifies.
type proof struct {
	key       *key
	signature []step    // mistakes in the signature itself
	at        time.Time // the signed time
}

// try reads the request with one head and body, and asks the keys of this
// weight. It returns nil if none fits.
func (j *judge) try(l *lane, h *head, body []byte, weight int) *proof {
	from, _ := slices.BinarySearchFunc(l.keys, weight, func(k key, w int) int { return cmp.Compare(k.weight, w) })
	if from == len(l.keys) || l.keys[from].weight != weight || j.ctx.Err() != nil {
		return nil
	}
	cost := j.reading
	if l.inside {
		cost += int64(len(body))
	}
	if !j.charge(cost) {
		return nil
	}
	a, digest := h.read(body)
	if a == nil || digest && !h.asSent {
		return nil
	}
	for i := from; i < len(l.keys) && l.keys[i].weight == weight; i++ {
		k := &l.keys[i]
		if !j.charge(k.cost(len(body))) {
			return nil
		}
		j.tried++
		if signature, ok := k.fits(a, h.whole); ok {
			return &proof{k, signature, a.Timestamp}
		}
	}
	return nil
}

// read takes the request apart as the verifier does, the window aside. It
// returns nil if that fails. digest says that the signature covers a digest,
// and that the body is not the one with it: the signed content is whole all the
// same (see [core.Scheme]), so a signature that fits it proves the secret right
// and the body changed.
func (h *head) read(body []byte) (a *core.Attempt, digest bool) {
	r := h.req
	r.Body = body
	a = new(core.Attempt)
	if h.scheme.ReadHeader(&r, a) != nil {
		return nil, false
	}
	if err := h.scheme.ReadBody(&r, a); err != nil {
		digest = errors.Is(err, core.ErrNoMatch) && len(a.Content.Bytes()) > 0
		if !digest {
			return nil, false
		}
	}
	switch h.scheme.Stamping() {
	case core.StampedOnce, core.StampedEachAttempt:
		if a.Timestamp.IsZero() {
			return nil, digest
		}
	case core.NotStamped, core.NotIdentified:
	}
	for _, w := range h.swaps {
		flat := a.Content.Bytes()
		at := bytes.Index(flat, []byte(w.read))
		if bytes.HasSuffix(flat, []byte(w.read)) {
			at = len(flat) - len(w.read)
		}
		if at < 0 {
			return nil, digest
		}
		var c core.Content
		c.WriteBody(flat[:at])
		c.WriteString(w.signed)
		c.WriteBody(flat[at+len(w.read):])
		a.Content = c
	}
	return a, digest
}

// looksInside says that a scheme reads the body and does not only sign it,
// which may cost as much as hashing it (see [core.Scheme]): for an id, a time
// or a digest. Then it finds other things in this body than in one without any.
func (h *head) looksInside(body []byte) bool {
	if strings.HasPrefix(h.facts.IdentifiedBy, "/") {
		return true
	}
	r := h.req
	var with, without core.Attempt
	if h.scheme.ReadHeader(&r, &with) != nil || h.scheme.ReadHeader(&r, &without) != nil {
		return false
	}
	r.Body = []byte("{}")
	plain := h.scheme.ReadBody(&r, &without)
	r.Body = body
	err := h.scheme.ReadBody(&r, &with)
	return err != nil || plain != nil || with.ID != without.ID || !with.Timestamp.Equal(without.Timestamp) ||
		len(with.Stable) != len(without.Stable) || (with.Unidentified == nil) != (without.Unidentified == nil) ||
		len(with.Content.Bytes())-len(body) != len(without.Content.Bytes())-len("{}")
}

func (k *key) cost(body int) int64 {
	if k.mac {
		return int64(body) + trialCost
	}
	return 3*int64(body) + publicCost
}

// fits says whether a signature is this key's, or a damaged one.
func (k *key) fits(a *core.Attempt, whole bool) ([]step, bool) {
	if ok, err := k.verify.Verify(offline, a); err == nil && ok {
		return nil, true
	}
	if k.forge == nil || !whole {
		return nil, false
	}
	return damaged(a.Signatures, k.forge(&a.Content))
}

// offline is a context that has ended, under which no key does I/O: see
// [core.VerifyKey].
var offline = func() context.Context { //nolint:gochecknoglobals // a constant
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
