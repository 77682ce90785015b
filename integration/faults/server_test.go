package faults_test

import (
	"bytes"
	"net"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	"github.com/labstack/echo/v4"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echowh"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/integration/faults/endpoint"
	"github.com/hookonce/hookonce/nethttp"
)

// TestMain is a server if it is asked to be one.
func TestMain(m *testing.M) { endpoint.Main(frameworks, m.Run) }

// frameworks serve the same handler. Those that the module beside this one has
// are another program.
var frameworks = map[string]endpoint.Framework{
	"nethttp": func(ln net.Listener, v *core.Verifier, handle endpoint.Handler) error {
		return http.Serve(ln, nethttp.New(v)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(handle(r.Context(), nethttp.Message(r)))
		})))
	},
	"gin": func(ln net.Listener, v *core.Verifier, handle endpoint.Handler) error {
		gin.SetMode(gin.ReleaseMode)
		g := gin.New()
		g.Use(gin.RecoveryWithWriter(new(bytes.Buffer)))
		g.POST("/", ginwh.New(v), func(c *gin.Context) { c.Status(handle(c.Request.Context(), ginwh.Message(c))) })
		return http.Serve(ln, g)
	},
	"echo": func(ln net.Listener, v *core.Verifier, handle endpoint.Handler) error {
		e := echo.New()
		e.POST("/", func(c echo.Context) error { return c.NoContent(handle(c.Request().Context(), echowh.Message(c))) }, echowh.New(v))
		return http.Serve(ln, e)
	},
	"fiber": func(ln net.Listener, v *core.Verifier, handle endpoint.Handler) error {
		app := fiber.New(fiber.Config{DisableStartupMessage: true})
		app.Use(func(c *fiber.Ctx) (err error) {
			defer func() {
				if r := recover(); r != nil {
					err = fiber.ErrInternalServerError
				}
			}()
			return c.Next()
		})
		app.Post("/", fiberwh.New(v), func(c *fiber.Ctx) error { return c.SendStatus(handle(c.UserContext(), fiberwh.Message(c))) })
		return app.Listener(ln)
	},
}
