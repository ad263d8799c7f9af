package kafka

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Queued is how many records p holds.
func Queued(p *Producer) int64 { return p.queued.Load() }

// Filled is cfg as NewProducer uses it.
func Filled(tb testing.TB, cfg ProducerConfig) ProducerConfig {
	cfg, err := cfg.withDefaults()
	require.NoError(tb, err)
	return cfg
}
