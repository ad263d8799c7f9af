//go:build !race

package tracing

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/httpserver"
)

// The race detector allocates on its own, hence the build tag.
func TestOffDoesNotAllocate(t *testing.T) {
	tracer, err := New(Config{Ratio: 1}, slog.New(slog.DiscardHandler), nil)
	require.NoError(t, err)
	engine := httpserver.NewEngine(httpserver.EngineOptions{Registerer: prometheus.NewRegistry(), Trace: tracer.Hook()})
	engine.POST("/", func(c *gin.Context) { c.Status(http.StatusOK) })
	r, w := httptest.NewRequest("POST", "/", nil), httptest.NewRecorder()
	engine.ServeHTTP(w, r) // resolves the metrics
	require.Zero(t, testing.AllocsPerRun(1000, func() { engine.ServeHTTP(w, r) }))
}
