package main

import "fmt"

// claim is something that must hold, as a ratio in one run.
type claim struct {
	What   string
	Least  bool // the ratio must be at least Target, else at most
	Target float64
	Ratio  series
}

func (c claim) holds() bool {
	if len(c.Ratio) == 0 {
		return false
	}
	if c.Least {
		return c.Ratio.median() >= c.Target
	}
	return c.Ratio.median() <= c.Target
}

func (c claim) target() string {
	if c.Least {
		return "at least " + short(c.Target)
	}
	return "at most " + short(c.Target)
}

func (c claim) measured() string {
	if len(c.Ratio) == 0 {
		return "not measured"
	}
	return short(c.Ratio.median())
}

func (c claim) verdict() string {
	if c.holds() {
		return "yes"
	}
	return "**no**"
}

func (r *results) verifyRow(c verifyCase, name string) verifyRow {
	for _, row := range r.Verify {
		if row.verifyCase == c && row.Name == name {
			return row
		}
	}
	return verifyRow{}
}

// webRow is of the closed loop.
func (r *results) webRow(framework, kind string, size int) webRow {
	for _, row := range r.Web {
		if row.Framework == framework && row.Kind == kind && row.Size == size && row.Offered == 0 {
			return row
		}
	}
	return webRow{}
}

// claims are all of them, in the order of the parts.
func (r *results) claims() []claim {
	var all []claim
	for _, c := range []struct {
		peer   string
		size   int
		target float64
	}{{"svix", claimSize, 2.5}, {"standard-webhooks", claimSize, 2.5}, {"svix", 1 << 20, 2}, {"standard-webhooks", 1 << 20, 2}} {
		at := verifyCase{"standard", c.size, 1, 1, 0}
		all = append(all, claim{
			fmt.Sprintf("verify v1 at %s: time of %s over hookonce's", size(c.size), c.peer), true, c.target,
			r.verifyRow(at, c.peer).NS.over(r.verifyRow(at, "hookonce").NS),
		})
	}
	at := verifyCase{"standard", 1 << 20, 1, 1, 0}
	all = append(all,
		claim{"verify v1 at 1 MiB: time over that of bare SHA-256", false, 1.08, r.verifyRow(at, "hookonce").NS.over(r.verifyRow(at, "bare SHA-256").NS)},
		claim{"verify v1 at every size: allocations", false, 0, r.mostAllocations()},
	)
	for _, f := range frameworks {
		target := 0.85
		if f == "fiber" {
			target = 0.55 // its bare handler does the least: 0.71 on an AMD EPYC, 0.60 and 0.61 on Intel Xeons
		}
		all = append(all, claim{
			"middleware at 1 KiB, " + f + ": requests a second over the bare handler's", true, target,
			r.webRow(f, withMemory, claimSize).Rate.over(r.webRow(f, bareHandler, claimSize).Rate),
		})
	}
	for _, f := range frameworks {
		all = append(all, claim{"middleware, " + f + ": requests a second over the one written by hand, at the worst size", true, 1, r.overByHand(f)})
	}
	all = append(all, r.moreClaims()...)
	return append(all, claim{"explain at 1 MiB, worst case: processor time, ms", false, 100, r.worstExplained().CPU})
}

// mostAllocations is of hookonce's v1 over all sizes.
func (r *results) mostAllocations() series {
	var most series
	for _, row := range r.Verify {
		if row.Scheme == "standard" && row.Name == "hookonce" {
			if len(most) == 0 {
				most = series{0}
			}
			most[0] = max(most[0], row.Allocs)
		}
	}
	return most
}

func (r *results) overByHand(framework string) series {
	var worst series
	for _, size := range webSizes {
		ratio := r.webRow(framework, withMemory, size).Rate.over(r.webRow(framework, byHandSvix, size).Rate)
		if worst == nil || ratio.median() < worst.median() {
			worst = ratio
		}
	}
	return worst
}

// ClaimsTable is what must hold, for the summary.
func (r *results) ClaimsTable() string {
	t := newTable("claim", "target", "measured", "holds")
	for _, c := range r.claims() {
		t.row(c.What, c.target(), c.measured(), c.verdict())
	}
	return t.String()
}

// IntervalsTable is how sure that is.
func (r *results) IntervalsTable() string {
	t := newTable("claim", "measured", "95 % of the median")
	for _, c := range r.claims() {
		if interval := c.Ratio.interval(); interval != "" {
			t.row(c.What, c.measured()+c.Ratio.around(), interval)
		}
	}
	return t.String()
}

// Holding counts the claims that hold.
func (r *results) Holding() string {
	all, held := r.claims(), 0
	for _, c := range all {
		if c.holds() {
			held++
		}
	}
	return fmt.Sprintf("%d of %d claims held in this run.", held, len(all))
}
