package echov5wh_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v5"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echov5wh"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/whtest"
)

// An error of a key source or a store is for the log. Only an echo.HTTPError from the body is
// another middleware's response.
func TestAnErrorOfTheKeySourceIsNoAnswer(t *testing.T) {
	t.Parallel()
	keys := core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) {
		return "", nil, fmt.Errorf("%w: %w", core.ErrUnknownSource, echo.NewHTTPError(http.StatusNotFound, "no row in db-7"))
	})
	signer, err := core.NewSigner(core.GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.POST("/hook", func(*echo.Context) error { return nil }, echov5wh.New(core.Must(core.New(keys, memstore.New(), nil))))
	w := httptest.NewRecorder()
	e.ServeHTTP(w, whtest.NewRequest(t, signer, "/hook", "{}"))
	if w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), "db-7") {
		t.Errorf("an unknown tenant is told %d %s", w.Code, w.Body)
	}
}
