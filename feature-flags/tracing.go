package featureflags

import (
	"context"
	"fmt"
	"time"

	"github.com/hog-go/hog/common/app"
	"github.com/hog-go/hog/common/tracing"
)

// TracingConfig is about the spans of requests.
type TracingConfig struct {
	Endpoint string        `env:"OTEL_EXPORTER_OTLP_ENDPOINT" doc:"OTLP/gRPC address of an OpenTelemetry collector that gets a span for each request, as http://host:4317; empty: none does"`
	Ratio    float64       `env:"OTEL_TRACES_SAMPLER_ARG" default:"0.001" doc:"share of the traces that are exported, 0 to 1; which they are depends on their id alone"`
	Service  string        `env:"OTEL_SERVICE_NAME" default:"posthog-feature-flags" doc:"name of this service in traces"`
	Level    tracing.Level `env:"OTEL_LOG_LEVEL" default:"info" oneof:"error,warn,info,debug,trace,off" doc:"spans are of level info: error, warn and off export none"`
	Timeout  time.Duration `env:"OTEL_EXPORT_TIMEOUT_SECS" unit:"s" default:"3" min:"1" doc:"of sending a batch of spans; what takes longer is lost"`
}

// newTracing builds what exports spans. It is to end after all that makes them.
func (s *Service) newTracing(ctx context.Context) (err error) {
	c := &s.cfg.Tracing
	cfg := tracing.Config{Endpoint: c.Endpoint, Service: c.Service, Ratio: c.Ratio, Timeout: c.Timeout, Level: c.Level}
	if s.tracer, err = tracing.New(cfg, s.partLog, s.reg); err != nil {
		return fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	if s.tracer != nil {
		s.app.Add(app.Component{Name: "tracing", Run: s.tracer.Run})
	} else if c.Endpoint != "" {
		s.log.WarnContext(ctx, "nothing is traced: OTEL_LOG_LEVEL leaves out spans, whose level is info")
	}
	return nil
}
