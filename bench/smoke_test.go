package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/internal/testmode"
)

// Allocations do not depend on how busy a machine is: these tests fail on them, and never on time.

// servers stop with the test.
func servers(t *testing.T, frameworks []string, kind string) *webServers {
	t.Helper()
	s, err := startServers(frameworks, []string{kind}, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestVerifyingKeepsToItsAllocations(t *testing.T) {
	testmode.Count(t)
	budget := map[string]float64{"standard": 0, "stripe": 1, "slack": 1, "github": 0} // Stripe, Slack: the event's id, out of the body
	for _, c := range verifyCases() {
		subjects, err := c.subjects()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range subjects {
			if s.name != "hookonce" {
				continue
			}
			if got, _ := allocations(s.run); got > budget[c.Scheme] {
				t.Errorf("%+v: %v allocations, the budget is %v", c, got, budget[c.Scheme])
			}
		}
	}
}

// The budgets are for the whole request, as the server counts it: framework, handler, hookonce with
// its store, and what grows in it.
func TestARequestKeepsToItsAllocations(t *testing.T) {
	testmode.Count(t)
	s := servers(t, slices.Concat(frameworks, current), withMemory)
	budget := map[string]float64{"net/http": 34, "gin": 38, "echo": 37, "fiber": 5, "echo v5": 34, "fiber v3": 5}
	for _, size := range []int{1 << 10, 16 << 10} {
		rows := s.rows(size)
		for i, e := range s.endpoints {
			for range 2 { // the first one warms pools and connections up
				m, err := signMessages(s.secret, 3000, size)
				if err != nil {
					t.Fatal(err)
				}
				if err := e.measure(&rows[i], m, 10*time.Second); err != nil {
					t.Fatal(err)
				}
			}
			if got := rows[i].Allocs[1]; got > budget[e.framework] {
				t.Errorf("%s, %d bytes: %.1f allocations a request, the budget is %v", e.framework, size, got, budget[e.framework])
			}
		}
	}
}

func TestWhatIsRefusedByItsHeadReadsNoBody(t *testing.T) {
	rows, err := attackAll(options{quick: true}, []string{"net/http", "gin", "echo"})
	if err != nil {
		t.Fatal(err)
	}
	r := results{Refusals: rows}
	for _, f := range []string{"net/http", "gin", "echo"} {
		for _, attack := range refusedByHead {
			row := r.refusal(f, withMemory, attack)
			if row.BodyRead != 0 || row.Status/100 != 4 {
				t.Errorf("%s, %s: answered %d after reading %v bytes of the body", f, attack, row.Status, row.BodyRead)
			}
		}
		if row := r.refusal(f, withMemory, "wrong signature"); row.BodyRead != attackBody || row.Status != 401 {
			t.Errorf("%s, wrong signature: answered %d after reading %v bytes", f, row.Status, row.BodyRead)
		}
	}
}

func TestEveryPartRunsAndThePageIsWritten(t *testing.T) {
	testmode.Count(t)
	var r results
	if err := r.measure(options{quick: true, began: time.Now()}, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	for _, row := range r.InFlight {
		if held := row.Held.median(); held < float64(row.Size) || held > 1<<20 {
			t.Errorf("%s, %s: a message of %d bytes in flight holds %.0f", row.Framework, row.Kind, row.Size, held)
		}
	}
	for _, f := range frameworks {
		if row := r.refusal(f, withMemory, slowSenders); len(row.Held) == 0 || row.Held.median() > 64<<10 {
			t.Errorf("%s: a connection that announces 1 MiB holds %v bytes, want 65536 at most", f, row.Held)
		}
	}
	if bare := r.refusal("fiber", bareHandler, slowSenders); bare.Held.median() < 1<<20 {
		t.Errorf("the bare fiber holds %v bytes a connection: is the listener still of use?", bare.Held)
	}
	for _, row := range r.Stores {
		if id := row.BytesID.median(); id < 72 || id > 1000 { // key and record are 72
			t.Errorf("%s, %d ids: %.0f bytes an id", row.Kind, row.IDs, id)
		}
	}
	docs := t.TempDir()
	if err := r.write(docs); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"benchmarks.md", "benchmarks/details.md"} {
		checkPage(t, filepath.Join(docs, name))
	}
}

// checkPage reports holes in a page, columns that stand twice, and links that lead nowhere.
func checkPage(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, hole := range []string{"not measured", "unknown", "NaN", "Inf", "<no value>", "| –", "| 0 ns", "| body |\n"} {
		if strings.Contains(string(text), hole) {
			t.Errorf("%s says %q", file, hole)
		}
	}
	for line := range strings.Lines(string(text)) {
		columns := strings.Split(strings.Trim(line, "| \n"), " | ")
		slices.Sort(columns)
		if strings.HasPrefix(line, "| body | ") && len(slices.Compact(columns)) < len(columns) {
			t.Errorf("a column stands twice: %s", line)
		}
	}
	for _, rest := range strings.Split(string(text), "](")[1:] {
		name, _, _ := strings.Cut(rest, ")")
		linked, err := os.ReadFile(filepath.Join(filepath.Dir(file), name))
		if err != nil || strings.HasSuffix(name, ".svg") && !strings.Contains(string(linked), "</svg>") {
			t.Errorf("%s links to %s, which is not there or no picture: %v", file, name, err)
		}
	}
}

func TestAServerRunsOnlyWhileItIsInUse(t *testing.T) {
	s := servers(t, []string{"fiber"}, bareHandler)
	e := s.endpoints[0]
	stopped := func(want bool) {
		t.Helper()
		for began := time.Now(); ; time.Sleep(time.Millisecond) { // a signal takes its time
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", e.cmd.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), ") T ") == want {
				return
			}
			if time.Since(began) > 5*time.Second {
				t.Fatalf("stopped must be %v: %s", want, text)
			}
		}
	}
	stopped(true)
	end := e.use()
	stopped(false)
	end()
	stopped(true)
}

