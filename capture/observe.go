package capture

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/app"
	"github.com/hog-go/hog/common/tracing"
)

// traceTimeout is how long a batch of spans may take. Source: PostHog's rust/capture/src/main.rs.
const traceTimeout = 3 * time.Second

// ObserveConfig is about what operators see of single requests.
type ObserveConfig struct {
	TraceURL   string  `env:"OTEL_URL" doc:"OTLP/gRPC address of an OpenTelemetry collector that gets a span for each request, as http://host:4317; empty: none does"`
	TraceRatio float64 `env:"OTEL_SAMPLING_RATE" default:"1.0" doc:"share of the traces that are exported, 0 to 1; which they are depends on their id alone"`
	Verbose    float64 `env:"VERBOSE_SAMPLE_PERCENT" default:"0.0" doc:"share of the requests, 0 to 100, that are logged as if they had the header X-CAPTURE-DEBUG"`
	Mirror     bool    `env:"IS_MIRROR_DEPLOY" default:"false" doc:"for a deployment that gets copies of requests: its log lines have is_mirror_deploy=true"`
}

// newTracing builds what exports spans. It is to end after all that makes them.
func (s *Service) newTracing(reg prometheus.Registerer) (err error) {
	cfg := tracing.Config{Endpoint: s.cfg.Observe.TraceURL, Service: s.cfg.Role, Ratio: s.cfg.Observe.TraceRatio, Timeout: traceTimeout}
	if s.tracer, err = tracing.New(cfg, s.partLog, reg); err != nil {
		return fmt.Errorf("OTEL_URL: %w", err)
	}
	if s.tracer != nil {
		s.app.Add(app.Component{Name: "tracing", Run: s.tracer.Run})
	}
	return nil
}

// debugHeader makes a request log what it is, whatever its value: for an operator who looks for somebody's events.
const debugHeader = "X-Capture-Debug"

// report logs a request at the level debug, or at info where the client asks for it or the request is drawn. Tokens and
// contents stay out.
func (s *Service) report(c *gin.Context, b *batch, err error) {
	level := slog.LevelDebug
	if _, asked := c.Request.Header[debugHeader]; asked || s.drawn() {
		level = slog.LevelInfo
	}
	ctx := c.Request.Context()
	if !s.log.Enabled(ctx, level) {
		return
	}
	h := c.Request.Header
	s.log.Log(ctx, level, "request", "method", c.Request.Method, "path", c.Request.URL.Path, "status", c.Writer.Status(), "err", err,
		"request_id", first(h["X-Request-Id"]), "user_agent", first(h["User-Agent"]), "content_type", first(h["Content-Type"]),
		"content_encoding", first(h["Content-Encoding"]), "body_bytes", len(b.body), "events", len(b.request.Events)+len(b.recordings),
		"records", len(b.records.Records), "historical_migration", b.request.Historical)
}

// drawn tells, by chance, whether a request is one of those that are always logged.
func (s *Service) drawn() bool {
	percent := s.cfg.Observe.Verbose
	return percent > 0 && rand.Float64()*100 < percent
}
