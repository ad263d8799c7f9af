package httpserver

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"
)

// recovery keeps a panic in a handler from ending the connection without an answer. When part of the response is out already, the only
// honest end is to cut the connection, so that the client cannot take the part for the whole.
func recovery(log *slog.Logger, respond func(*gin.Context)) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(http.ErrAbortHandler) // the handler's own way to cut the connection
			}
			log.ErrorContext(c.Request.Context(), "panic in handler", "method", c.Request.Method, "path", c.FullPath(),
				"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			if c.Writer.Written() {
				panic(http.ErrAbortHandler)
			}
			c.Abort()
			for _, key := range []string{"Content-Type", "Content-Encoding", "Content-Length"} {
				c.Writer.Header().Del(key) // they spoke of the body that will not come
			}
			c.Status(http.StatusInternalServerError)
			if respond != nil {
				respond(c)
			}
			c.Writer.WriteHeaderNow()
		}()
		c.Next()
	}
}
