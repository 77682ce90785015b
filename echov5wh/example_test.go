package echov5wh_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/labstack/echo/v5"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echov5wh"
	"github.com/hookonce/hookonce/stores/memstore"
)

func Example() {
	_ = os.Setenv("WEBHOOK_SECRET", secret) // outside the program, in life

	v := core.Must(core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), memstore.New(), nil))

	e := echo.New()
	e.POST("/hook", func(c *echo.Context) error {
		msg := echov5wh.Message(c)
		fmt.Println("handling", msg.ID, "stamped", msg.Timestamp)
		return c.NoContent(http.StatusNoContent)
	}, echov5wh.New(v))

	// An unsigned request does not reach the handler.
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/hook", nil))
	fmt.Println(rec.Code, rec.Header().Get("Content-Type"))
	// Output:
	// 400 application/problem+json
}

func ExampleDeny() {
	v := core.Must(core.New(core.Secrets(secret), memstore.New(), nil))
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
