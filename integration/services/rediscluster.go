package services

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// StartRedisCluster starts a cluster of three nodes without replicas and
// returns their addresses.
func StartRedisCluster(t testing.TB) []string {
	t.Helper()
	cli := Find(t, engine()+"-cli", engine()+"-server")
	var addrs []string
	for range 3 {
		addrs = append(addrs, startRedis(t, clusterPort(t), "--cluster-enabled", "yes").Addr)
	}
	run(t, exec.Command(cli, append(append([]string{"--cluster", "create"}, addrs...), "--cluster-yes")...))
	for _, addr := range addrs {
		waitFor(t, func() error {
			if info := redisCLI(t, addr, "CLUSTER", "INFO"); !strings.Contains(info, "cluster_state:ok") {
				return errors.New("the cluster is not ready: " + info)
			}
			return nil
		})
	}
	return addrs
}

// clusterPort returns a free port whose bus port, ten thousand higher, is also
// free.
func clusterPort(t testing.TB) int {
	t.Helper()
	for range 100 {
		if port := freePort(t); listens(port + 10000) {
			return port
		}
	}
	t.Fatal("no port is free for a cluster")
	return 0
}

// Sentinel watches a Redis primary and its replica.
type Sentinel struct {
	Server

	// Primary is the initial primary, Replica the other server.
	Primary, Replica *Redis
}

// SentinelName is the name of the primary.
const SentinelName = "hookonce"

// StartSentinel starts a primary, a replica and a sentinel. The sentinel
// promotes the replica half a second after it loses the primary.
func StartSentinel(t testing.TB) *Sentinel {
	t.Helper()
	program := Find(t, engine()+"-server", engine()+"-server")
	s := &Sentinel{Primary: StartRedis(t)}
	host, port, _ := net.SplitHostPort(s.Primary.Addr)
	s.Replica = StartRedis(t, "--replicaof", host+" "+port)
	waitFor(t, func() error {
		if info := redisCLI(t, s.Replica.Addr, "INFO", "replication"); !strings.Contains(info, "master_link_status:up") {
			return errors.New("the replica is not connected")
		}
		return nil
	})
	dir, own := folder(t), freePort(t)
	file := filepath.Join(dir, "sentinel.conf")
	settings := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor %[3]s %[4]s %[5]s 1\n"+
		"sentinel down-after-milliseconds %[3]s 500\nsentinel failover-timeout %[3]s 5000\n", own, dir, SentinelName, host, port)
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Server = Server{
		Addr: address(own), name: "redis-sentinel", stop: syscall.SIGTERM, log: filepath.Join(dir, "log"),
		command: func() *exec.Cmd { return exec.Command(program, file, "--sentinel") },
	}
	s.ready = func(ctx context.Context) error { return pingRedis(ctx, s.Addr) }
	launch(t, &s.Server)
	waitFor(t, func() error { // it must know the replica before it can promote it
		if info := redisCLI(t, s.Addr, "INFO", "sentinel"); !strings.Contains(info, "slaves=1") {
			return errors.New("the sentinel does not know the replica: " + info)
		}
		return nil
	})
	return s
}

// redisCLI returns the server's reply.
func redisCLI(t testing.TB, addr string, args ...string) string {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	out, err := exec.Command(Find(t, engine()+"-cli", engine()+"-server"), append([]string{"-h", host, "-p", port}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// waitFor repeats ask until there is no error, for half a minute.
func waitFor(t testing.TB, ask func() error) {
	t.Helper()
	var err error
	for range 600 {
		if err = ask(); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal(err)
}

// MoveSlots moves a number of slots of a cluster, with their keys, from one of
// its nodes to another.
func MoveSlots(t testing.TB, from, to string, slots int) {
	t.Helper()
	id := func(addr string) string { return strings.TrimSpace(redisCLI(t, addr, "CLUSTER", "MYID")) }
	run(t, exec.Command(Find(t, engine()+"-cli", engine()+"-server"), "--cluster", "reshard", from,
		"--cluster-from", id(from), "--cluster-to", id(to), "--cluster-slots", strconv.Itoa(slots), "--cluster-yes"))
}
