// Package propertydefs keeps the catalogue of what is in a project's events: which events there are, which properties they, persons
// and groups have, and of what type those are. It reads the topic that ClickHouse reads, clickhouse_events_json, and writes three
// tables of PostgreSQL. It is a drop-in replacement for PostHog's rust/property-defs-rs.
//
//	Kafka ─▶ scan ─▶ derive ─▶ queue ─▶ write ─▶ PostgreSQL
//	           │        │        │        │
//	           │      known      └────────┴─▶ progress ─▶ offsets
//	       one pass   caches of hashes         what may be committed
//
// Nearly every event says nothing new, so the point of it all is not to write: see package derive for the short way, package known for
// the caches, and package write for what happens to the rest.
//
// # What is safe
//
// An offset is committed when every update that its message brought is settled: written, or left out for a reason that is logged and
// counted. So after a crash some events are read again, which changes nothing, and none is lost. A definition enters the cache when it
// is queued; what another worker or partition then finds covered is held back by the offset of the message that brought it first.
//
//	database down or read-only, table missing     writes are tried for ever, the queue fills, reading from Kafka waits
//	a row that the database refuses               left out alone, its chunk is written
//	a team or project that is gone                its rows are dropped, and remembered so that they are not tried again
//	Kafka or topic missing                        waited for
//	group type without an index                   the property is left out, and tried again at its next sighting
//	stop, or a partition goes to another replica  the queue is written first, as far as there is time
package propertydefs
