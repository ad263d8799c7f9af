package httpserver_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	"github.com/hog-go/hog/common/httpserver"
)

func ExampleNewEngine() {
	e := httpserver.NewEngine(httpserver.EngineOptions{
		CORS:  &httpserver.CORS{},
		Ready: func() (bool, string) { return false, "kafka: no broker has answered yet" },
	})
	httpserver.Both(e, []string{http.MethodGet}, "/hello", func(c *gin.Context) { c.String(http.StatusOK, "hello") })

	for _, path := range []string{"/hello", "/hello/", "/_readiness"} {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Println(path, w.Code, w.Body)
	}
	// Output:
	// /hello 200 hello
	// /hello/ 200 hello
	// /_readiness 503 kafka: no broker has answered yet
}
