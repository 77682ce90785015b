package fiberv3wh_test

import (
	"io"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v3"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/fiberv3wh"
	"github.com/hookonce/hookonce/internal/inspectortest"
)

func TestTheInspectorShowsARunningApplication(t *testing.T) {
	t.Parallel()
	for name, stream := range map[string]bool{"whole": false, "streaming": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inspectortest.Run(t, func(t *testing.T, v *core.Verifier) string {
				app := fiber.New(fiber.Config{StreamRequestBody: stream})
				app.Post("/hook", fiberv3wh.New(v), func(c fiber.Ctx) error {
					if in := c.Request().BodyStream(); in != nil {
						_, err := io.ReadAll(in)
						return err
					}
					_ = c.Body()
					return nil
				})
				return strings.TrimSuffix(serveListener(t, app), "/hook")
			})
		})
	}
}
