package explain

import (
	"context"

	"github.com/hookonce/hookonce/core"
)

// Budget is the bound on the work, in bytes, with what the last piece of it may take: what comes out of a compressed body.
const Budget = budget + 4*maxInflated

// Work explains, and says how much of the budget it took.
func Work(ctx context.Context, r core.Refused, others map[string]*core.Keys) (Explanation, int64) {
	return explain(ctx, r, others)
}
