// Package readonly answers the methods of a route that only gives something out, as the endpoints for server SDKs do.
package readonly

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

const allow = "GET, OPTIONS, HEAD"

// Handle answers a request of any method; get is for GET. HEAD looks nothing up.
func Handle(c *gin.Context, get gin.HandlerFunc) {
	switch c.Request.Method {
	case http.MethodGet:
		get(c)
	case http.MethodHead:
		c.Header("Content-Type", "application/json")
		c.Status(http.StatusOK)
	case http.MethodOptions:
		c.Header("Allow", allow)
		c.Status(http.StatusNoContent)
	default:
		c.Header("Allow", allow)
		c.Status(http.StatusMethodNotAllowed)
	}
}
