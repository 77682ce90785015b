package explain

import "context"

// The work is counted in bytes: those that are hashed, and those that are
// written anew, which cost more.
const (
	budget      = 34 << 20 // of a search in a body of a mebibyte or less
	usualBody   = 1 << 20
	largeBody   = 4 << 20  // up to which the budget grows with the body
	atLeast     = 6        // times that a larger body is hashed or read
	trialCost   = 2 << 10  // of reading headers of a usual size and finishing a hash, for each key
	readCost    = 64       // of a byte of unusual headers and address, at each reading
	publicCost  = 64 << 10 // of a signature that is no MAC
	rewriteCost = 4        // of a byte that is written anew, in bytes that are hashed
)

// budgetOf is what a search may spend. A mebibyte is promised a tenth of a
// second of a processor, and a larger body as much for each, up to a size at
// which people wait.
func budgetOf(body int) int64 {
	size := int64(body)
	return max(budget*max(min(size, largeBody), usualBody)/usualBody, atLeast*size)
}

// work is the budget of a search.
type work struct {
	ctx context.Context //nolint:containedctx // of one call
	// spent is the work done, limit what the present part of the search may
	// spend, and total what all of it may: the last piece of work may exceed
	// it.
	spent, limit, total int64
	unfinished          bool
}

func (w *work) stopped() bool {
	if w.ctx.Err() != nil {
		w.unfinished = true
		return true
	}
	if w.spent+trialCost > w.limit {
		w.unfinished = true
		return true
	}
	return false
}

// charge says whether there is work left, and takes cost from it.
func (w *work) charge(cost int64) bool {
	if w.spent+cost > w.limit {
		w.unfinished = true
		return false
	}
	w.spent += cost
	return true
}

// apply undoes a mistake, if there is work left for it.
func (w *work) apply(c *change, body []byte) []byte {
	if w.spent+c.cost*int64(len(body)) > w.limit {
		w.unfinished = true
		return nil
	}
	var b []byte
	if c.needs == nil || c.needs(body) {
		b = c.do(body)
		if c.needs != nil && b == nil {
			w.spent += maxGrowth * c.cost * int64(len(body)) // it may have been given up late
		}
	}
	if b == nil {
		w.spent += int64(len(body)) / 8 // it was looked at
		return nil
	}
	w.spent += c.cost * int64(max(len(body), len(b)))
	if string(b) == string(body) {
		return nil
	}
	return b
}
