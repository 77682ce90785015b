package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// roleVariable tells this program, or its test, that it was started as a part
// of a measurement.
const roleVariable = "HOOKONCE_BENCH_ROLE"

// play runs a role: what it measured goes to standard output as JSON, commands
// come from standard input, and its end is the role's end.
func play(role string, args []string) error {
	switch role {
	case "server":
		return playServer(args)
	case "store":
		return playStore(args)
	default:
		return fmt.Errorf("no such role: %s", role)
	}
}

// obey carries out commands and writes their answers until there are no more.
func obey(out *json.Encoder, command func(text string) (answer any, err error)) error {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		answer, err := command(in.Text())
		if err != nil {
			return err
		}
		if err := out.Encode(answer); err != nil {
			return err
		}
	}
	return in.Err()
}

// child is a role in a process of its own.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// start starts a role on these processors; none: on all.
func start(cpus []int, role string, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // one that is stopped cannot see its input end
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := onProcessors(cpus, cmd.Start); err != nil {
		return nil, err
	}
	return &child{cmd: cmd, in: in, out: json.NewDecoder(out)}, nil
}

// ask sends a command, if there is one, and reads one answer.
func (c *child) ask(command string, answer any) error {
	if command != "" {
		if _, err := io.WriteString(c.in, command+"\n"); err != nil {
			return err
		}
	}
	if err := c.out.Decode(answer); err != nil {
		return fmt.Errorf("%v, asked %q: %w", c.cmd.Args[1:], command, err)
	}
	return nil
}

// use has the role run until the returned function is called. In between it is
// stopped, so that a collection which it began does not take the processor from
// another one, and is its own to pay for when it goes on.
func (c *child) use() (end func()) {
	_ = c.signal(syscall.SIGCONT)
	return func() { _ = c.signal(syscall.SIGSTOP) }
}

func (c *child) signal(s os.Signal) error { return c.cmd.Process.Signal(s) }

// stop ends the role and waits for that.
func (c *child) stop() error {
	return errors.Join(c.in.Close(), c.signal(syscall.SIGCONT), c.cmd.Wait())
}

// onProcessors runs f on these processors. A process that f starts stays there.
func onProcessors(cpus []int, f func() error) error {
	if len(cpus) == 0 {
		return f()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		return err
	}
	for _, c := range cpus {
		set.Set(c)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return err
	}
	return errors.Join(f(), unix.SchedSetaffinity(0, &old))
}

// halves splits the processors: servers get the first half, those who send to
// them the second. With one there is nothing to split.
func halves() (servers, senders []int) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil || set.Count() < 2 {
		return nil, nil
	}
	var all []int
	for c := range 1024 {
		if set.IsSet(c) {
			all = append(all, c)
		}
	}
	return all[:len(all)/2], all[len(all)/2:]
}

// cpuTime is what this process has used, in itself and in the kernel.
func cpuTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
