package release_test

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"
)

// rootModule is the path of the root module.
const rootModule = "github.com/hookonce/hookonce"

// writeProxy writes a module proxy to dir. It contains the published modules of the tree at root,
// all at one version, as the go command would publish them. Files that git ignores are left out.
func writeProxy(ctx context.Context, root, version, dir string) error {
	list, err := exec.CommandContext(ctx, "git", "-C", root, "ls-files", "-co", "--exclude-standard").Output()
	if err != nil {
		return fmt.Errorf("list the files of %s: %w", root, err)
	}
	files := strings.Split(strings.TrimSpace(string(list)), "\n")
	modules, err := published(root)
	if err != nil {
		return err
	}
	for _, sub := range modules {
		if err := publish(root, sub, version, dir, files); err != nil {
			return fmt.Errorf("publish %s: %w", sub, err)
		}
	}
	return nil
}

// published returns the folders of the modules that users import.
func published(root string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(root, ".ci", "published"))
	return strings.Fields(string(text)), err
}

// modulePath returns the path of the module in a folder.
func modulePath(sub string) string {
	if sub == "." {
		return rootModule
	}
	return rootModule + "/" + sub
}

func publish(root, sub, version, dir string, files []string) error {
	m := module.Version{Path: modulePath(sub), Version: version}
	var own []modzip.File
	for _, name := range files {
		rel, err := filepath.Rel(sub, name)
		if _, gone := os.Stat(filepath.Join(root, name)); err != nil || gone != nil || strings.HasPrefix(rel, "..") {
			continue
		}
		own = append(own, file{filepath.Join(root, name), filepath.ToSlash(rel)})
	}
	if sub != "." { // the go command gives a nested module the licence of the root
		own = append(own, file{filepath.Join(root, "LICENSE"), "LICENSE"})
	}
	at := filepath.Join(dir, filepath.FromSlash(m.Path), "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	archive, err := os.Create(filepath.Join(at, version+".zip"))
	if err != nil {
		return err
	}
	defer archive.Close() //nolint:errcheck // the second one, after an error
	if err := modzip.Create(archive, m, own); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{version, time.Unix(0, 0).UTC()})
	if err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(root, sub, "go.mod"))
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{version + ".info": info, version + ".mod": mod, "list": []byte(version + "\n")} {
		if err := os.WriteFile(filepath.Join(at, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// file is a file of the tree.
type file struct{ path, name string }

func (f file) Path() string                 { return f.name }
func (f file) Lstat() (fs.FileInfo, error)  { return os.Lstat(f.path) }
func (f file) Open() (io.ReadCloser, error) { return os.Open(f.path) }

// zipNames returns the names of the files in the zip of a module.
func zipNames(dir, path, version string) ([]string, error) {
	r, err := zip.OpenReader(filepath.Join(dir, filepath.FromSlash(path), "@v", version+".zip"))
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // it was read
	var names []string
	for _, f := range r.File {
		names = append(names, strings.TrimPrefix(f.Name, path+"@"+version+"/"))
	}
	return names, nil
}
