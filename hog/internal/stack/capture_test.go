package stack

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture"
)

func TestCaptureConfig(t *testing.T) {
	tests := map[string]struct {
		environ []string
		linger  time.Duration
	}{
		"the embedded Kafka is near":       {nil, localLinger},
		"the environment wins":             {[]string{"KAFKA_PRODUCER_LINGER_MS=33"}, 33 * time.Millisecond},
		"a given Kafka may be far":         {[]string{"KAFKA_HOSTS=kafka:9092"}, 20 * time.Millisecond},
		"a given Kafka, by its newer name": {[]string{"KAFKA_INGESTION_PRODUCER_METADATA_BROKER_LIST=kafka:9092"}, 20 * time.Millisecond},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, mode := range []capture.Mode{capture.ModeEvents, capture.ModeRecordings} {
				cfg, err := captureConfig(mode, append(tt.environ, "ADDRESS=127.0.0.1:3000", "CAPTURE_MODE=import"))
				require.NoError(t, err)
				require.Equal(t, tt.linger, cfg.Kafka.Linger)
				require.Equal(t, mode, cfg.Mode)
				require.Empty(t, cfg.Address, "a service must not listen by itself")
			}
		})
	}
}
