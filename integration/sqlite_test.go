package integration_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

// envClaim makes the test binary a process that claims in the named SQLite file until it is killed.
const envClaim = "INTEGRATION_CLAIM"

func TestMain(m *testing.M) {
	if file := os.Getenv(envClaim); file != "" {
		claimForever(file)
	}
	os.Exit(m.Run())
}

// claimForever prints each claim after it was acknowledged.
func claimForever(file string) {
	db, err := sql.Open("sqlite", "file:"+file+sqlitePragmas)
	if err != nil {
		panic(err)
	}
	s := sqlstore.New("claims", db, sqlstore.SQLite)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for {
				var key core.Key
				_, _ = rand.Read(key[:])
				if got, err := s.Swap(context.Background(), key, core.Value{}, valueOf(key), time.Hour); err != nil || got != valueOf(key) {
					panic(fmt.Sprint(got, err))
				}
				if _, err := os.Stdout.WriteString(hex.EncodeToString(key[:]) + "\n"); err != nil {
					panic(err)
				}
			}
		})
	}
	wg.Wait()
}

// valueOf returns the value with which a key is claimed.
func valueOf(key core.Key) (v core.Value) {
	copy(v[:], key[:])
	v[39] = 1
	return v
}

// TestSQLiteSurvivesAKill kills two processes that claim in one file. No acknowledged claim may be
// lost.
func TestSQLiteSurvivesAKill(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "seen.db")
	store := sqlstore.New("claims", openSQL(t, "sqlite", "file:"+file+sqlitePragmas), sqlstore.SQLite)
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	total := 0
	for range 3 {
		acknowledged := make(chan []core.Key)
		for range 2 {
			go func() { acknowledged <- claimAndDie(t, file) }()
		}
		for range 2 {
			keys := <-acknowledged
			if len(keys) == 0 {
				t.Error("a process claimed nothing")
			}
			total += len(keys)
			lost := 0
			for _, key := range keys {
				if got, err := store.Swap(t.Context(), key, core.Value{1}, core.Value{2}, time.Minute); err != nil || got != valueOf(key) {
					lost++
				}
			}
			if lost > 0 {
				t.Errorf("of %d claims that were acknowledged %d are lost", len(keys), lost)
			}
		}
	}
	t.Logf("6 processes killed, %d claims acknowledged", total)
}

// claimAndDie runs a process for a while, kills it, and returns the keys that it reported.
func claimAndDie(t *testing.T, file string) (keys []core.Key) {
	runtime.LockOSThread() // Pdeathsig looks at the thread that started the process
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envClaim+"="+file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Error(err)
		return nil
	}
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return nil
	}
	// A second after its first claim. SQLite gives the lock to whoever asks at the right moment,
	// and the other process asks all the time.
	deadline := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if b, err := hex.DecodeString(lines.Text()); err == nil && len(b) == len(core.Key{}) { // the last line may be cut
			keys = append(keys, core.Key(b))
		}
		if len(keys) == 1 {
			deadline.Reset(time.Second)
		}
	}
	_ = cmd.Wait()
	return keys
}

// TestSQLiteOnAFullDisk fills a disk of two megabytes. Claims are refused as on a full store, and
// no acknowledged one is lost, even after the file is opened again.
func TestSQLiteOnAFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("a small disk cannot be mounted here, which takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	dsn, name := "file:"+filepath.Join(dir, "seen.db")+sqlitePragmas, namespace()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	store := sqlstore.New(name, db, sqlstore.SQLite)
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var keys []core.Key
	for refused := 0; refused < 20; {
		var key core.Key
		_, _ = rand.Read(key[:])
		got, err := store.Swap(t.Context(), key, core.Value{}, valueOf(key), time.Hour)
		switch {
		case errors.Is(err, core.ErrStoreFull):
			refused++
		case err != nil || got != valueOf(key):
			t.Fatalf("%v, %v", got, err)
		default:
			keys = append(keys, key)
		}
	}
	db.Close()
	again, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close() // before the disk is gone
	store = sqlstore.New(name, again, sqlstore.SQLite)
	for _, key := range keys {
		if got, err := store.Swap(t.Context(), key, core.Value{}, core.Value{1}, time.Hour); err != nil || got != valueOf(key) {
			t.Fatalf("an acknowledged claim is %v, error %v", got, err)
		}
	}
	t.Logf("%d claims acknowledged on the full disk", len(keys))
}
