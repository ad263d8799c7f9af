package kafka_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/kafka"
)

type env struct {
	Client   kafka.ClientEnv
	Producer kafka.ProducerEnv
	Consumer kafka.ConsumerEnv
}

func load(t *testing.T, environ ...string) (env, error) {
	t.Helper()
	e := env{Consumer: kafka.ConsumerEnv{Group: "a-service", Topic: "its-topic"}} // as services do
	return e, config.LoadFrom(&e, environ)
}

func mustLoad(t *testing.T, environ ...string) env {
	t.Helper()
	e := env{Consumer: kafka.ConsumerEnv{Group: "a-service", Topic: "its-topic"}}
	require.NoError(t, config.LoadFrom(&e, environ))
	return e
}

func TestEnv(t *testing.T) {
	t.Run("row 75 no variable set is the default config", func(t *testing.T) {
		e := mustLoad(t)
		p, c := e.Producer.Config(e.Client), e.Consumer.Config(e.Client)
		want := kafka.ProducerConfig{
			Client: kafka.ClientConfig{Brokers: []string{"localhost:9092"}, SecurityProtocol: "plaintext", TLSSkipVerify: true, SocketTimeout: time.Minute},
			Linger: 20 * time.Millisecond, QueueBytes: 400 << 20, QueueMessages: 10_000_000,
			MessageTimeout: 20 * time.Second, Compression: "none", MetadataRefresh: 20 * time.Second,
		}
		require.Equal(t, want, p)
		require.Equal(t, kafka.Filled(t, kafka.ProducerConfig{}), kafka.Filled(t, without(p)))
		require.Equal(t, kafka.ConsumerConfig{Client: want.Client, Group: "a-service", Topics: []string{"its-topic"}, OffsetReset: "earliest",
			CommitInterval: 5 * time.Second, MetadataRefresh: 20 * time.Second}, c)
	})
	t.Run("everything set", func(t *testing.T) {
		e := mustLoad(t, "KAFKA_HOSTS=kafka, other:9093", "KAFKA_TLS=true", "KAFKA_PRODUCER_LINGER_MS=0", "KAFKA_PRODUCER_QUEUE_MIB=1", "KAFKA_PRODUCER_QUEUE_MESSAGES=7",
			"KAFKA_MESSAGE_TIMEOUT_MS=5", "KAFKA_COMPRESSION_CODEC=zstd", "KAFKA_CLIENT_ID=me", "KAFKA_PRODUCER_BATCH_SIZE=9", "KAFKA_PRODUCER_BATCH_NUM_MESSAGES=8",
			"KAFKA_PRODUCER_ENABLE_IDEMPOTENCE=true", "KAFKA_PRODUCER_MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION=1000000", "KAFKA_PRODUCER_TOPIC_METADATA_REFRESH_INTERVAL_MS=30000",
			"KAFKA_PRODUCER_MESSAGE_MAX_BYTES=11", "KAFKA_PRODUCER_STICKY_PARTITIONING_LINGER_MS=0", "KAFKA_PRODUCER_PARTITIONER=murmur2_random", "KAFKA_PRODUCER_ACKS=all",
			"KAFKA_PRODUCER_RETRIES=0", "KAFKA_CONSUMER_GROUP=g", "KAFKA_CONSUMER_TOPIC=t", "KAFKA_CONSUMER_OFFSET_RESET=latest", "KAFKA_CONSUMER_FETCH_MIN_BYTES=12",
			"KAFKA_CONSUMER_SOCKET_RECEIVE_BUFFER_BYTES=4096", "KAFKA_CONSUMER_FETCH_WAIT_MAX_MS=40", "KAFKA_SASL_USERNAME=u", "KAFKA_SASL_PASSWORD=p", "KAFKA_TLS_CA=/ca.pem")
		zero := 0
		p := e.Producer.Config(e.Client)
		require.Equal(t, kafka.ProducerConfig{
			Client: kafka.ClientConfig{Brokers: []string{"kafka", "other:9093"}, ClientID: "me", SecurityProtocol: "sasl_ssl", TLSSkipVerify: true, TLSCAFile: "/ca.pem",
				SASLUsername: "u", SASLPassword: "p", SocketTimeout: time.Minute},
			Linger: -1, QueueBytes: 1 << 20, QueueMessages: 7, MessageTimeout: 5 * time.Millisecond, Compression: "zstd", BatchSize: 9, BatchNumMessages: 8,
			Idempotence: true, MaxInFlight: 1_000_000, MetadataRefresh: 30 * time.Second, MessageMaxBytes: 11, StickyLinger: -1, Partitioner: "murmur2_random", Acks: "all", Retries: &zero,
		}, p)
		require.Equal(t, []string{"kafka:9092", "other:9093"}, kafka.Filled(t, without(p)).Client.Brokers)
		c := e.Consumer.Config(e.Client)
		require.Equal(t, "g", c.Group)
		require.Equal(t, []string{"t"}, c.Topics)
		require.Equal(t, "latest", c.OffsetReset)
		require.Equal(t, 12, c.FetchMinBytes)
		require.Equal(t, 40*time.Millisecond, c.FetchMaxWait)
		require.Equal(t, 4096, c.Client.SocketReceiveBuffer)
	})
	t.Run("empty optional variables are unset", func(t *testing.T) {
		e := mustLoad(t, "KAFKA_PRODUCER_RETRIES=", "KAFKA_PRODUCER_BATCH_SIZE=", "KAFKA_PRODUCER_ACKS=")
		p := e.Producer.Config(e.Client)
		require.Nil(t, p.Retries)
		require.Zero(t, p.BatchSize)
	})
	t.Run("bad values name their variable", func(t *testing.T) {
		for _, bad := range []string{"KAFKA_TLS=maybe", "KAFKA_PRODUCER_LINGER_MS=-1", "KAFKA_COMPRESSION_CODEC=rar", "KAFKA_PRODUCER_PARTITIONER=fnv1a", "KAFKA_PRODUCER_ACKS=2",
			"KAFKA_CONSUMER_OFFSET_RESET=none", "KAFKA_CONSUMER_SOCKET_SEND_BUFFER_BYTES=big", "KAFKA_PRODUCER_RETRIES=many"} {
			_, err := load(t, bad)
			require.ErrorContains(t, err, bad[:len("KAFKA_")+2], bad)
		}
		_, err := load(t, "KAFKA_SECURITY_PROTOCOL=tls")
		require.ErrorContains(t, err, `security protocol "tls"`)
	})
	t.Run("passwords do not show", func(t *testing.T) {
		e := mustLoad(t, "KAFKA_SASL_PASSWORD=hunter2")
		require.NotContains(t, e.Client.SASLPassword.String(), "hunter2")
	})
}

