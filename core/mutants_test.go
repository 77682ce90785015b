package core //nolint:testpackage // its mutants run the simulations, which need the unexported protocol

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/internal/testmode"
)

// mutant is this package with one rule of the protocol broken: a list of edits of its source. A
// simulation proves something only if it finds what goes wrong in each mutant.
type mutant []edit

// edit replaces text that occurs once in a file.
type edit struct{ file, from, to string }

var (
	lifeFromArrival = mutant{ // a record lives for the tolerance from arrival
		{"claim.go", "return stamp + p.past + p.margin()", "return now + p.past"},
		{"claim.go", "case p.eachAttempt:\n\t\tclaimed.windowEnd", "case false:\n\t\tclaimed.windowEnd"},
		{"claim.go", "ms = max(ms, p.remember)", "ms = p.past"},
	}
	noMargin = mutant{ // no allowance for skew and whole seconds
		{"claim.go", "return 2*p.skew + 1000 + p.visit", "return 0"},
		{"claim.go", "case p.eachAttempt:\n\t\tclaimed.windowEnd", "case false:\n\t\tclaimed.windowEnd"},
	}
	noTouch = mutant{ // a redelivery leaves the record alone
		{"claim.go", "if v != run && v != redelivery {", "if v != run {"},
	}
	releaseDeletes = mutant{ // a release forgets the message
		{"claim.go", "case Released, Spent, Counted: // they", "case Released:\n\t\tms = 1\n\tcase Spent, Counted: // they"},
	}
	leaseIsLife = mutant{ // a claim's record ends with its lease
		{"claim.go", "ms = max(ms, p.lastEnd(r)+2*p.skew-now)", "ms = p.lease"},
	}
	noColdStart = mutant{ // a store that lost its records is trusted
		{"claim.go", "if c.since == nil || stamp == 0 {", "if true {"},
	}
	noSecondLook = mutant{ // a loss of records that a claim itself detects does not count for that claim
		{"claim.go", "case c.cold(stamp, now): // the swap", "case false: // the swap"},
	}
	contentAlone = mutant{ // unsigned ids do not count
		{"identity.go", "if len(a.Unsigned) == 0 || ", "if true || "},
	}
	idAlone = mutant{ // unsigned ids count without the signed content
		{"identity.go", "_, _ = h.Write(content[:])", ""},
	}
	noCount = mutant{ // equal contents are not counted
		{"claim.go", "if n > p.repeats {", "if false {"},
	}
	noSpending = mutant{ // an attempt may be presented under any unsigned id
		{"claim.go", "if id.spends(&c.protocol) {", "if false {"},
	}
	timeIdentifies = mutant{ // a retry is another message, because its timestamp differs
		{"identity.go", "if eachAttempt {\n\t\t// A retry", "if false {\n\t\t// A retry"},
	}
	noPrint = mutant{ // a handled message is acknowledged whatever its content and address
		{"claim.go", "case differ(old.print.content, id.print.content):", "case false:"},
		{"claim.go", "case differ(old.print.endpoint, id.print.endpoint):", "case false:"},
	}
	sure = mutant{ // equal bytes are one event, whatever the scheme says
		{"identity.go", "id.unsure = !eachAttempt && a.Indistinct", "id.unsure = false"},
	}
	noRenewal = mutant{ // renewals of leases are ignored
		{"lease.go", "if c.running.holds(c, key, claimed, now) {", "if false {"},
		{"lease.go", "return rec.state == Claimed && now < rec.leaseEnd+2*c.skew, nil", "return rec.state == Claimed && now < 0, nil"},
	}
)

// runs reports whether the test runs in the mutant. If it does not, runs compiles the mutant's test
// program and runs the calling test in it, which must pass there.
func (m mutant) runs(t *testing.T) bool {
	t.Helper()
	const env = "HOOKONCE_MUTANT"
	if os.Getenv(env) == t.Name() {
		return true
	}
	if testmode.Brief() {
		t.Skip("it compiles this package with a rule broken: run `make long`")
	}
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	changed := make(map[string]string)
	for _, e := range m {
		source, ok := changed[e.file]
		if !ok {
			text, err := os.ReadFile(e.file)
			if err != nil {
				t.Fatal(err)
			}
			source = string(text)
		}
		if n := strings.Count(source, e.from); n != 1 {
			t.Fatalf("%s contains %q %d times, want once: adapt the mutant to the code", e.file, e.from, n)
		}
		changed[e.file] = strings.Replace(source, e.from, e.to, 1)
	}
	replace := make(map[string]string)
	for file, source := range changed {
		path, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		replace[path] = write(file, []byte(source))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "mutant.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-overlay", write("overlay.json", overlay), "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the mutant does not compile: %v\n%s", err, out)
	}
	parts := strings.Split(t.Name(), "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	mutated := exec.CommandContext(t.Context(), program, "-test.v", "-test.run", strings.Join(parts, "/"))
	mutated.Env = append(os.Environ(), env+"="+t.Name())
	out, err := mutated.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("in the mutant: %v\n%s", err, out)
	}
	return false
}
