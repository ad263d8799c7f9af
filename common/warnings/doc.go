// Package warnings tells projects about events that were refused or mended, without a database: a warning travels as an event of
// its own, named $$client_ingestion_warning, and the main app's workers turn it into what the project sees.
//
// Emit is for request handlers. It never waits and never fails: a warning that is one too many for its project and type, or for the
// queue, is counted and dropped, and so is one that cannot be delivered. Run sends what was queued; warnings that are still queued
// when its time is up are lost.
//
// Producers that know the team write a Row instead, straight to clickhouse_ingestion_warnings.
//
// Source: PostHog's rust/common/ingestion_warnings.
package warnings

import (
	"time"

	"github.com/hog-go/hog/common/kafka"
)

// DefaultTopic is where warnings go unless the service is told otherwise; a single-machine installation of the main app reads
// ingestion-clientwarnings-main-1.
const DefaultTopic = "client_ingestion_warning"

// ProducerConfig is that of the warnings' own producer: small, and quick to give up, so that warnings never get in the way of events.
func ProducerConfig(client kafka.ClientConfig) kafka.ProducerConfig {
	retries := 0
	return kafka.ProducerConfig{
		Client: client, Acks: "1", Retries: &retries, MessageTimeout: 5 * time.Second, Linger: 100 * time.Millisecond,
		QueueMessages: queueSize, MetricsPrefix: "ingestion_warnings_kafka_",
	}
}
