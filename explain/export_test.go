package explain

import "context"

// Budget is the bound on the work, in bytes.
const Budget = budget

// Work explains, and says how much of the budget it took.
func Work(ctx context.Context, in Input) (Explanation, int64) {
	e, s := explain(ctx, in)
	return e, s.spent
}
