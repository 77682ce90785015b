package release_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// version is the version to release. By default it is the version that the nested modules require.
var version = flag.String("release", "", "the `version` to check, as v0.1.0")

const tree = "../.."

// goEnv is the environment of a user who has the modules from a proxy. bin is where that installs
// programs.
var (
	goEnv []string
	bin   string
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if *version == "" {
		*version = required("echov5wh")
	}
	dir, err := os.MkdirTemp("", "hookonce-release")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// The module cache is read-only for everything but go clean.
	defer func() {
		clean := exec.Command("go", "clean", "-modcache")
		clean.Env = append(os.Environ(), "GOMODCACHE="+filepath.Join(dir, "modules"))
		_ = clean.Run()
		_ = os.RemoveAll(dir)
	}()
	proxy := filepath.Join(dir, "proxy")
	bin = filepath.Join(dir, "bin")
	if err := writeProxy(context.Background(), tree, *version, proxy); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	values, err := exec.Command("go", "env", "GOMODCACHE", "GOPROXY").Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "go env:", err)
		return 1
	}
	cache, upstream, _ := strings.Cut(strings.TrimSpace(string(values)), "\n")
	goEnv = append(os.Environ(),
		// Modules of others come from this machine's cache if they are there.
		"GOPROXY=file://"+proxy+",file://"+filepath.Join(cache, "cache", "download")+","+upstream,
		"GOMODCACHE="+filepath.Join(dir, "modules"), "GONOSUMDB="+rootModule+","+rootModule+"/*", "GOFLAGS=-modcacherw -trimpath", "GOWORK=off",
		"GOBIN="+bin, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
	)
	return m.Run()
}

// required returns the version of the root module that a nested module requires.
func required(sub string) string {
	text, err := os.ReadFile(filepath.Join(tree, sub, "go.mod"))
	if err != nil {
		return ""
	}
	found := regexp.MustCompile(`(?m)^\s*(?:require )?` + regexp.QuoteMeta(rootModule) + ` (v\S+)`).FindSubmatch(text)
	if found == nil {
		return ""
	}
	return string(found[1])
}

// command runs a program in a folder as a user would, and returns all its output.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	if name == "hookonce" { // as its installation put it into the PATH of the stranger
		name = filepath.Join(bin, name)
	}
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = dir, goEnv
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestEveryNestedModuleRequiresTheRootAtThisVersion(t *testing.T) {
	modules, err := published(tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, sub := range modules[1:] {
		if got := required(sub); got != *version {
			t.Errorf("%s requires the root module at %q: make release-move VERSION=%s", sub, got, *version)
		}
	}
}

func TestAnybodyCanRequireEveryModule(t *testing.T) {
	modules, err := published(tree)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	command(t, dir, "go", "mod", "init", "example.com/stranger")
	imports := []string{rootModule + "/core", rootModule + "/ginwh", rootModule + "/echowh", rootModule + "/fiberwh", rootModule + "/nethttp"}
	for _, sub := range modules {
		command(t, dir, "go", "get", modulePath(sub)+"@"+*version)
		if sub != "." {
			imports = append(imports, modulePath(sub))
		}
	}
	var program strings.Builder
	program.WriteString("package main\n\nimport (\n")
	for _, path := range imports {
		fmt.Fprintf(&program, "\t_ %q\n", path)
	}
	program.WriteString(")\n\nfunc main() {}\n")
	write(t, filepath.Join(dir, "main.go"), program.String())
	command(t, dir, "go", "mod", "tidy")
	command(t, dir, "go", "vet", ".")
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "replace") {
		t.Errorf("a stranger needs a replace:\n%s", text)
	}
	for _, sub := range modules {
		if !strings.Contains(string(text), modulePath(sub)+" "+*version) {
			t.Errorf("%s is not required at %s:\n%s", modulePath(sub), *version, text)
		}
	}
}

func TestTheCommandLineInstallsAndPrintsItsVersion(t *testing.T) {
	dir := t.TempDir()
	command(t, dir, "go", "install", rootModule+"/cmd/hookonce@"+*version)
	if got := command(t, dir, "hookonce", "version"); !strings.HasPrefix(got, "hookonce "+*version+" ") {
		t.Errorf("hookonce version says %q", got)
	}
}

func TestTheChangelogHasTheVersion(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(tree, "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	if section(string(text), *version) == "" {
		t.Errorf("CHANGELOG.md has no section for %s", *version)
	}
}

// TestTheAPIDidNotBreak compares api.txt with that of the last tag. From v1 on, a minor or patch
// release removes nothing. Below v1, a person reads the changelog, so its section must list what is
// removed.
func TestTheAPIDidNotBreak(t *testing.T) {
	last, err := exec.CommandContext(t.Context(), "git", "-C", tree, "describe", "--tags", "--abbrev=0", "--match", "v*").Output()
	if err != nil {
		t.Skip("nothing is tagged yet, so nothing can break")
	}
	tag := strings.TrimSpace(string(last))
	before, err := exec.CommandContext(t.Context(), "git", "-C", tree, "show", tag+":api.txt").Output() //nolint:gosec // a tag of this repository
	if err != nil {
		t.Fatal(err)
	}
	now, err := os.ReadFile(filepath.Join(tree, "api.txt"))
	if err != nil {
		t.Fatal(err)
	}
	missing := gone(string(before), string(now))
	if strings.HasPrefix(*version, "v0.") {
		changes, err := os.ReadFile(filepath.Join(tree, "CHANGELOG.md"))
		if err != nil {
			t.Fatal(err)
		}
		missing = unlisted(missing, section(string(changes), *version))
	}
	if len(missing) > 0 {
		t.Errorf("%d lines of api.txt are gone since %s; below v1, name them in CHANGELOG.md:\n%s", len(missing), tag, strings.Join(missing, "\n"))
	}
}

