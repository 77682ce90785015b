package main

import (
	_ "embed"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// The summary and the page that it links to.
var (
	//go:embed page.md.tmpl
	summary string
	//go:embed details.md.tmpl
	details string
)

// write writes the pages and their pictures.
func (r *results) write(docs string) error {
	if err := os.MkdirAll(filepath.Join(docs, "benchmarks"), 0o755); err != nil {
		return err
	}
	if err := r.plot(filepath.Join(docs, "benchmarks")); err != nil {
		return err
	}
	for name, text := range map[string]string{"benchmarks.md": summary, "benchmarks/details.md": details} {
		t, err := template.New(name).Parse(text)
		if err != nil {
			return err
		}
		var b strings.Builder
		if err := t.Execute(&b, r); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(docs, name), []byte(b.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// table writes rows under a head.
type table struct {
	strings.Builder
}

func newTable(columns ...string) *table {
	t := new(table)
	t.row(columns...)
	t.row(strings.Split(strings.Repeat("---,", len(columns)), ",")[:len(columns)]...)
	return t
}

func (t *table) row(cells ...string) { t.WriteString("| " + strings.Join(cells, " | ") + " |\n") }

// in writes a series in a unit of so many of its own: a median, and the spread
// as the page explains it.
func (s series) in(unit float64) string {
	if len(s) == 0 {
		return "–"
	}
	return short(s.median()/unit) + s.around()
}

// Repetitions is how many there were of the values that the tables show.
func (r *results) Repetitions() string {
	return "signatures " + lengths(r.Verify, func(row verifyRow) series { return row.NS }) +
		", requests " + lengths(r.Web, func(row webRow) series { return row.Rate }) +
		", refusals " + lengths(r.Refusals, func(row refusalRow) series { return row.CPU }) +
		", stores " + lengths(r.Stores, func(row storeRow) series { return row.Message })
}

func lengths[Row any](rows []Row, of func(Row) series) string {
	if len(rows) == 0 {
		return "none"
	}
	n := make([]int, len(rows))
	for i, row := range rows {
		n[i] = len(of(row))
	}
	return fmt.Sprintf("%d to %d", slices.Min(n), slices.Max(n))
}

// VersionsLine lists what was measured.
func (r *results) VersionsLine() string { return strings.Join(r.Machine.Versions, ", ") }

func (r *results) moreClaims() []claim {
	var all []claim
	for _, of := range []struct {
		what  string
		value func(storeRow) series
	}{
		{"time per message while it fills", func(s storeRow) series { return s.Message }},
		{"bytes per id", func(s storeRow) series { return s.BytesID }},
		{"time of a garbage collection", func(s storeRow) series { return s.GC }},
	} {
		for _, peer := range []string{syncMap, otterCache} {
			all = append(all, claim{
				"memory store, 10 M ids: " + of.what + ", peer ÷ memstore", peer, true, 1,
				of.value(r.store(peer, 10_000_000)).over(of.value(r.store(ourStore, 10_000_000))),
			})
		}
	}
	for _, f := range attacked {
		var worst series
		for _, attack := range refusedByHead {
			ratio := r.refusal(f, withMemory, attack).CPU.over(r.refusal(f, notFound, attack).CPU)
			if worst == nil || ratio.median() > worst.median() {
				worst = ratio
			}
		}
		all = append(all, claim{"rejected on headers alone, worst case: processor time, hookonce ÷ 404 and close", f, false, 1.2, worst})
	}
	var read series
	for _, attack := range refusedByHead {
		if row := r.refusal("net/http", withMemory, attack); len(row.CPU) > 0 && (read == nil || row.BodyRead > read[0]) {
			read = series{row.BodyRead}
		}
	}
	all = append(all, claim{"rejected on headers alone: bytes of the body read", "net/http", false, 0, read})
	for _, f := range frameworks {
		var held series
		for _, bytes := range r.refusal(f, withMemory, slowSenders).Held {
			held = append(held, bytes/1024)
		}
		all = append(all, claim{"a connection that announces 1 MiB and sends one byte a second: KiB held", f, false, 64, held})
	}
	return all
}

func (r *results) store(kind string, ids int) storeRow {
	for _, s := range r.Stores {
		if s.Kind == kind && s.IDs == ids {
			return s
		}
	}
	return storeRow{}
}

// VerifyTable has a line for each size and a column for each who verifies.
func (r *results) VerifyTable(scheme string, keys, signatures int) string {
	var cases []verifyCase
	for _, n := range verifySizes {
		cases = append(cases, verifyCase{scheme, n, keys, signatures, 0})
	}
	return r.verifyTable("body", cases, func(c verifyCase) string { return size(c.Size) })
}

// KeysTable is 1 KiB with more keys and more signatures.
func (r *results) KeysTable() string {
	return r.verifyTable("keys, signatures", slices.Concat(moreKeys(), moreSignatures()[1:], []verifyCase{moreOfBoth}), func(c verifyCase) string {
		return fmt.Sprintf("%d, %d", c.Keys, c.Signatures)
	})
}

// HeapTable is a receiver that holds something else.
func (r *results) HeapTable() string {
	return r.verifyTable("body", heaped(), func(c verifyCase) string { return size(c.Size) })
}

// HeapLead is by how much hookonce leads there.
func (r *results) HeapLead() string {
	var parts []string
	for _, c := range heaped() {
		for _, peer := range []string{"svix", "standard-webhooks"} {
			parts = append(parts, fmt.Sprintf("%s × %s at %s", peer, short(r.verifyRow(c, peer).NS.over(r.verifyRow(c, "hookonce").NS).median()), size(c.Size)))
		}
	}
	return strings.Join(parts, ", ")
}

// verifyTable has a line for each case, and a column for each who verifies in
// all of them.
func (r *results) verifyTable(head string, cases []verifyCase, label func(verifyCase) string) string {
	var names []string
	for _, row := range r.Verify {
		absent := func(c verifyCase) bool { return len(r.verifyRow(c, row.Name).NS) == 0 }
		if row.verifyCase == cases[0] && !slices.ContainsFunc(cases, absent) {
			names = append(names, row.Name)
		}
	}
	t := newTable(append([]string{head}, names...)...)
	for _, c := range cases {
		cells := []string{label(c)}
		for _, name := range names {
			cells = append(cells, r.verifyCell(c, name))
		}
		t.row(cells...)
	}
	return t.String()
}

// verifyCell is time, ratio to the bare hash, and what is allocated.
func (r *results) verifyCell(c verifyCase, name string) string {
	row := r.verifyRow(c, name)
	text := nanoseconds(row.NS.median()) + row.NS.around()
	if name != "bare SHA-256" {
		text += ", × " + short(row.NS.over(r.verifyRow(c, "bare SHA-256").NS).median())
	}
	switch row.Allocs {
	case 0:
		return text + ", 0 B"
	case 1:
		return text + fmt.Sprintf(", %s in 1 allocation", amount(row.Bytes))
	default:
		return text + fmt.Sprintf(", %s in %.0f allocations", amount(row.Bytes), row.Allocs)
	}
}

// WebTable is one framework in the closed loop, or all in the open one.
func (r *results) WebTable(framework string) string {
	t := newTable("body", "endpoint", "requests/s", "÷ bare", "p50 µs", "p99 µs", "p99.9 µs", "server µs per request", "allocations", "bytes allocated")
	for _, row := range r.Web {
		if row.Framework == framework && row.Offered == 0 {
			t.row(append([]string{size(row.Size), row.Kind, row.Rate.in(1), short(row.Rate.over(r.webRow(framework, bareHandler, row.Size).Rate).median())},
				row.latencies()...)...)
		}
	}
	return t.String()
}

// OpenTable is the open loop.
func (r *results) OpenTable() string {
	t := newTable("framework", "endpoint", "offered/s", "p50 µs", "p99 µs", "p99.9 µs", "server µs per request", "allocations", "bytes allocated")
	for _, row := range r.Web {
		if row.Offered > 0 {
			t.row(append([]string{row.Framework, row.Kind, short(row.Offered)}, row.latencies()...)...)
		}
	}
	return t.String()
}

func (w webRow) latencies() []string {
	return []string{w.P50.in(1e3), w.P99.in(1e3), w.P999.in(1e3), w.CPU.in(1e3), short(w.Allocs.median()), short(w.Bytes.median())}
}

// InFlightTable is what a message holds while its handler runs.
func (r *results) InFlightTable() string {
	t := newTable("framework", "endpoint", "1 KiB", "16 KiB")
	held := func(of inFlightRow, n int) string {
		for _, row := range r.InFlight {
			if row.Framework == of.Framework && row.Kind == of.Kind && row.Size == n {
				return row.Held.in(1024) + " KiB"
			}
		}
		return "–"
	}
	for _, row := range r.InFlight {
		if row.Size == 1<<10 {
			t.row(row.Framework, row.Kind, held(row, 1<<10), held(row, 16<<10))
		}
	}
	return t.String()
}

// StoresTable is the large stores.
func (r *results) StoresTable() string {
	t := newTable("ids", "store", "claim and settlement", "settled claims/s per processor", "duplicate", "p50 µs", "p99 µs", "p99.9 µs", "bytes per id", "collection", "processor time of marking")
	for _, s := range r.Stores {
		t.row(count(s.IDs), s.Kind, s.Message.in(1)+" ns", short(1e9/max(1, s.Message.median())), s.Duplicate.in(1)+" ns", s.P50.in(1e3), s.P99.in(1e3), s.P999.in(1e3),
			s.BytesID.in(1), s.GC.in(1)+" ms", s.GCProcessor.in(1)+" ms")
	}
	return t.String()
}

// ExpiryTable is what it costs to replace what has expired.
func (r *results) ExpiryTable() string {
	t := newTable("ids", "store", "claim, and removal of an expired id", "longest call")
	for _, s := range r.Stores {
		if s.IDs >= expiryIDs {
			t.row(count(s.IDs), s.Kind, s.Expire.in(1)+" ns", s.Pause.in(1)+" ms")
		}
	}
	return t.String()
}

func count(n int) string {
	switch {
	case n >= 1_000_000:
		return fmt.Sprintf("%d M", n/1_000_000)
	default:
		return fmt.Sprintf("%d k", n/1000)
	}
}

// RefusalsTable is what a stranger can have spent.
func (r *results) RefusalsTable() string {
	t := newTable("framework", "request", "endpoint", "response", "server µs", "÷ 404 and close", "bytes allocated", "bytes of the body read")
	for _, row := range r.Refusals {
		if row.Attack == slowSenders {
			continue
		}
		read := short(row.BodyRead)
		switch {
		case row.Status == http.StatusRequestHeaderFieldsTooLarge:
			read = short(0) // the server's own answer
		case row.BodyRead < 0:
			read = "fiber has, before"
		}
		t.row(row.Framework, row.Attack, row.Kind, strconv.Itoa(row.Status), row.CPU.in(1e3), short(row.CPU.over(r.refusal(row.Framework, notFound, row.Attack).CPU).median()),
			short(row.Allocated.median()), read)
	}
	return t.String()
}

// SlowTable is many connections that send next to nothing.
func (r *results) SlowTable() string {
	t := newTable("framework", "endpoint", "connections", "server µs per second and connection", "KiB held per connection")
	for _, row := range r.Refusals {
		if row.Attack == slowSenders {
			t.row(row.Framework, row.Kind, strconv.Itoa(row.Connections), row.CPU.in(1e3), row.Held.in(1024))
		}
	}
	return t.String()
}

// CoresTable is how the work grows with the processors.
func (r *results) CoresTable() string {
	t := newTable("processors", "signatures/s", "admissions/s")
	for _, row := range r.Cores {
		t.row(strconv.Itoa(row.Cores), row.Verify.in(1), row.Deliver.in(1))
	}
	return t.String()
}

// The slopes, as sentences of the page need them.

// PerByte is hookonce's time for a byte of a large body, in ns, beside the bare
// hash's.
func (r *results) PerByte() string {
	slope := func(name string) float64 {
		small, large := r.verifyRow(verifyCase{"standard", 16 << 10, 1, 1, 0}, name).NS.median(), r.verifyRow(verifyCase{"standard", 1 << 20, 1, 1, 0}, name).NS.median()
		return (large - small) / float64(1<<20-16<<10)
	}
	return fmt.Sprintf("%s ns per byte (bare hash %s, svix %s)", short(slope("hookonce")), short(slope("bare SHA-256")), short(slope("svix")))
}

// PerKey is what one more key costs, by a line through all numbers of them.
func (r *results) PerKey() string {
	return r.slopes(moreKeys(), func(c verifyCase) int { return c.Keys })
}

// PerSignature is what one more presented signature costs.
func (r *results) PerSignature() string {
	return r.slopes(moreSignatures(), func(c verifyCase) int { return c.Signatures })
}

func (r *results) slopes(cases []verifyCase, of func(verifyCase) int) string {
	var parts []string
	for _, name := range []string{"hookonce", "svix", "standard-webhooks"} {
		var x, y []float64
		for _, c := range cases {
			x, y = append(x, float64(of(c))), append(y, r.verifyRow(c, name).NS.median())
		}
		parts = append(parts, name+" "+nanoseconds(slope(x, y)))
	}
	return strings.Join(parts, ", ")
}

// ByIDs is how a message's time grows from the smallest store to the largest.
func (r *results) ByIDs() string {
	least, most := storeIDs[0], storeIDs[len(storeIDs)-1]
	var parts []string
	for _, kind := range storeKinds {
		parts = append(parts, kind+" × "+short(r.store(kind, most).Message.median()/max(1, r.store(kind, least).Message.median())))
	}
	return fmt.Sprintf("From %s ids to %s: %s", count(least), count(most), strings.Join(parts, ", "))
}

// ByCores is what all processors do over what one does.
func (r *results) ByCores() string {
	if len(r.Cores) == 0 {
		return "not measured"
	}
	one, all := r.Cores[0], r.Cores[len(r.Cores)-1]
	return fmt.Sprintf("%d processors verify × %s and admit × %s of what one does", all.Cores, short(all.Verify.over(one.Verify).median()),
		short(all.Deliver.over(one.Deliver).median()))
}
