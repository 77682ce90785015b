// Program majors has the endpoints of the tests in load and faults, in the
// frameworks whose adapters are modules of their own. The tests build and start
// it.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/recover"
	"github.com/labstack/echo/v5"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echov5wh"
	"github.com/hookonce/hookonce/fiberv3wh"
	faults "github.com/hookonce/hookonce/integration/faults/endpoint"
	load "github.com/hookonce/hookonce/integration/load/endpoint"
)

func main() {
	load.Main(loaded(), func() int {
		faults.Main(faulty(), func() int {
			fmt.Fprintln(os.Stderr, "majors: the tests in load and faults start this program")
			return 2
		})
		return 0
	})
}

func loaded() map[string]load.Framework {
	return map[string]load.Framework{
		"echov5": func(ln net.Listener, s *load.Server) error {
			e := echo.New()
			handler := func(c *echo.Context) error { return c.NoContent(s.Handle(echov5wh.Message(c))) }
			e.POST("/hook/:tenant", handler, echov5wh.New(s.Messages))
			e.Any("/meta", handler, echov5wh.New(s.Meta))
			return load.ServeHTTP(ln, e)
		},
		"fiberv3": func(ln net.Listener, s *load.Server) error {
			app := fiber.New(fiber.Config{ReadTimeout: load.Patience, IdleTimeout: time.Minute, BodyLimit: load.MaxBody})
			handler := func(c fiber.Ctx) error { return c.SendStatus(s.Handle(fiberv3wh.Message(c))) }
			app.Post("/hook/:tenant", fiberv3wh.New(s.Messages), handler)
			app.All("/meta", fiberv3wh.New(s.Meta), handler)
			return app.Listener(fiberv3wh.Listener(app, ln), fiber.ListenConfig{DisableStartupMessage: true})
		},
	}
}

func faulty() map[string]faults.Framework {
	return map[string]faults.Framework{
		"echov5": func(ln net.Listener, v *core.Verifier, handle faults.Handler) error {
			e := echo.New()
			e.POST("/", func(c *echo.Context) error { return c.NoContent(handle(c.Request().Context(), echov5wh.Message(c))) }, echov5wh.New(v))
			return http.Serve(ln, e)
		},
		"fiberv3": func(ln net.Listener, v *core.Verifier, handle faults.Handler) error {
			app := fiber.New()
			app.Use(recover.New())
			app.Post("/", fiberv3wh.New(v), func(c fiber.Ctx) error { return c.SendStatus(handle(c.Context(), fiberv3wh.Message(c))) })
			return app.Listener(ln, fiber.ListenConfig{DisableStartupMessage: true})
		},
	}
}
