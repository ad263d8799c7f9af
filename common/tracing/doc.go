// Package tracing exports a span for each request of a service to an OpenTelemetry collector, over OTLP and gRPC.
//
// A span is named by method and route pattern, "POST /i/v0/e/", and carries these two, the status and the size of the body as the
// attributes of OpenTelemetry's HTTP conventions. Paths and queries are left out: they may hold tokens.
//
// A traceparent header (W3C Trace Context) tells which trace a request belongs to, but not whether it is exported: clients of a public
// service could have all of theirs exported. A share of the traces is chosen by their id, so that services with the same share choose
// the same traces.
//
//	request ──▶ Begin ──▶ handlers ──▶ end ──▶ queue (2048 spans) ──▶ batches of at most 512 ──▶ collector
//
// No request waits for the collector. While it cannot be reached, a batch is given up after its timeout, and spans that find the queue full
// are dropped: both are metrics, and the log has a line when the trouble begins and one when it ends. A stop sends what is queued, for at
// most 5 s.
//
// A nil *Tracer is tracing that is off: what it costs is a nil check.
//
// The variables of OpenTelemetry's SDK that no setting of ours replaces work here too: OTEL_EXPORTER_OTLP_HEADERS,
// OTEL_EXPORTER_OTLP_CERTIFICATE, OTEL_EXPORTER_OTLP_COMPRESSION, OTEL_RESOURCE_ATTRIBUTES and those beginning with OTEL_BSP_, which tune the
// queue.
package tracing