func TestARemovalThatTheChangelogDoesNotNameIsFound(t *testing.T) {
	const changes = "# Changelog\n\n## [0.2.0] - unreleased\n\n### Removed\n\n- `core.A`, and `core.T.N` is a uint.\n\n## [0.1.0]\n\n- `core.B`\n"
	gone := []string{"core: func A()", "core: type T struct { N int", "core: func B()", "core: func (t *T) Name() string", "whtest: const Long = 5"}
	if got := unlisted(gone, section(changes, "v0.2.0")); !slices.Equal(got, gone[2:]) {
		t.Errorf("unlisted: %q, want %q", got, gone[2:])
	}
}

func TestALineRemovedFromTheAPIIsFound(t *testing.T) {
	before := "# core\n\nfunc A()\ntype T struct {\n\tN int\n}\n\n# whtest\n\nfunc A()\n"
	for name, tt := range map[string]struct {
		after string
		want  []string
	}{
		"an addition is no break":                   {before + "func B()\n", nil},
		"a changed field":                           {strings.Replace(before, "N int", "N uint", 1), []string{"core: type T struct { N int"}},
		"a function that another package still has": {strings.Replace(before, "# core\n\nfunc A()\n", "# core\n\n", 1), []string{"core: func A()"}},
	} {
		t.Run(name, func(t *testing.T) {
			if missing := gone(before, tt.after); !slices.Equal(missing, tt.want) {
				t.Errorf("gone: %q, want %q", missing, tt.want)
			}
		})
	}
}

func TestTheZipOfTheRootHasNoNestedModuleAndItsLicence(t *testing.T) {
	dir := t.TempDir()
	if err := writeProxy(t.Context(), tree, *version, dir); err != nil {
		t.Fatal(err)
	}
	for path, must := range map[string]string{rootModule: "core/verifier.go", rootModule + "/otelwh": "dashboard.json"} {
		names, err := zipNames(dir, path, *version)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(names, "LICENSE") || !slices.Contains(names, must) {
			t.Errorf("%s: LICENSE or %s is missing", path, must)
		}
		for _, name := range names {
			if strings.HasPrefix(name, "integration/") || path == rootModule && strings.HasPrefix(name, "otelwh/") {
				t.Errorf("%s has %s", path, name)
			}
		}
	}
}

// TestTheFilesOfAReleaseAreReproducible builds for all platforms, then for two of them with an
// empty cache, and compares every byte.
func TestTheFilesOfAReleaseAreReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("builds for six platforms: run `make test-all`")
	}
	script := absolute(t, filepath.Join(tree, ".ci", "release"))
	first, second := t.TempDir(), t.TempDir()
	command(t, first, script, *version, first)
	command(t, second, "env", "GOCACHE="+t.TempDir(), script, *version, second, "linux/amd64", "windows/arm64")
	if built := files(t, first); len(built) != 6*2+2 { // a binary and its bill of materials each, checksums, the container file
		t.Errorf("the files are %q", built)
	}
	again := files(t, second)
	for _, name := range again {
		if name == "SHA256SUMS" {
			continue // of all that there is
		}
		a, errA := os.ReadFile(filepath.Join(first, name))
		b, errB := os.ReadFile(filepath.Join(second, name))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs from one build to the next (%v, %v)", name, errA, errB)
		}
	}
	if len(again) != 2*2+2 {
		t.Errorf("the files of two platforms are %q", again)
	}
	command(t, first, "sha256sum", "--check", "SHA256SUMS")
	if out := command(t, first, filepath.Join(first, "hookonce_"+strings.TrimPrefix(*version, "v")+"_linux_amd64"), "version"); !strings.Contains(out, *version+" ") {
		t.Errorf("the binary says %q", out)
	}
}

// TestTheContainerRunsTheProgram builds the image from the files of a release, and runs it.
func TestTheContainerRunsTheProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a container: run `make test-all`")
	}
	if _, err := exec.LookPath("buildah"); err != nil {
		const missing = "buildah is not installed: run `make services`"
		if os.Getenv("HOOKONCE_REQUIRE_SERVICES") == "1" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	dir := t.TempDir()
	command(t, dir, absolute(t, filepath.Join(tree, ".ci", "release")), *version, dir, runtime.GOOS+"/"+runtime.GOARCH)
	scratch := t.TempDir()
	buildah := func(args ...string) string {
		return command(t, dir, "buildah", append([]string{
			"--root", filepath.Join(scratch, "root"), "--runroot", filepath.Join(scratch, "run"), "--storage-driver", "vfs",
		}, args...)...)
	}
	buildah("bud", "--isolation", "chroot", "--build-arg", "VERSION="+strings.TrimPrefix(*version, "v"), "--build-arg", "TARGETARCH="+runtime.GOARCH, "-t", "hookonce", ".")
	container := strings.TrimSpace(buildah("from", "hookonce"))
	defer buildah("rm", container)
	if !mayRunContainers(t, scratch) {
		t.Skip("the image was built, but this machine runs no containers")
	}
	if out := buildah("run", "--isolation", "chroot", container, "--", "/hookonce", "version"); !strings.Contains(out, *version+" ") {
		t.Errorf("the container says %q", out)
	}
}

// mayRunContainers reports whether a program may create namespaces here.
func mayRunContainers(t *testing.T, scratch string) bool {
	t.Helper()
	var exit *exec.ExitError
	err := exec.CommandContext(t.Context(), "unshare", "--mount", "--fork", "chroot", scratch, "/nothing").Run()
	return errors.As(err, &exit) && exit.ExitCode() == 127 // it came as far as that there is no such program
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
