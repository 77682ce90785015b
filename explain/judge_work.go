package explain

import "context"

// Work is counted in hashed bytes, which take about a nanosecond each. All
// other work is converted to hashed bytes. Counting time instead would make
// results depend on the machine and its load.
const (
	// budget is what a search may spend on a body of a mebibyte or less. It is
	// about a tenth of a second of a processor.
	budget = 34 << 20
	// usualBody and largeBody bound the sizes between which the budget grows
	// with the body.
	usualBody = 1 << 20
	largeBody = 4 << 20
	// atLeast is how many times even a huge body can be hashed or read: enough
	// for the likely mistakes.
	atLeast = 6
	// trialCost is the fixed cost of a trial, for each key: reading headers of
	// a usual size and finishing a hash.
	trialCost = 2 << 10
	// readCost is the cost of each byte of unusually large headers or
	// addresses, for each reading.
	readCost = 64
	// publicCost is the fixed cost of a signature that is not a MAC.
	publicCost = 64 << 10
	// rewriteCost is the cost of a byte that is rewritten, in bytes that are
	// hashed.
	rewriteCost = 4
)

// budgetOf returns the work that a search may spend: a tenth of a second of a
// processor for a mebibyte, and as much again for each further mebibyte. Beyond
// largeBody it grows only as needed to hash the body a few times, because
// people do not wait longer.
func budgetOf(body int) int64 {
	size := int64(body)
	return max(budget*max(min(size, largeBody), usualBody)/usualBody, atLeast*size)
}

// work is the budget of a search and the part of it that was spent.
type work struct {
	// ctx ends the search early, as when a development server shuts down.
	ctx context.Context //nolint:containedctx // of one call
	// spent is the work done. limit is how much the current part of the search
	// may spend, and total how much all parts may. If the cost of a piece is
	// known, it is charged before the piece runs. So only the last rewriting
	// can exceed the limit.
	spent, limit, total int64
	// unfinished says that candidates were skipped because work or time ran
	// out.
	unfinished bool
}

// stopped reports whether there is no time or work left for another trial.
func (w *work) stopped() bool {
	if w.ctx.Err() != nil {
		w.unfinished = true
		return true
	}
	// Less than a trial is left.
	if w.spent+trialCost > w.limit {
		w.unfinished = true
		return true
	}
	return false
}

// charge takes cost from the budget, and reports whether the budget was large
// enough.
func (w *work) charge(cost int64) bool {
	if w.spent+cost > w.limit {
		w.unfinished = true
		return false
	}
	w.spent += cost
	return true
}

// apply undoes one mistake if enough work is left. It returns nil if not, if
// the change does not apply, or if the change has no effect. A change without
// effect must not become a candidate: it would name a mistake for a body that
// verifies unchanged.
func (w *work) apply(c *change, body []byte) []byte {
	if w.spent+c.cost*int64(len(body)) > w.limit {
		w.unfinished = true
		return nil
	}
	var b []byte
	// needs is cheap, and avoids rewriting bodies in which there is nothing to change.
	if c.needs == nil || c.needs(body) {
		b = c.do(body)
		if c.needs != nil && b == nil {
			w.spent += maxGrowth * c.cost * int64(len(body)) // do may have stopped only at its bound
		}
	}
	if b == nil {
		w.spent += int64(len(body)) / 8 // the body was scanned once
		return nil
	}
	w.spent += c.cost * int64(max(len(body), len(b)))
	if string(b) == string(body) {
		return nil
	}
	return b
}
