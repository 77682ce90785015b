package ginwh_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/gin-gonic/gin"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/stores/memstore"
)

func Example() {
	_ = os.Setenv("WEBHOOK_SECRET", secret) // outside the program, in life

	v := core.Must(core.New(core.Secrets(os.Getenv("WEBHOOK_SECRET")), memstore.New(), nil))

	g := gin.New()
	g.POST("/hook", ginwh.New(v), func(c *gin.Context) {
		msg := ginwh.Message(c)
		fmt.Println("handling", msg.ID, "stamped", msg.Timestamp)
		c.Status(http.StatusNoContent)
	})

	// An unsigned request does not reach the handler.
	rec := httptest.NewRecorder()
	g.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/hook", nil))
	fmt.Println(rec.Code, rec.Header().Get("Content-Type"))
	// Output:
	// 400 application/problem+json
}

func ExampleDeny() {
	v := core.Must(core.New(core.Secrets(secret), memstore.New(), nil))
	deny := ginwh.Deny(func(c *gin.Context, err *core.Error) {
		a := err.Answer()
		c.Header("Retry-After", a.Header.Get("Retry-After"))
		c.JSON(a.Status, gin.H{"error": http.StatusText(a.Status)})
	})

	g := gin.New()
	g.POST("/hook", ginwh.New(v, deny), func(c *gin.Context) { c.Status(http.StatusNoContent) })

	rec := httptest.NewRecorder()
	g.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/hook", nil))
	fmt.Println(rec.Code, rec.Header().Get("Content-Type"))
	// Output:
	// 400 application/json; charset=utf-8
}
