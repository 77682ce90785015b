package explain

import "context"

// Work is counted in bytes that are hashed, which take about a nanosecond each.
// Everything else is converted to them. Counting time instead would make
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
	// readCost is the cost of a byte of unusual headers and address, at each
	// reading.
	readCost = 64
	// publicCost is the fixed cost of a signature that is no MAC.
	publicCost = 64 << 10
	// rewriteCost is the cost of a byte that is rewritten, in bytes that are
	// hashed.
	rewriteCost = 4
)

// budgetOf returns what a search may spend: a tenth of a second of a processor
// for a mebibyte, and as much again for each further one. Beyond largeBody it
// grows only as needed to hash the body a few times, because people do not wait
// longer.
func budgetOf(body int) int64 {
	size := int64(body)
	return max(budget*max(min(size, largeBody), usualBody)/usualBody, atLeast*size)
}

// work is the budget of a search and what was spent of it.
type work struct {
	// ctx ends the search early, as when a development server shuts down.
	ctx context.Context //nolint:containedctx // of one call
	// spent is the work done, limit what the current part of the search may
	// spend, and total what all parts may. Pieces are charged before they run
	// where their cost is known, so only the last rewriting can exceed the
	// limit.
	spent, limit, total int64
	// unfinished says that something was left out for lack of work or time.
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

// charge takes cost from the budget, and reports whether it was there.
func (w *work) charge(cost int64) bool {
	if w.spent+cost > w.limit {
		w.unfinished = true
		return false
	}
	w.spent += cost
	return true
}

// apply undoes one mistake if there is work left for it. It returns nil if
// there is not, if the change does not apply, or if it changes nothing. Such a
// change must not become a candidate: it would name a mistake for a body that
// verifies without it.
func (w *work) apply(c *change, body []byte) []byte {
	if w.spent+c.cost*int64(len(body)) > w.limit {
		w.unfinished = true
		return nil
	}
	var b []byte
	// needs is cheap and saves the rewriting of bodies without anything to change.
	if c.needs == nil || c.needs(body) {
		b = c.do(body)
		if c.needs != nil && b == nil {
			w.spent += maxGrowth * c.cost * int64(len(body)) // do may have given up only at its bound
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
