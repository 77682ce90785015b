// Package browser_test opens the page of hookonce listen --inspect in a real
// browser.
package browser_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hookonce/hookonce/integration/services"
)

// The cases are in page.test.mjs, in the language of the browser driver.
func TestTheInspectorInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("opens a browser: run `make test-all`")
	}
	t.Parallel()
	chromium, node := services.Find(t, "chromium", "chromium"), services.Find(t, "node", "nodejs")
	dir := services.NodeModules(t, ".", "page.test.mjs")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	program := filepath.Join(dir, "hookonce")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/hookonce/hookonce/cmd/hookonce").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := exec.CommandContext(ctx, node, "--test", "page.test.mjs")
	run.Dir = dir
	run.Env = append(os.Environ(), "HOOKONCE="+program, "CHROMIUM="+chromium)
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
