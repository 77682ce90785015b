package fiberv3wh_test

import (
	"testing"

	"github.com/gofiber/fiber/v3"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/fiberv3wh"
	"github.com/hookonce/hookonce/internal/adaptertest/fibertest"
)

func serveMessages(tb testing.TB, v *core.Verifier, handle func(core.Message)) string {
	tb.Helper()
	app := fiber.New()
	app.All("/hook", fiberv3wh.New(v), func(c fiber.Ctx) error {
		handle(fiberv3wh.Message(c))
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
