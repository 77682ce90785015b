package fiberwh_test

import (
	"net"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/internal/adaptertest/fibertest"
)

// serveListener runs app as the documentation says.
func serveListener(tb testing.TB, app *fiber.App) string {
	tb.Helper()
	ln := fiberwh.Listener(app, adaptertest.Listen(tb))
	app.Handler() // builds the routes, as app.Listener does, which also prints a banner
	return fibertest.Run(tb, ln, app.Server().Serve, app.Shutdown)
}

// serve runs app on a loopback address without our listener.
func serve(tb testing.TB, app *fiber.App) string {
	tb.Helper()
	return serveOn(tb, app, adaptertest.Listen(tb))
}

func serveOn(tb testing.TB, app *fiber.App, ln net.Listener) string {
	tb.Helper()
	return fibertest.RunOn(tb, app.Server(), app.Handler(), ln)
}
