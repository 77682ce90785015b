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

// judge tries candidates under a budget. It is the only part that calls keys.
// It names no mistake except damage to the signature itself.
type judge struct {
	work

	// reading is the extra cost of reading unusually large headers. tried is
	// the number of candidates for which a key was called.
	reading int64
	tried   int
}

// proof is a candidate whose signature verifies. It cannot verify by accident:
// a MAC matches a wrong guess only with negligible probability.
type proof struct {
	// key is the key that verified, with the mistakes undone in its text.
	key *key
	// signature lists the mistakes in the signature itself.
	signature []step
	// at is the signed time. It may be outside the tolerance.
	at time.Time
}

// try reads the request with one head and body, and calls the keys of exactly
// this weight. It returns nil if no key fits. The keys are sorted by weight, so
// a binary search finds the first. Reading is charged once for all keys, and
// hashing once for each.
func (j *judge) try(l *lane, h *head, body []byte, weight int) *proof {
	from, _ := slices.BinarySearchFunc(l.keys, weight, func(k key, w int) int { return cmp.Compare(k.weight, w) })
	if from == len(l.keys) || l.keys[from].weight != weight || j.ctx.Err() != nil {
		return nil
	}
	cost := j.reading
	if l.inside {
		// A scheme that parses the body costs about as much as hashing it.
		cost += int64(len(body))
	}
	if !j.charge(cost) {
		return nil
	}
	// Only a head with asSent accepts a body with another digest.
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

// read parses the request as the verifier does, but accepts any time. It
// returns nil if that fails.
//
// digest says that the signature covers a digest and that the body has another
// one. The signed content is complete nevertheless (see [core.Scheme]). So a
// matching signature proves that the secret is right and the body was changed.
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
	// A verifier refuses a request without the time that its scheme promises.
	case core.StampedOnce, core.StampedEachAttempt:
		if a.Timestamp.IsZero() {
			return nil, digest
		}
	case core.NotStamped, core.NotIdentified:
	}
	// A swap replaces the text that the scheme could read with the text that the sender signed. A
	// match at the end is preferred: it is a timestamp or an id that is appended, and the body
	// before it may contain the same digits.
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

// looksInside reports whether a scheme not only signs the body but also reads
// an id, a time or a digest in it. That may cost as much as hashing (see
// [core.Scheme]), so it must be charged. A scheme does not declare it. So
// looksInside has the scheme read this body and an empty one, and compares the
// results.
func (h *head) looksInside(body []byte) bool {
	// A JSON pointer into the body is declared.
	if strings.HasPrefix(h.facts.IdentifiedBy, "/") {
		return true
	}
	r := h.req
	var with, without core.Attempt
	if h.scheme.ReadHeader(&r, &with) != nil || h.scheme.ReadHeader(&r, &without) != nil {
		return false
	}
	// The smallest body that a parser of JSON accepts.
	r.Body = []byte("{}")
	plain := h.scheme.ReadBody(&r, &without)
	r.Body = body
	err := h.scheme.ReadBody(&r, &with)
	return err != nil || plain != nil || with.ID != without.ID || !with.Timestamp.Equal(without.Timestamp) ||
		len(with.Stable) != len(without.Stable) || (with.Unidentified == nil) != (without.Unidentified == nil) ||
		len(with.Content.Bytes())-len(body) != len(without.Content.Bytes())-len("{}")
}

// cost is the work of one verification. A MAC hashes the body once. A
// public-key signature may hash it more times, and has a large fixed cost.
func (k *key) cost(body int) int64 {
	if k.mac {
		return int64(body) + trialCost
	}
	return 3*int64(body) + publicCost
}

// fits reports whether a signature is valid under this key, or a damaged form
// of a valid one. It looks for damage only if no header value was rewritten: a
// value that this package shortened is no evidence of a cut.
func (k *key) fits(a *core.Attempt, whole bool) ([]step, bool) {
	if ok, err := k.verify.Verify(offline, a); err == nil && ok {
		return nil, true
	}
	// Without a way to compute the right signature there is nothing to compare.
	if k.forge == nil || !whole {
		return nil, false
	}
	return damaged(a.Signatures, k.forge(&a.Content))
}

// offline is a context that has ended. Under it no key does I/O: see
// [core.VerifyKey].
var offline = func() context.Context { //nolint:gochecknoglobals // a constant
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
