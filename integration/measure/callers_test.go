package measure_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/stores/redisstore"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

const (
	envMeasure = "HOOKONCE_MEASURE"
	envOnly    = "HOOKONCE_MEASURE_ONLY"
	envBase    = "HOOKONCE_MEASURE_BASE"   // a commit to measure beside this one
	envClaimer = "HOOKONCE_MEASURE_CLAIMS" // in a process that claims: on what, and where that is
)

// TestCallers measures claims from 1, 16, 64 and 256 callers: of this build, of another commit's if
// there is one, and of the bare command. Each is a process of its own. They take turns of 0.3
// seconds.
func TestCallers(t *testing.T) {
	if os.Getenv(envMeasure) != "1" {
		t.Skip("takes minutes and wants the machine for itself: run `make measure`")
	}
	const turn, turns = 300 * time.Millisecond, 11
	programs := map[string]string{"this": os.Args[0], "bare": os.Args[0]}
	order := []string{"this", "bare"}
	if base := os.Getenv(envBase); base != "" {
		programs["base"], order = buildBase(t, base), []string{"this", "base", "bare"}
	}
	fmt.Println("| store, callers | claims/s | p99 | CPU of the client | to base | its p99, CPU | to the bare command | its p99, CPU |\n|---|---|---|---|---|---|---|---|")
	for _, e := range []struct {
		name  string
		start func() (where string)
	}{
		{"go-redis", func() string { return startRedis(t).Addr }},
		{"rueidis", func() string { return startRedis(t).Addr }},
		{"PostgreSQL", func() string { return services.StartPostgres(t).DSN() }},
		{"MariaDB", func() string { return services.StartMariaDB(t).DSN() }},
	} {
		if !strings.Contains(e.name, os.Getenv(envOnly)) {
			continue
		}
		where, all := e.start(), map[string]*claimer{}
		for _, who := range order {
			all[who] = startClaimer(t, programs[who], strings.Join([]string{e.name, who, where}, " "))
		}
		for _, callers := range []int{1, 16, 64, 256} {
			found := map[string][]measured{}
			for range turns {
				for _, who := range order {
					found[who] = append(found[who], all[who].claim(t, callers, turn))
				}
			}
			mine := found["this"]
			var row strings.Builder
			fmt.Fprintf(&row, "| %s, %d | %s | %s | %.1f µs |", e.name, callers, thousands(median(mine, rate)),
				short(time.Duration(median(mine, p99))), median(mine, cpu))
			for _, who := range []string{"base", "bare"} {
				other := found[who]
				if other == nil {
					row.WriteString(" – | – |")
					continue
				}
				ratios := make([]measured, turns) // of neighbours in time, which have the same noise
				for i := range ratios {
					ratios[i].rate = mine[i].rate / other[i].rate
				}
				fmt.Fprintf(&row, " %.2f | %s, %.1f µs |", median(ratios, rate), short(time.Duration(median(other, p99))), median(other, cpu))
			}
			fmt.Println(row.String())
		}
	}
}

// measured is the result of a turn: claims a second, nanoseconds, and microseconds of processor
// time for a claim.
type measured struct{ rate, p99, cpu float64 }

func rate(m measured) float64 { return m.rate }
func p99(m measured) float64  { return m.p99 }
func cpu(m measured) float64  { return m.cpu }

func median(all []measured, of func(measured) float64) float64 {
	values := make([]float64, len(all))
	for i, m := range all {
		values[i] = of(m)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// claimer is a process that claims on command.
type claimer struct {
	in  io.WriteCloser
	out *bufio.Scanner
}

func startClaimer(t *testing.T, program, what string) *claimer {
	t.Helper()
	cmd := exec.Command(program, "-test.run", "^TestClaimer$")
	cmd.Env = append(os.Environ(), envClaimer+"="+what)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // the process ends
		_ = cmd.Wait()
	})
	c := &claimer{in, bufio.NewScanner(out)}
	c.claim(t, 64, 500*time.Millisecond) // warm
	return c
}

