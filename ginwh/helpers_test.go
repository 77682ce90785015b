package ginwh_test

import "github.com/gin-gonic/gin"

// mount is an application with this chain at /hook.
func mount(chain ...gin.HandlerFunc) *gin.Engine {
	g := gin.New()
	g.POST("/hook", chain...)
	return g
}
