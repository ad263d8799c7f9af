package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/hog-go/hog/common/httpserver"
)

// flushTimeout bounds what a stop spends on the spans that are queued; it fits into what services leave to spare for their own stops.
const flushTimeout = 5 * time.Second

// Config says what is traced, and who is told.
type Config struct {
	Endpoint string        // of the collector's OTLP/gRPC port, as http://host:4317, or https for TLS; "" is off
	Service  string        // the resource attribute service.name
	Ratio    float64       // share of the traces; 1 and above is all, 0 and below none
	Timeout  time.Duration // of sending one batch; it bears the retries, too
	Level    Level         // spans are of level info, so that beyond it there are none
}

// Tracer makes the spans of a service. Give Run a goroutine: what ends before is not exported.
type Tracer struct {
	tracer   trace.Tracer
	provider *sdk.TracerProvider
	exporter *exporter
	metrics  *metricSet
	log      *slog.Logger
	flush    time.Duration
}

// New returns nil if cfg turns tracing off. It starts nothing, and the collector need not be there.
func New(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Tracer, error) {
	if cfg.Endpoint == "" || cfg.Level > LevelInfo {
		return nil, nil
	}
	endpoint, err := parseEndpoint(cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	provider := sdk.NewTracerProvider(
		sdk.WithSampler(sdk.TraceIDRatioBased(cfg.Ratio)),
		sdk.WithResource(resource.NewSchemaless(semconv.ServiceName(cfg.Service))),
	)
	metrics, log := newMetrics(reg), log.With("component", "tracing")
	return &Tracer{
		tracer: provider.Tracer("github.com/hog-go/hog/common/tracing"), provider: provider, metrics: metrics, log: log, flush: flushTimeout,
		exporter: newExporter(endpoint, cfg.Timeout, metrics, log),
	}, nil
}

// parseEndpoint takes a bare host:port as well, without TLS.
func parseEndpoint(text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("%q is no address of a collector: use a form like http://localhost:4317", text)
	}
	return text, nil
}

// Run exports until ctx ends, then sends what is queued.
func (t *Tracer) Run(ctx context.Context) error {
	if err := t.start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	t.stop(context.WithoutCancel(ctx))
	return nil // with or without traces, the service has done its work
}

func (t *Tracer) start(ctx context.Context) error {
	if err := t.exporter.Start(ctx); err != nil {
		return fmt.Errorf("connection to the trace collector: %w", err)
	}
	t.provider.RegisterSpanProcessor(counting{sdk.NewBatchSpanProcessor(t.exporter), t.metrics.ended})
	return nil
}

// stop needs no end of ctx: once the exporter has given up, nothing takes time.
func (t *Tracer) stop(ctx context.Context) {
	defer time.AfterFunc(t.flush, t.exporter.giveUp).Stop()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.WarnContext(ctx, "traces are incomplete", "err", err)
	}
}

// Hook returns Begin, or nil if t is nil.
func (t *Tracer) Hook() func(r *http.Request, route string) (end func(status int)) {
	if t == nil {
		return nil
	}
	return t.Begin
}

// Begin starts the span of a request to the pattern route, "" if none fits; end ends it.
func (t *Tracer) Begin(r *http.Request, route string) (end func(status int)) {
	method, name := r.Method, r.Method
	if !httpserver.KnownMethod(method) {
		method, name = otherMethod, "HTTP"
	}
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	_, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer))
	if !span.IsRecording() {
		return ignore
	}
	attributes := append(make([]attribute.KeyValue, 0, 3), semconv.HTTPRequestMethodKey.String(method))
	if route != "" {
		span.SetName(name + " " + route) // only now: most requests may not be sampled
		attributes = append(attributes, semconv.HTTPRoute(route))
	}
	if r.ContentLength >= 0 {
		attributes = append(attributes, semconv.HTTPRequestBodySize(int(r.ContentLength)))
	}
	span.SetAttributes(attributes...)
	return func(status int) {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
			span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(status)))
		}
		span.End()
	}
}

func ignore(int) {}

// otherMethod stands for methods that clients made up, in the words of the conventions.
const otherMethod = "_OTHER"
