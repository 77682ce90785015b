package services

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// StartMemcached starts a memcached that returns errors when it is full (-M). A
// kill makes it forget everything. Stop keeps its data for the next Start.
func StartMemcached(t testing.TB, args ...string) *Server {
	t.Helper()
	program := Find(t, "memcached", "memcached")
	dir, port := folder(t), freePort(t)
	name := "nobody" // it refuses to run as root
	if me, err := user.Current(); err == nil && me.Uid != "0" {
		name = me.Username
	} else if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	all := append([]string{
		"-l", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "0", "-u", name, "-M", "-m", "64",
		"-e", filepath.Join(dir, "memory"),
	}, args...)
	return serve(t, &Server{
		Addr: address(port), name: "memcached", stop: syscall.SIGUSR1, log: filepath.Join(dir, "log"),
		command: func() *exec.Cmd { return exec.Command(program, all...) },
	})
}

// StartEtcd starts an etcd cluster of one member.
func StartEtcd(t testing.TB, args ...string) *Server {
	t.Helper()
	program := Find(t, "etcd", "etcd-server")
	dir, port, peers := folder(t), freePort(t), freePort(t)
	clients, peer := "http://"+address(port), "http://"+address(peers)
	all := append([]string{
		"--name", "one", "--data-dir", filepath.Join(dir, "data"), "--initial-cluster", "one=" + peer,
		"--listen-client-urls", clients, "--advertise-client-urls", clients,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
	}, args...)
	s := &Server{
		Addr: address(port), name: "etcd", stop: syscall.SIGTERM, log: filepath.Join(dir, "log"),
		command: func() *exec.Cmd { return exec.Command(program, all...) },
	}
	s.ready = func(ctx context.Context) error { return healthy(ctx, clients+"/health") }
	launch(t, s)
	return s
}

func healthy(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it says %s", response.Status)
	}
	return nil
}

// StartDynalite starts a server with DynamoDB's API and its own files. manifest
// is the folder with the package.json and package-lock.json that name dynalite.
func StartDynalite(t testing.TB, manifest string) *Server {
	t.Helper()
	node, modules := Find(t, "node", "nodejs"), NodeModules(t, manifest)
	dir, port := folder(t), freePort(t)
	return serve(t, &Server{
		Addr: address(port), name: "dynalite", stop: syscall.SIGTERM, log: filepath.Join(dir, "log"),
		command: func() *exec.Cmd {
			return exec.Command(node, filepath.Join(modules, "node_modules", "dynalite", "cli.js"),
				"--host", "127.0.0.1", "--port", strconv.Itoa(port), "--path", filepath.Join(dir, "data"), "--createTableMs", "0")
		},
	})
}

// Self is the environment variable that tells a test binary to be the server of
// that name, see [StartSelf]. SelfPort and SelfFolder are its port and its
// folder.
const (
	Self       = "HOOKONCE_SERVER"
	SelfPort   = "HOOKONCE_SERVER_PORT"
	SelfFolder = "HOOKONCE_SERVER_FOLDER"
)

// StartSelf starts the test binary again, as a server that is a Go module. Its
// TestMain must check [Self]. env is added to its environment.
func StartSelf(t testing.TB, name string, env ...string) *Server {
	t.Helper()
	dir, port := folder(t), freePort(t)
	return serve(t, &Server{
		Addr: address(port), name: name, stop: syscall.SIGTERM, log: filepath.Join(dir, "log"),
		command: func() *exec.Cmd {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), Self+"="+name, SelfPort+"="+strconv.Itoa(port), SelfFolder+"="+filepath.Join(dir, "data"))
			cmd.Env = append(cmd.Env, env...)
			return cmd
		},
	})
}

// serve starts a server that is ready as soon as it listens.
func serve(t testing.TB, s *Server) *Server {
	t.Helper()
	s.ready = func(ctx context.Context) error { return answers(ctx, s.Addr) }
	launch(t, s)
	return s
}
