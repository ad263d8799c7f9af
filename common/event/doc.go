// Package event holds the wire types that services exchange over Kafka: what an SDK sends (Raw), what capture
// publishes (Captured, with its Key and Headers), what the ingestion workers write for ClickHouse (ClickHouse), and
// the rules for an event's time and distinct id.
//
// The JSON forms are fixed points: Node ingestion, cymbal and the Rust services read and write them. They follow
// PostHog's rust/common/types (event.rs, timestamp.rs). A Captured event carries the client's event as JSON text
// inside a JSON string (Data), so an encoder escapes that text once and never decodes what it only passes on.
package event
