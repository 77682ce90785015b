package services

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hookonce/hookonce/internal/testmode"
)

// Majors are the frameworks whose adapters are modules of their own.
func Majors() []string { return []string{"echov5", "fiberv3"} }

// BuildMajors builds the program that has those frameworks, in a folder beside
// that of the test. Their go.mod would move the versions that this module
// tests.
func BuildMajors(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "majors")
	args := []string{"build", "-o", program}
	if testmode.Race {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, ".")...)
	cmd.Dir = filepath.Join("..", "majors")
	cmd.Env = append(os.Environ(), "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the program of the current majors: %v\n%s", err, out)
	}
	return program
}
