// Package otel turns OTLP traces into AI events: POST /i/v0/ai/otel takes an ExportTraceServiceRequest, and every span
// in it that an instrumentation of LLM calls made becomes one event; other spans are passed over.
//
//	body ─ wire (protobuf) or text (JSON) ─▶ references to spans ─▶ span ─ provider ─▶ AI? ─ properties ─▶ Event
//
// Both encodings yield the same raw pieces, so that only the attributes of AI spans are ever converted. Attribute values
// become JSON as they are read; nothing builds a tree of them.
//
// POST /i/v0/ai/otel/v1/logs takes an ExportLogsServiceRequest in the same way: log records that tell the result of an evaluation
// become events, others are passed over.
//
// # Bounds
//
// A request has at most MaxSpans spans, MaxAISpans of them AI; values nest at most maxNesting deep, whatever the client
// sends, so that the stack is bounded; and all events of a request together take at most maxOutput bytes, since the
// attributes of a resource are repeated in the event of each of its spans. Evaluations have tighter limits, those of the original.
//
// # Where it is more lenient than the original
//
// Text in protobuf that is not UTF-8 is repaired, fields of a wrong wire type count as unknown, base64 may be of either
// alphabet, and what spans without AI attributes hold beyond their keys is not looked at. The id of an evaluation's run is made of the
// record as it was sent, where the original encodes it anew: it too is the same whenever a client sends the same again. An evaluation
// that names no user belongs to whom its session or trace belongs to, not to nobody. Sources: PostHog's rust/capture/src/otel; OTLP 1.x (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding").
package otel
