package echov5wh_test

import "github.com/labstack/echo/v5"

// mount is an application with this middleware at /hook, outermost first.
func mount(h echo.HandlerFunc, use ...echo.MiddlewareFunc) *echo.Echo {
	e := newEcho()
	e.POST("/hook", h, use...)
	return e
}
