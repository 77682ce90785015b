package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
)

//go:embed report.md.tmpl
var page string

// write writes the page and its pictures.
func (r *results) write(docs string) error {
	if err := os.MkdirAll(filepath.Join(docs, "benchmarks"), 0o755); err != nil {
		return err
	}
	if err := r.plot(filepath.Join(docs, "benchmarks")); err != nil {
		return err
	}
	t, err := template.New("page").Parse(page)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, r); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(docs, "benchmarks.md"), []byte(b.String()), 0o644)
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

// in writes a series in a unit of so many of its own: a median, and the spread as the page explains it.
func (s series) in(unit float64) string {
	if len(s) == 0 {
		return "–"
	}
	return short(s.median()/unit) + s.around()
}

// ClaimsTable is what must hold.
func (r *results) ClaimsTable() string { return r.claimsTable() }

// VersionsLine lists what was measured.
func (r *results) VersionsLine() string { return strings.Join(r.Machine.Versions, ", ") }

func (r *results) moreClaims() []claim {
	var all []claim
	for _, of := range []struct {
		what  string
		value func(storeRow) series
	}{
		{"time of a message while it fills", func(s storeRow) series { return s.Message }},
		{"bytes an id", func(s storeRow) series { return s.BytesID }},
		{"time of a garbage collection", func(s storeRow) series { return s.GC }},
	} {
		for _, peer := range []string{syncMap, otterCache} {
			all = append(all, claim{
				"memory store of 10 M ids, " + of.what + ": " + peer + " over memstore", true, 1,
				of.value(r.store(peer, 10_000_000)).over(of.value(r.store(ourStore, 10_000_000))),
			})
		}
	}
	var worst, read series
	for _, attack := range refusedByHead {
		ours := r.refusal("net/http", withMemory, attack)
		if len(ours.CPU) == 0 {
			continue
		}
		if ratio := ours.CPU.over(r.refusal("net/http", notFound, attack).CPU); worst == nil || ratio.median() > worst.median() {
			worst = ratio
		}
		if read == nil || ours.BodyRead > read[0] {
			read = series{ours.BodyRead}
		}
	}
	return append(all,
		claim{"refused by its head, the dearest kind: processor time over that of 404 and close", false, 1.2, worst},
		claim{"refused by its head: bytes of the body read", false, 0, read},
	)
}

func (r *results) store(kind string, ids int) storeRow {
	for _, s := range r.Stores {
		if s.Kind == kind && s.IDs == ids {
			return s
		}
	}
	return storeRow{}
}

// VerifyTable has a line for each size and a pair of columns for each who verifies.
func (r *results) VerifyTable(scheme string) string {
	var names []string
	for _, row := range r.Verify {
		if row.verifyCase == (verifyCase{scheme, verifySizes[0], 1, 1, 0}) {
			names = append(names, row.Name)
		}
	}
	t := newTable(append([]string{"body"}, names...)...)
	for _, n := range verifySizes {
		c := verifyCase{scheme, n, 1, 1, 0}
		cells := []string{size(n)}
		for _, name := range names {
			cells = append(cells, r.verifyCell(c, name))
		}
		t.row(cells...)
	}
	return t.String()
}

// verifyCell is time, ratio to the bare hash, and allocations.
func (r *results) verifyCell(c verifyCase, name string) string {
	row := r.verifyRow(c, name)
	text := row.NS.in(1) + " ns"
	if name != "bare SHA-256" {
		text += ", × " + short(row.NS.over(r.verifyRow(c, "bare SHA-256").NS).median())
	}
	switch {
	case row.Allocs == 1:
		text += fmt.Sprintf(", %.0f B in 1 allocation", row.Bytes)
	case row.Allocs > 0:
		text += fmt.Sprintf(", %.0f B in %.0f allocations", row.Bytes, row.Allocs)
	case !strings.HasPrefix(name, "bare "):
		text += ", 0 B"
	}
	return text
}

// ManyTable is one message of 1 KiB under more keys, more signatures, and in a program with more to look after.
func (r *results) ManyTable() string {
	t := newTable("scheme", "body", "keys", "signatures", "heap elsewhere", "who", "time", "over bare SHA-256", "over hookonce's", "allocations", "bytes allocated")
	for _, row := range r.Verify {
		if row.Keys == 1 && row.Signatures == 1 && row.Heap == 0 || strings.HasPrefix(row.Name, "bare ") {
			continue
		}
		t.row(row.Scheme, size(row.Size), strconv.Itoa(row.Keys), strconv.Itoa(row.Signatures), fmt.Sprintf("%d MiB", row.Heap), row.Name, row.NS.in(1)+" ns",
			short(row.NS.over(r.verifyRow(row.verifyCase, "bare SHA-256").NS).median()), short(row.NS.over(r.verifyRow(row.verifyCase, "hookonce").NS).median()), fmt.Sprintf("%.0f", row.Allocs), fmt.Sprintf("%.0f", row.Bytes))
	}
	return t.String()
}

