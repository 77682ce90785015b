package integration_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/integration/services"
)

// TestTheExampleOfSQLStoreRuns makes a program of the example in the documentation of sqlstore,
// with the driver that it names, and runs it on a new database.
func TestTheExampleOfSQLStoreRuns(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(filepath.Join("..", "stores", "sqlstore", "example_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(
		"package sqlstore_test\n", "package main\n",
		"import (\n", "import (\n\t_ \"github.com/jackc/pgx/v5/stdlib\"\n",
	).Replace(string(source)) + "\nfunc main() { ExampleNew() }\n"
	dir := t.TempDir()
	program := filepath.Join(dir, "main.go")
	if err := os.WriteFile(program, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// The program is in this module, which requires the driver.
	here, err := filepath.Abs("sqlexample")
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(here, "main.go"): program}})
	if err != nil {
		t.Fatal(err)
	}
	replace := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(replace, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", "-overlay="+replace, "./sqlexample")
	cmd.Env = append(os.Environ(), "DATABASE_URL="+services.StartPostgres(t).DSN(), "WEBHOOK_SECRET="+secret)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
