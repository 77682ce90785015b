package ginwh_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/stores/memstore"
)

func Example() {
	secret := core.GenerateSecret() // os.Getenv("WEBHOOK_SECRET")
	v := core.Must(core.New(core.Secrets(secret), memstore.New(), nil))

	g := gin.New()
	g.POST("/hook", ginwh.New(v), func(c *gin.Context) {
		msg := ginwh.Message(c)
		fmt.Println("handling", msg.ID)
		c.Status(http.StatusNoContent)
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
		rec := httptest.NewRecorder()
		g.ServeHTTP(rec, r)
		fmt.Println(rec.Code)
	}
	// Output:
	// 400
	// handling msg_1
	// 204
}

func ExampleDeny() {
	v := core.Must(core.New(core.Secrets(core.GenerateSecret()), memstore.New(), nil))
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
