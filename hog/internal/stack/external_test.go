package stack_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hog/internal/stack"
)

func TestReadExternal(t *testing.T) {
	none, err := stack.ReadExternal([]string{"KAFKA_HOSTS=", "REDIS_URL=", "DATABASE_URL=", "KAFKA_TLS=true"})
	require.NoError(t, err)
	require.Empty(t, none.Kafka.Brokers)
	require.Empty(t, none.Redis+none.Postgres)

	s, err := stack.ReadExternal([]string{
		"KAFKA_HOSTS=old:9092", "KAFKA_INGESTION_PRODUCER_METADATA_BROKER_LIST=a:9092, b:9092", "KAFKA_INGESTION_PRODUCER_SECURITY_PROTOCOL=ssl",
		"KAFKA_INGESTION_PRODUCER_ENABLE_SSL_CERTIFICATE_VERIFICATION=false", "REDIS_URL=redis://r/", "DATABASE_URL=postgres://u:p@d/posthog",
	})
	require.NoError(t, err)
	require.Equal(t, []string{"a:9092", "b:9092"}, s.Kafka.Brokers, "the newer name wins, as in capture")
	require.Equal(t, "ssl", s.Kafka.SecurityProtocol)
	require.True(t, s.Kafka.TLSSkipVerify)
	require.Equal(t, "redis://r/", s.Redis)
	require.Equal(t, "postgres://u:p@d/posthog", s.Postgres)
	require.False(t, s.IsEmbedded(stack.Kafka))

	for env, skip := range map[string]bool{"KAFKA_TLS=true": true, "KAFKA_SECURITY_PROTOCOL=ssl": false} {
		s, err := stack.ReadExternal([]string{"KAFKA_HOSTS=a:1", env})
		require.NoError(t, err)
		require.Equal(t, "ssl", s.Kafka.SecurityProtocol, env)
		require.Equal(t, skip, s.Kafka.TLSSkipVerify, env)
	}

	_, err = stack.ReadExternal([]string{"DATABASE_URL=nonsense"})
	require.ErrorContains(t, err, "DATABASE_URL")
}
