package load_test

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	"github.com/labstack/echo/v4"

	"github.com/hookonce/hookonce/echowh"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/integration/load/endpoint"
	"github.com/hookonce/hookonce/nethttp"
)

// TestMain is a server if it is asked to be one.
func TestMain(m *testing.M) { endpoint.Main(frameworks, m.Run) }

// frameworks serve the same handler. Those that the module beside this one has
// are another program.
var frameworks = map[string]endpoint.Framework{
	"nethttp": func(ln net.Listener, s *endpoint.Server) error {
		mux := http.NewServeMux()
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(s.Handle(nethttp.Message(r))) })
		mux.Handle("POST /hook/{tenant}", nethttp.New(s.Messages)(handler))
		mux.Handle("/meta", nethttp.New(s.Meta)(handler))
		return endpoint.ServeHTTP(ln, mux)
	},
	"gin": func(ln net.Listener, s *endpoint.Server) error {
		gin.SetMode(gin.ReleaseMode)
		g := gin.New()
		handler := func(c *gin.Context) { c.Status(s.Handle(ginwh.Message(c))) }
		g.POST("/hook/:tenant", ginwh.New(s.Messages), handler)
		g.Any("/meta", ginwh.New(s.Meta), handler)
		return endpoint.ServeHTTP(ln, g)
	},
	"echo": func(ln net.Listener, s *endpoint.Server) error {
		e := echo.New()
		handler := func(c echo.Context) error { return c.NoContent(s.Handle(echowh.Message(c))) }
		e.POST("/hook/:tenant", handler, echowh.New(s.Messages))
		e.Any("/meta", handler, echowh.New(s.Meta))
		return endpoint.ServeHTTP(ln, e)
	},
	"fiber": func(ln net.Listener, s *endpoint.Server) error {
		app := fiber.New(fiber.Config{
			DisableStartupMessage: true, ReadTimeout: endpoint.Patience, IdleTimeout: time.Minute, BodyLimit: endpoint.MaxBody,
		})
		handler := func(c *fiber.Ctx) error { return c.SendStatus(s.Handle(fiberwh.Message(c))) }
		app.Post("/hook/:tenant", fiberwh.New(s.Messages), handler)
		app.All("/meta", fiberwh.New(s.Meta), handler)
		return app.Listener(fiberwh.Listener(app, ln))
	},
}
