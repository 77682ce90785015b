package fiberwh_test

import (
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/internal/adaptertest/fibertest"
)

func serveMessages(tb testing.TB, v *core.Verifier, handle func(core.Message)) string {
	tb.Helper()
	app := fiber.New()
	app.All("/hook", fiberwh.New(v), func(c *fiber.Ctx) error {
		handle(fiberwh.Message(c))
		return nil
	})
	return serve(tb, app)
}

func TestWhatASchemeDoesToARequestIsGoneForTheNext(t *testing.T) {
	fibertest.TestWhatASchemeDoesToARequestIsGoneForTheNext(t, serveMessages)
}

func TestAnAnswerMayHoldPartsOfItsRequest(t *testing.T) {
	fibertest.TestAnAnswerMayHoldPartsOfItsRequest(t, serveMessages)
}
