package services

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// NodeModules installs the npm packages that package.json and package-lock.json
// in the folder manifest pin, into a folder of the test's, and copies scripts
// from manifest into it. It returns that folder. It skips the test if they cannot
// be installed.
func NodeModules(t testing.TB, manifest string, scripts ...string) string {
	t.Helper()
	Find(t, "node", "nodejs")
	npm := Find(t, "npm", "npm")
	dir := folder(t)
	for _, name := range append([]string{"package.json", "package-lock.json"}, scripts...) {
		text, err := os.ReadFile(filepath.Join(manifest, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), string(text))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		if os.Getenv(Required) == "1" {
			t.Fatalf("the npm packages of %s cannot be installed (%s is set): %v\n%s", manifest, Required, err, out)
		}
		t.Skipf("the npm packages of %s cannot be installed: %v\n%s", manifest, err, out)
	}
	return dir
}