// WebTable is one framework in the closed loop, or all in the open one.
func (r *results) WebTable(framework string) string {
	t := newTable("body", "endpoint", "requests/s", "over bare", "p50 µs", "p99 µs", "p99.9 µs", "server µs a request", "allocations", "bytes allocated")
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
	t := newTable("framework", "endpoint", "offered/s", "p50 µs", "p99 µs", "p99.9 µs", "server µs a request", "allocations", "bytes allocated")
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
	t := newTable("ids", "store", "claim and settlement", "settled claims/s a processor", "duplicate", "p50 µs", "p99 µs", "p99.9 µs", "bytes an id", "collection", "processor time of marking")
	for _, s := range r.Stores {
		t.row(count(s.IDs), s.Kind, s.Message.in(1)+" ns", short(1e9/max(1, s.Message.median())), s.Duplicate.in(1)+" ns", s.P50.in(1e3), s.P99.in(1e3), s.P999.in(1e3),
			s.BytesID.in(1), s.GC.in(1)+" ms", s.GCProcessor.in(1)+" ms")
	}
	return t.String()
}

// ExpiryTable is what it costs to replace what has expired.
func (r *results) ExpiryTable() string {
	t := newTable("ids", "store", "a claim and the removal of an expired id", "longest call")
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
	t := newTable("framework", "what is sent", "endpoint", "answer", "server µs", "over 404 and close", "bytes allocated", "bytes of the body read")
	for _, row := range r.Refusals {
		if row.Attack == slowSenders {
			continue
		}
		read := short(row.BodyRead)
		if row.BodyRead < 0 {
			read = "fiber has, before"
		}
		t.row(row.Framework, row.Attack, row.Kind, strconv.Itoa(row.Status), row.CPU.in(1e3), short(row.CPU.over(r.refusal(row.Framework, notFound, row.Attack).CPU).median()),
			short(row.Allocated.median()), read)
	}
	return t.String()
}

// SlowTable is many connections that send next to nothing.
func (r *results) SlowTable() string {
	t := newTable("framework", "endpoint", "connections", "server µs a second and connection", "KiB held a connection")
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

// PerByte is hookonce's time for a byte of a large body, in ns, beside the bare hash's.
func (r *results) PerByte() string {
	slope := func(name string) float64 {
		small, large := r.verifyRow(verifyCase{"standard", 16 << 10, 1, 1, 0}, name).NS.median(), r.verifyRow(verifyCase{"standard", 1 << 20, 1, 1, 0}, name).NS.median()
		return (large - small) / float64(1<<20-16<<10)
	}
	return fmt.Sprintf("%s ns a byte, the bare hash %s, svix %s", short(slope("hookonce")), short(slope("bare SHA-256")), short(slope("svix")))
}

// PerKey and PerSignature are what one more costs, in ns.
func (r *results) PerKey() string {
	slope := func(name string) float64 {
		return (r.verifyRow(verifyCase{"standard", 1 << 10, 16, 1, 0}, name).NS.median() - r.verifyRow(verifyCase{"standard", 1 << 10, 1, 1, 0}, name).NS.median()) / 15
	}
	return fmt.Sprintf("%s ns, svix %s, standard-webhooks %s", short(slope("hookonce")), short(slope("svix")), short(slope("standard-webhooks")))
}

// PerSignature is what one more presented signature costs.
func (r *results) PerSignature() string {
	slope := func(name string) float64 {
		return (r.verifyRow(verifyCase{"standard", 1 << 10, 1, 16, 0}, name).NS.median() - r.verifyRow(verifyCase{"standard", 1 << 10, 1, 1, 0}, name).NS.median()) / 15
	}
	return fmt.Sprintf("%s ns, svix %s, standard-webhooks %s", short(slope("hookonce")), short(slope("svix")), short(slope("standard-webhooks")))
}

// ByIDs is how a message's time grows from a hundred thousand ids to ten million.
func (r *results) ByIDs() string {
	var parts []string
	for _, kind := range storeKinds {
		parts = append(parts, fmt.Sprintf("%s × %s", kind, short(r.store(kind, 10_000_000).Message.median()/max(1, r.store(kind, 100_000).Message.median()))))
	}
	return strings.Join(parts, ", ")
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