// without drops what only says how to reach the cluster.
func without(p kafka.ProducerConfig) kafka.ProducerConfig {
	p.Client = kafka.ClientConfig{Brokers: p.Client.Brokers}
	return p
}

func TestEnvelope(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want kafka.Envelope
		err  string
	}{
		{"LZ4", kafka.EnvelopeLZ4, ""},
		{" lz4 ", kafka.EnvelopeLZ4, ""},
		{"None", kafka.EnvelopeNone, ""},
		{"gzip", "", "Unknown EnvelopeEncoding: gzip"},
	} {
		t.Run("row 73 parse "+tt.in, func(t *testing.T) {
			got, err := kafka.ParseEnvelope(tt.in)
			if tt.err != "" {
				require.EqualError(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
	t.Run("round trip", func(t *testing.T) {
		value := []byte(`{"some":"json"}`)
		packed := kafka.EnvelopeLZ4.Append([]byte("before "), value)[len("before "):]
		require.Equal(t, []byte{0x04, 0x22, 0x4D, 0x18}, packed[:4])
		out, err := kafka.OpenEnvelope(packed)
		require.NoError(t, err)
		require.Equal(t, value, out)
		out, err = kafka.OpenEnvelope(kafka.EnvelopeNone.Append(nil, value))
		require.NoError(t, err)
		require.Equal(t, value, out)
		_, err = kafka.OpenEnvelope(packed[:10])
		require.ErrorContains(t, err, "open LZ4 envelope")
	})
	t.Run("poison", func(t *testing.T) {
		_, err := kafka.DecodeJSON[map[string]any](&kafka.Message{})
		require.EqualError(t, err, "Received empty payload")
		_, err = kafka.DecodeJSON[map[string]any](&kafka.Message{Value: []byte("[")})
		require.ErrorContains(t, err, "Serde error: ")
	})
}
