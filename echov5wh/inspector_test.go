package echov5wh_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v5"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echov5wh"
	"github.com/hookonce/hookonce/internal/inspectortest"
)

func TestTheInspectorShowsARunningApplication(t *testing.T) {
	t.Parallel()
	inspectortest.Run(t, func(t *testing.T, v *core.Verifier) string {
		e := echo.New()
		e.POST("/hook", func(c *echo.Context) error {
			if _, err := io.ReadAll(c.Request().Body); err != nil {
				return err
			}
			return c.NoContent(http.StatusOK)
		}, echov5wh.New(v))
		srv := httptest.NewServer(e)
		t.Cleanup(srv.Close)
		return srv.URL
	})
}
