package tracing

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/hog-go/hog/common/metrics"
)

// exporter sends batches to the collector and tells how that went. The SDK has one batch under way at a time.
type exporter struct {
	*otlptrace.Exporter
	metrics *metricSet
	log     *slog.Logger
	failing bool
}

func newExporter(endpoint string, timeout time.Duration, m *metricSet, log *slog.Logger) *exporter {
	client := otlptracegrpc.NewClient(otlptracegrpc.WithEndpointURL(endpoint), otlptracegrpc.WithTimeout(timeout))
	return &exporter{Exporter: otlptrace.NewUnstarted(client), metrics: m, log: log}
}

// ExportSpans returns nil for a batch that is lost, too: the SDK would write the error to standard error.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.Exporter.ExportSpans(ctx, spans)
	switch {
	case err != nil:
		e.metrics.failed.Add(float64(len(spans)))
		if !e.failing {
			e.log.WarnContext(ctx, "traces cannot be exported", "err", err)
		}
	default:
		e.metrics.sent.Add(float64(len(spans)))
		if e.failing {
			e.log.InfoContext(ctx, "traces are exported again")
		}
	}
	e.failing = err != nil
	return nil
}

// giveUp ends a batch that is under way, and lets those after it fail at once.
func (e *exporter) giveUp() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = e.Shutdown(ended)
}

// counting counts the spans that a processor is given.
type counting struct {
	sdk.SpanProcessor
	ended prometheus.Counter
}

func (c counting) OnEnd(s sdk.ReadOnlySpan) {
	c.ended.Inc()
	c.SpanProcessor.OnEnd(s)
}

// metricSet counts spans. What has ended and was neither sent nor failed waits, or found the queue full.
type metricSet struct {
	ended, sent, failed prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metricSet {
	exported := metrics.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tracing_spans_exported_total",
		Help: "Spans sent to the collector, by outcome: sent, or failed and lost.",
	}, []string{"outcome"}))
	return &metricSet{
		ended: metrics.Register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tracing_spans_ended_total",
			Help: "Spans to export. Far more than tracing_spans_exported_total: the queue is full and spans are dropped.",
		})),
		sent: exported.WithLabelValues("sent"), failed: exported.WithLabelValues("failed"),
	}
}
