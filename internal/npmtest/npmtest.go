// Package npmtest installs npm packages for tests.
package npmtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Required is an environment variable. If it is 1, a missing npm or registry is
// a failure, not a reason to skip.
const Required = "HOOKONCE_REQUIRE_SERVICES"

// Install copies the package.json and the package-lock.json of the folder
// manifest into dir and installs the packages there. Scripts of packages do not
// run. If it cannot install them, it skips the test.
func Install(t testing.TB, dir, manifest string) {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			absent(t, program+" is not installed: run `make services`")
		}
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join(manifest, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		absent(t, "the npm packages of "+manifest+" cannot be installed: "+err.Error()+"\n"+string(out))
	}
}

func absent(t testing.TB, missing string) {
	t.Helper()
	if os.Getenv(Required) == "1" {
		t.Fatal(missing + " (" + Required + " is set)")
	}
	t.Skip(missing)
}
