package services

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hookonce/hookonce/internal/npmtest"
)

// NodeModules installs the npm packages that package.json and package-lock.json
// in the folder manifest pin. It installs them in a temporary folder of the
// test, copies scripts from manifest into it, and returns it. It skips the test
// if they cannot be installed.
func NodeModules(t testing.TB, manifest string, scripts ...string) string {
	t.Helper()
	dir := folder(t)
	npmtest.Install(t, dir, manifest)
	for _, name := range scripts {
		text, err := os.ReadFile(filepath.Join(manifest, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), string(text))
	}
	return dir
}