func (c *claimer) claim(t *testing.T, callers int, d time.Duration) (m measured) {
	t.Helper()
	if _, err := fmt.Fprintln(c.in, callers, d.Milliseconds()); err != nil {
		t.Fatal(err)
	}
	if !c.out.Scan() {
		t.Fatalf("the process that claims has ended: %v", c.out.Err())
	}
	if _, err := fmt.Sscan(c.out.Text(), &m.rate, &m.p99, &m.cpu); err != nil {
		t.Fatalf("the process that claims says %q", c.out.Text())
	}
	return m
}

// TestClaimer is the process of a claimer.
func TestClaimer(t *testing.T) {
	what := strings.SplitN(os.Getenv(envClaimer), " ", 3)
	if len(what) != 3 {
		t.Skip("it is started by TestCallers")
	}
	claim := claimOn(t, what[0], what[1], what[2])
	var callers, ms int
	for {
		if _, err := fmt.Scan(&callers, &ms); err != nil {
			return
		}
		before := ownCPU(t)
		r := drive(t, callers, time.Duration(ms)*time.Millisecond, claim)
		if t.Failed() {
			return
		}
		fmt.Println(r.rate[0], int64(r.percentile(99)), float64((ownCPU(t)-before).Microseconds())/float64(len(r.took)))
	}
}

func ownCPU(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// claimOn returns a function that claims a new message, through a store or the bare command of its
// engine.
func claimOn(t *testing.T, engine, who, where string) func(ctx context.Context) error {
	t.Helper()
	var store core.SeenStore
	var bare func(ctx context.Context, key core.Key, value core.Value) error
	switch engine {
	case "go-redis":
		client := redis.NewClient(&redis.Options{Addr: where, PoolSize: callers})
		t.Cleanup(func() { client.Close() })
		store, bare = redisstore.New(who, client.Do), setByGoRedis(client)
	case "rueidis":
		client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{where}, DisableCache: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		store, bare = redisstore.NewFunc(who, doByRueidis(client)), setByRueidis(client)
	case "PostgreSQL":
		db := openDB(t, "pgx", where, 32)
		store = migrated(t, sqlstore.New(who, db, sqlstore.Postgres))
		if who == "bare" {
			execute(t, db, barePostgres)
			bare = insert(t, db, insertPostgres)
		}
	case "MariaDB":
		db := openDB(t, "mysql", where, 32)
		store = migrated(t, sqlstore.New(who, db, sqlstore.MySQL))
		if who == "bare" {
			execute(t, db, bareMySQL)
			bare = insert(t, db, insertMySQL)
		}
	}
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second) // as core has it
		defer cancel()
		key, value := fresh()
		if who == "bare" {
			return bare(ctx, key, value)
		}
		got, err := store.Swap(ctx, key, core.Value{}, value, ttl)
		if err == nil && got != value {
			err = errors.New("a new claim was not made")
		}
		return err
	}
}

// buildBase builds these tests with the module at another commit.
func buildBase(t *testing.T, commit string) (program string) {
	t.Helper()
	tree, dir := t.TempDir(), t.TempDir()
	archive := filepath.Join(dir, "tree.tar")
	execCommand(t, "git", "-C", filepath.Join("..", ".."), "archive", "-o", archive, commit)
	execCommand(t, "tar", "-x", "-C", tree, "-f", archive)
	// What starts servers for these tests is of this commit, and so is what it imports.
	npm := filepath.Join(tree, "internal", "npmtest")
	if err := errors.Join(os.RemoveAll(npm), os.CopyFS(npm, os.DirFS(filepath.Join("..", "..", "internal", "npmtest")))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	modfile := filepath.Join(dir, "go.mod")
	execCommand(t, "go", "mod", "edit", "-replace", "github.com/hookonce/hookonce="+tree, modfile)
	program = filepath.Join(dir, "base.test")
	execCommand(t, "go", "test", "-c", "-mod=mod", "-modfile", modfile, "-o", program, ".")
	return program
}

func execCommand(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
