package main

import (
	"fmt"
	"strings"
)

// claim is a limit on a figure of one run, most often a ratio.
type claim struct {
	What   string
	Of     string // the peer or framework, empty if there is only one figure
	Least  bool   // Ratio must be at least Target, else at most
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

// name says what was measured, and of what.
func (c claim) name() string {
	if c.Of == "" {
		return c.What
	}
	return c.What + ": " + c.Of
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
			"verify v1, " + size(c.size) + ": time, peer ÷ hookonce", c.peer, true, c.target,
			r.verifyRow(at, c.peer).NS.over(r.verifyRow(at, "hookonce").NS),
		})
	}
	at := verifyCase{"standard", 1 << 20, 1, 1, 0}
	all = append(all,
		claim{"verify v1, 1 MiB: time, hookonce ÷ bare SHA-256", "", false, 1.08, r.verifyRow(at, "hookonce").NS.over(r.verifyRow(at, "bare SHA-256").NS)},
		claim{"verify v1, every size: allocations", "", false, 0, r.mostAllocations()},
	)
	for _, f := range frameworks {
		target := 0.85
		if f == "fiber" {
			target = 0.55 // its bare handler does the least: 0.71 on an AMD EPYC, 0.60 and 0.61 on Intel Xeons
		}
		all = append(all, claim{
			"middleware, 1 KiB: requests per second, hookonce ÷ bare handler", f, true, target,
			r.webRow(f, withMemory, claimSize).Rate.over(r.webRow(f, bareHandler, claimSize).Rate),
		})
	}
	for _, f := range frameworks {
		all = append(all, claim{"middleware, worst size: requests per second, hookonce ÷ written by hand", f, true, 1, r.overByHand(f)})
	}
	all = append(all, r.moreClaims()...)
	return append(all, claim{"explain, 1 MiB, worst case: processor time, ms", "", false, 100, r.worstExplained().CPU})
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

// ClaimsTable has a row for each claim of the summary. Claims that differ only
// in what they are about share one.
func (r *results) ClaimsTable() string {
	t := newTable("claim", "target", "measured", "holds")
	all := r.claims()
	for len(all) > 0 {
		first := all[0]
		var figures, missed []string
		for len(all) > 0 && all[0].What == first.What && all[0].target() == first.target() {
			c := all[0]
			all = all[1:]
			figures = append(figures, strings.TrimSpace(c.Of+" "+c.measured()))
			if !c.holds() {
				missed = append(missed, strings.TrimSpace("**no** "+c.Of))
			}
		}
		if missed == nil {
			missed = []string{"yes"}
		}
		t.row(first.What, first.target(), strings.Join(figures, ", "), strings.Join(missed, ", "))
	}
	return t.String()
}

// IntervalsTable has the confidence interval of each figure.
func (r *results) IntervalsTable() string {
	t := newTable("claim", "measured", "95 % of the median")
	for _, c := range r.claims() {
		if interval := c.Ratio.interval(); interval != "" {
			t.row(c.name(), c.measured()+c.Ratio.around(), interval)
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
	return fmt.Sprintf("%d of %d figures kept to their targets.", held, len(all))
}
