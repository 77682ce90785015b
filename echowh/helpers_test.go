package echowh_test

import "github.com/labstack/echo/v4"

// mount is an application with this middleware at /hook, outermost first.
func mount(h echo.HandlerFunc, use ...echo.MiddlewareFunc) *echo.Echo {
	e := newEcho()
	e.POST("/hook", h, use...)
	return e
}
