package capture

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/kafka"
)

func producerConfig(t *testing.T, environ ...string) kafka.ProducerConfig {
	t.Helper()
	var cfg Config
	require.NoError(t, config.LoadFrom(&cfg, append(environ, "REDIS_URL=redis://localhost/")))
	return cfg.Kafka.producer()
}

func TestKafkaSecuritySettings(t *testing.T) {
	tests := map[string]struct {
		env        []string
		protocol   string
		skipVerify bool
	}{
		"nothing":                        {nil, "plaintext", false},
		"older TLS checks nothing":       {[]string{"KAFKA_TLS=true"}, "ssl", true},
		"older TLS told to check":        {[]string{"KAFKA_TLS=true", "KAFKA_INGESTION_PRODUCER_ENABLE_SSL_CERTIFICATE_VERIFICATION=true"}, "ssl", false},
		"newer TLS checks":               {[]string{"KAFKA_INGESTION_PRODUCER_SECURITY_PROTOCOL=ssl"}, "ssl", false},
		"newer TLS told not to check":    {[]string{"KAFKA_INGESTION_PRODUCER_SECURITY_PROTOCOL=ssl", "KAFKA_INGESTION_PRODUCER_ENABLE_SSL_CERTIFICATE_VERIFICATION=false"}, "ssl", true},
		"newer protocol wins over older": {[]string{"KAFKA_TLS=true", "KAFKA_INGESTION_PRODUCER_SECURITY_PROTOCOL=plaintext"}, "plaintext", false},
		"a user turns SASL on":           {[]string{"KAFKA_SASL_USERNAME=u"}, "sasl_plaintext", false},
		"a user over TLS":                {[]string{"KAFKA_SASL_USERNAME=u", "KAFKA_TLS=true"}, "sasl_ssl", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := producerConfig(t, append(tt.env, "KAFKA_SASL_PASSWORD=p", "KAFKA_TLS_CA=ca.pem", "KAFKA_TLS_CERT=c.pem", "KAFKA_TLS_KEY=k.pem")...).Client
			require.Equal(t, tt.protocol, c.SecurityProtocol)
			require.Equal(t, tt.skipVerify, c.TLSSkipVerify)
			require.Equal(t, []string{"p", "ca.pem", "c.pem", "k.pem"}, []string{c.SASLPassword, c.TLSCAFile, c.TLSCertFile, c.TLSKeyFile})
		})
	}
}

func TestProducerSettings(t *testing.T) {
	p := producerConfig(t)
	require.Equal(t, 20*time.Millisecond, p.Linger)
	require.Equal(t, "murmur2_random", p.Partitioner)
	require.Equal(t, 2, *p.Retries)
	require.Equal(t, []string{"kafka:9092"}, p.Client.Brokers)
	require.Zero(t, p.QueueBytes, "the producer's default, 400 MiB")

	p = producerConfig(t, "KAFKA_PRODUCER_LINGER_MS=0", "KAFKA_PRODUCER_QUEUE_MIB=3", "KAFKA_PRODUCER_MAX_RETRIES=0")
	require.Negative(t, p.Linger, "zero is no linger, not the default")
	require.EqualValues(t, 3<<20, p.QueueBytes)
	require.Zero(t, *p.Retries)

	p = producerConfig(t, "KAFKA_PRODUCER_QUEUE_MIB=3", "KAFKA_INGESTION_PRODUCER_QUEUE_BUFFERING_MAX_KBYTES=5")
	require.EqualValues(t, 5<<10, p.QueueBytes, "the newer name and unit win")
}
