package echov5wh_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/labstack/echo/v5"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echov5wh"
	"github.com/hookonce/hookonce/stores/memstore"
)

func Example() {
	secret := core.GenerateSecret() // os.Getenv("WEBHOOK_SECRET")
	v := core.Must(core.New(core.Secrets(secret), memstore.New(), nil))

	e := echo.New()
	e.POST("/hook", func(c *echo.Context) error {
		msg := echov5wh.Message(c)
		fmt.Println("handling", msg.ID)
		return c.NoContent(http.StatusNoContent)
	}, echov5wh.New(v))

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
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, r)
		fmt.Println(rec.Code)
	}
	// Output:
	// 400
	// handling msg_1
	// 204
}

func ExampleDeny() {
	v := core.Must(core.New(core.Secrets(core.GenerateSecret()), memstore.New(), nil))
	deny := echov5wh.Deny(func(c *echo.Context, err *core.Error) error {
		a := err.Answer()
		c.Response().Header().Set("Retry-After", a.Header.Get("Retry-After"))
		return echo.NewHTTPError(a.Status, "").Wrap(err) // rendered by the HTTPErrorHandler, logged with its cause
	})

	e := echo.New()
	e.POST("/hook", func(c *echo.Context) error { return c.NoContent(http.StatusNoContent) }, echov5wh.New(v, deny))

	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/hook", nil))
	fmt.Println(rec.Code, rec.Header().Get("Content-Type"))
	// Output:
	// 400 application/json
}
