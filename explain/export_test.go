package explain

import "context"

// Budget is the bound on the work, in bytes, with what the last piece of it may take: what comes out of a compressed body.
const Budget = budget + 4*maxInflated

// Work explains, and says how much of the budget it took.
func Work(ctx context.Context, in Input) (Explanation, int64) {
	e, s := explain(ctx, in)
	return e, s.spent
}
