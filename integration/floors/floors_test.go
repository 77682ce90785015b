// Package floors_test builds applications with an older version of their
// framework. This module must not upgrade it.
package floors_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const echoApp = `package main

import (
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echowh"
	"github.com/hookonce/hookonce/stores/memstore"
)

func main() {
	e := echo.New()
	e.Use(middleware.JWT([]byte("key"))) // echo 4.13 has none
	v := core.Must(core.New(core.Secrets(core.GenerateSecret()), memstore.New(), nil))
	e.POST("/hook", func(c echo.Context) error { return c.NoContent(204) }, echowh.New(v))
}
`

const ginApp = `package main

import (
	"github.com/gin-gonic/gin"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/stores/memstore"
)

func main() {
	v := core.Must(core.New(core.Secrets(core.GenerateSecret()), memstore.New(), nil))
	gin.New().POST("/hook", ginwh.New(v), func(c *gin.Context) { c.Status(204) })
}
`

const fiberApp = `package main

import (
	"github.com/gofiber/fiber/v2"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/stores/memstore"
)

func main() {
	v := core.Must(core.New(core.Secrets(core.GenerateSecret()), memstore.New(), nil))
	fiber.New().Post("/hook", fiberwh.New(v), func(c *fiber.Ctx) error { return c.SendStatus(204) })
}
`

func TestAnApplicationKeepsItsFrameworkVersion(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, framework, has, gets, program string }{
		{"echo 4.12 and its JWT middleware", "github.com/labstack/echo/v4", "v4.12.0", "v4.12.0", echoApp},
		{"gin 1.9.1", "github.com/gin-gonic/gin", "v1.9.1", "v1.9.1", ginApp},
		// The README explains why: older versions have an advisory in the router, which every
		// handler uses.
		{"fiber 2.50 is upgraded", "github.com/gofiber/fiber/v2", "v2.50.0", "v2.52.12", fiberApp},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			mod := "module app\n\ngo 1.25.0\n\nrequire " + c.framework + " " + c.has + "\n\nrequire github.com/hookonce/hookonce v0.0.0\n\n" +
				"replace github.com/hookonce/hookonce => " + root + "\n"
			for name, text := range map[string]string{"main.go": c.program, "go.mod": mod} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			run := func(args ...string) string {
				cmd := exec.CommandContext(t.Context(), "go", args...)
				cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
				var stderr strings.Builder
				cmd.Stderr = &stderr
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &stderr)
				}
				return strings.TrimSpace(string(out))
			}
			run("build", "-o", filepath.Join(dir, "app"), ".")
			if got := run("list", "-m", "-f", "{{.Version}}", c.framework); got != c.gets {
				t.Errorf("%s became %s, want %s", c.has, got, c.gets)
			}
		})
	}
}
