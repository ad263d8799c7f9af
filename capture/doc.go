// Package capture is the front door for events: SDKs send them over HTTP, and capture answers 200 once every one of
// them is acknowledged by Kafka. It is a drop-in replacement for PostHog's rust/capture.
//
// # Flow
//
// A request passes through these stages, each a package that knows none of the later ones:
//
//	read     the body, within its limit                                      (this package)
//	decode   query, form, base64, gzip, LZ-string  -> JSON text              internal/decode
//	scan     JSON text                             -> views of events        internal/scan
//	quota    drops what the project does not pay for                         internal/quota
//	resolve  token, distinct id, time, uuid, lane; splits heatmap data off   internal/resolve, internal/replay
//	judge    restrictions, token dropper, fleet's limits, overflow           internal/restrict, common/limiter
//	route    lane and limits                       -> topic, key             internal/route
//	record   escapes each event once into its Kafka record                   internal/record
//	sink     Kafka, standard output or nothing                               internal/sink
//	spool    object storage while Kafka is down                              internal/spool
//
// The v1 protocol has rules of its own before the judge (internal/v1), and so have the endpoints for LLM products: forms
// (internal/aiform) and OTLP traces (internal/otel). From there on all events are the same.
//
// Between reading and sending, an event is never decoded into a map or copied: all stages work on views into the
// payload, which lives in the request's batch, taken from a pool and given back after the answer. A view must not
// outlive it; what keeps one (a limiter's key) copies.
//
// # Failures
//
//	malformed request            400, 401 or 413 and the words of internal/reject; nothing is produced
//	a record is not acknowledged 503 (413 if it is too large); others of the request may be stored, and the SDK's resend
//	                             duplicates them, which ingestion removes by uuid
//	Kafka is down                records wait in memory up to the message timeout, then go to object storage, or 503 without one;
//	                             more than the queue holds, the same at once
//	Redis is down                the quota sets last read stay in force, restrictions for a time; before the first read there are none
package capture
