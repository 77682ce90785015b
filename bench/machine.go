package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is where and with what a run was made; never whose.
type machine struct {
	CPU, Kernel, Go, Memory, Redis string
	Cores                          int
	Versions                       []string // of what is measured beside hookonce
	Took                           string
}

func thisMachine() machine {
	m := machine{CPU: runtime.GOARCH, Go: strings.TrimPrefix(runtime.Version(), "go"), Cores: runtime.NumCPU(), Redis: "not installed"}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.CPU = cmp.Or(field(string(text), "model name"), m.CPU) // arm64 has none
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int
		if _, err := fmt.Sscanf(field(string(text), "MemTotal"), "%d kB", &kib); err == nil {
			m.Memory = fmt.Sprintf("%d GiB", (kib+1<<19)>>20)
		}
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		release, _, _ := strings.Cut(unix.ByteSliceToString(u.Release[:]), "-")
		m.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + release
	}
	if out, err := exec.Command("redis-server", "--version").Output(); err == nil {
		if _, rest, ok := strings.Cut(string(out), "v="); ok {
			m.Redis, _, _ = strings.Cut(rest, " ")
		}
	}
	m.Versions = versions()
	return m
}

func field(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// versions are those that this program was built with.
func versions() []string {
	measured := []string{
		"svix/svix-webhooks", "standard-webhooks/", "stripe/stripe-go", "slack-go/slack", "google/go-github", "maypok86/otter",
		"gin-gonic/gin", "labstack/echo", "gofiber/fiber", "valyala/fasthttp", "redis/go-redis",
	}
	info, _ := debug.ReadBuildInfo()
	var found []string
	for _, m := range measured {
		for _, d := range info.Deps {
			if strings.Contains(d.Path, m) {
				found = append(found, strings.TrimPrefix(d.Path, "github.com/")+" "+d.Version)
			}
		}
	}
	return found
}