func TestTheLeadIsServedAndNotCounted(t *testing.T) {
	s := servers(t, []string{"fiber"}, bareHandler)
	m, err := signMessages(s.secret, 2000, 256)
	if err != nil {
		t.Fatal(err)
	}
	defer s.endpoints[0].use()()
	for _, rate := range []float64{0, 5000} {
		r, err := load(s.endpoints[0].addr, m, 4, 100*time.Millisecond, rate)
		if err != nil {
			t.Fatal(err)
		}
		switch counted := len(r.latencies); {
		case counted > r.completed:
			t.Errorf("rate %v: %d of %d requests count", rate, counted, r.completed)
		case rate > 0 && counted == r.completed: // the schedule has some in the lead
			t.Errorf("rate %v: all %d requests count", rate, counted)
		}
	}
}

func TestOrderIsThereAndBackWithRedisLast(t *testing.T) {
	t.Parallel()
	s := &webServers{}
	for _, kind := range []string{bareHandler, withRedis, withMemory, byHandSvix} {
		s.endpoints = append(s.endpoints, &endpoint{kind: kind})
	}
	for _, c := range []struct {
		rep, size int
		want      []int
	}{
		{0, 256, []int{0, 2, 3, 1}},
		{3, 256, []int{3, 2, 0}},
		{5, 256, []int{0, 2, 3, 1}},
		{0, claimSize, []int{0, 2, 3, 1}},
		{1, claimSize, nil},
		{2, claimSize, []int{2, 0}},
		{10, claimSize, []int{3, 2, 0, 1}},
	} {
		if got := s.order(c.rep, func(e *endpoint) bool { return c.rep%e.every(c.size) == 0 }); !slices.Equal(got, c.want) {
			t.Errorf("repetition %d of %d B: %v, want %v", c.rep, c.size, got, c.want)
		}
	}
}

func TestSeries(t *testing.T) {
	t.Parallel()
	s := series{5, 1, 3}
	if s.median() != 3 || s.quantile(0) != 1 || s.quantile(1) != 5 {
		t.Errorf("median %v, least %v, most %v", s.median(), s.quantile(0), s.quantile(1))
	}
	if m := (series{4, 1, 2, 3}).median(); m != 2.5 {
		t.Errorf("median of four: %v", m)
	}
	if i := s.interval(); i != "1.00 to 5.00" {
		t.Errorf("interval of three: %s", i)
	}
	if i := (series{1, 2, 3, 4, 5, 6, 7, 8, 9}).interval(); i != "2.00 to 8.00" {
		t.Errorf("interval of nine: %s", i)
	}
	hundred := make(series, 100)
	for i := range hundred {
		hundred[i] = float64(i)
	}
	if i := hundred.interval(); i != "39.0 to 60.0" { // the tables' ranks are 40 and 61, from one on
		t.Errorf("interval of a hundred: %s", i)
	}
	if per := slope([]float64{1, 2, 4}, []float64{5, 7, 11}); per != 2 {
		t.Errorf("slope %v", per)
	}
	if r := s.over(series{5, 2, 0}); len(r) != 2 || r[0] != 1 || r[1] != 0.5 {
		t.Errorf("ratios %v", r)
	}
	if r := s.over(series{2, 1}); len(r) != 1 || r[0] != 2 {
		t.Errorf("ratio of what has not the same repetitions: %v", r)
	}
	if r := series(nil).over(s); len(r) != 0 {
		t.Errorf("ratio of nothing: %v", r)
	}
}
