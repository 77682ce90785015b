package fiberwh_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/stores/memstore"
)

func Example() {
	secret := core.GenerateSecret() // os.Getenv("WEBHOOK_SECRET")
	v := core.Must(core.New(core.Secrets(secret), memstore.New(), nil))

	app := fiber.New(fiber.Config{ReadTimeout: 10 * time.Second, BodyLimit: 1 << 20, DisablePreParseMultipartForm: true})
	app.Post("/hook", fiberwh.New(v), func(c *fiber.Ctx) error {
		msg := fiberwh.Message(c)
		fmt.Println("handling", msg.ID)
		return c.SendStatus(fiber.StatusNoContent)
	})

	// An unsigned request does not reach the handler. The sender's request does.
	unsigned := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader("{}"))
	signed := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader("{}"))
	signer, err := core.NewSigner(secret)
	if err != nil {
		panic(err)
	}
	if err := signer.Sign(signed.Header, "msg_1", time.Now(), []byte("{}")); err != nil {
		panic(err)
	}
	for _, r := range []*http.Request{unsigned, signed} {
		res, err := app.Test(r)
		if err != nil {
			panic(err)
		}
		_ = res.Body.Close()
		fmt.Println(res.StatusCode)
	}
	// Output:
	// 400
	// handling msg_1
	// 204
}

func ExampleDeny() {
	v := core.Must(core.New(core.Secrets(core.GenerateSecret()), memstore.New(), nil))
	deny := fiberwh.Deny(func(c *fiber.Ctx, err *core.Error) error {
		a := err.Answer()
		c.Set("Retry-After", a.Header.Get("Retry-After"))
		return c.Status(a.Status).JSON(fiber.Map{"error": http.StatusText(a.Status)})
	})

	app := fiber.New()
	app.Post("/hook", fiberwh.New(v, deny), func(c *fiber.Ctx) error { return c.SendStatus(fiber.StatusNoContent) })

	res, err := app.Test(httptest.NewRequest(http.MethodPost, "/hook", nil))
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	fmt.Println(res.StatusCode, res.Header.Get("Content-Type"))
	// Output:
	// 400 application/json
}
