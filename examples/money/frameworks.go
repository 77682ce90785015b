package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	fiberrecover "github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/labstack/echo/v4"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echowh"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/nethttp"
)

// frameworks has the same endpoint in each framework. A handler only passes on
// the request's context, in which the message is found.
var frameworks = map[string]func(context.Context, net.Listener, *bank, *core.Verifier) error{
	"nethttp": func(ctx context.Context, ln net.Listener, b *bank, v *core.Verifier) error {
		mux := http.NewServeMux()
		mux.Handle("POST /hook", nethttp.New(v)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := b.transfer(r.Context(), nethttp.Message(r)); err != nil {
				http.Error(w, "try again", http.StatusInternalServerError)
			}
		})))
		return serveHTTP(ctx, ln, mux)
	},
	"gin": func(ctx context.Context, ln net.Listener, b *bank, v *core.Verifier) error {
		gin.SetMode(gin.ReleaseMode)
		g := gin.New()
		g.POST("/hook", ginwh.New(v), func(c *gin.Context) {
			if err := b.transfer(c.Request.Context(), ginwh.Message(c)); err != nil {
				c.String(http.StatusInternalServerError, "try again")
			}
		})
		return serveHTTP(ctx, ln, g)
	},
	"echo": func(ctx context.Context, ln net.Listener, b *bank, v *core.Verifier) error {
		e := echo.New()
		e.POST("/hook", func(c echo.Context) error {
			if err := b.transfer(c.Request().Context(), echowh.Message(c)); err != nil {
				return c.String(http.StatusInternalServerError, "try again")
			}
			return c.NoContent(http.StatusOK)
		}, echowh.New(v))
		return serveHTTP(ctx, ln, e)
	},
	"fiber": func(ctx context.Context, ln net.Listener, b *bank, v *core.Verifier) error {
		app := fiber.New(fiber.Config{DisableStartupMessage: true, ReadTimeout: 10 * time.Second, BodyLimit: 1 << 20})
		app.Use(fiberrecover.New()) // without it a panic ends the process
		app.Post("/hook", fiberwh.New(v), func(c *fiber.Ctx) error {
			if err := b.transfer(c.UserContext(), fiberwh.Message(c)); err != nil {
				return c.Status(http.StatusInternalServerError).SendString("try again")
			}
			return c.SendStatus(http.StatusOK)
		})
		serving := fiberwh.Listener(app, ln)
		stopped := make(chan error, 1)
		go func() {
			<-ctx.Done()
			stopped <- app.ShutdownWithTimeout(time.Minute)
		}()
		if err := app.Listener(serving); err != nil { // returns as soon as the server stops accepting
			return err
		}
		return <-stopped
	},
}

// serveHTTP serves until ctx ends, and then until the running handlers have
// finished.
func serveHTTP(ctx context.Context, ln net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		finish, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		stopped <- srv.Shutdown(finish)
	}()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
