package capture

import (
	"time"

	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/kafka"
)

// KafkaConfig is the producer block. The newer names are those of the original's INGESTION producer.
type KafkaConfig struct {
	Brokers          []string      `env:"KAFKA_INGESTION_PRODUCER_METADATA_BROKER_LIST,KAFKA_HOSTS" default:"kafka:9092" trim:"true" doc:"bootstrap servers, comma list of host:port"`
	SecurityProtocol string        `env:"KAFKA_INGESTION_PRODUCER_SECURITY_PROTOCOL,KAFKA_SECURITY_PROTOCOL" doc:"plaintext, ssl, sasl_plaintext or sasl_ssl; default: what KAFKA_TLS and KAFKA_SASL_USERNAME ask for"`
	VerifyTLS        *bool         `env:"KAFKA_INGESTION_PRODUCER_ENABLE_SSL_CERTIFICATE_VERIFICATION" doc:"check the brokers' certificates; default true, false where only KAFKA_TLS asks for TLS"`
	TLS              bool          `env:"KAFKA_TLS" default:"false" doc:"older way to ask for ssl: certificates are not checked unless told so"`
	CAFile           string        `env:"KAFKA_TLS_CA" doc:"PEM file of the authorities to trust; also turns the check on"`
	CertFile         string        `env:"KAFKA_TLS_CERT" doc:"PEM client certificate, with KAFKA_TLS_KEY"`
	KeyFile          string        `env:"KAFKA_TLS_KEY" doc:"PEM key of the client certificate"`
	SASLMechanism    string        `env:"KAFKA_SASL_MECHANISM" doc:"PLAIN (default), SCRAM-SHA-256 or SCRAM-SHA-512"`
	SASLUsername     string        `env:"KAFKA_SASL_USERNAME" doc:"turns SASL on"`
	SASLPassword     config.Secret `env:"KAFKA_SASL_PASSWORD" doc:"password of the SASL user"`
	ClientID         string        `env:"KAFKA_INGESTION_PRODUCER_CLIENT_ID,KAFKA_CLIENT_ID" doc:"client.id"`

	Compression     string         `env:"KAFKA_INGESTION_PRODUCER_COMPRESSION_CODEC,KAFKA_COMPRESSION_CODEC" default:"none" oneof:"none,gzip,snappy,lz4,zstd" doc:"of record batches"`
	Linger          time.Duration  `env:"KAFKA_INGESTION_PRODUCER_LINGER_MS,KAFKA_PRODUCER_LINGER_MS" unit:"ms" default:"20" min:"0" doc:"how long a record waits for company"`
	BatchSize       int            `env:"KAFKA_INGESTION_PRODUCER_BATCH_SIZE,KAFKA_PRODUCER_BATCH_SIZE" default:"1000000" min:"1" doc:"bytes at which a batch is sent"`
	BatchMessages   int            `env:"KAFKA_INGESTION_PRODUCER_BATCH_NUM_MESSAGES,KAFKA_PRODUCER_BATCH_NUM_MESSAGES" default:"10000" min:"1" doc:"records at which a batch is sent"`
	QueueMessages   int            `env:"KAFKA_INGESTION_PRODUCER_QUEUE_BUFFERING_MAX_MESSAGES,KAFKA_PRODUCER_QUEUE_BUFFERING_MAX_MESSAGES" default:"100000" min:"1" doc:"records held in memory at most; more are answered 503"`
	QueueKB         int64          `env:"KAFKA_INGESTION_PRODUCER_QUEUE_BUFFERING_MAX_KBYTES" min:"1" doc:"kB held in memory at most; default 409600"`
	QueueMiB        int64          `env:"KAFKA_PRODUCER_QUEUE_MIB" min:"1" doc:"older form of the above, in MiB"`
	MessageMaxBytes int            `env:"KAFKA_INGESTION_PRODUCER_MESSAGE_MAX_BYTES,KAFKA_PRODUCER_MESSAGE_MAX_BYTES" default:"1000000" min:"1000" doc:"largest record; also the limit of an unpacked recording"`
	ReplayEnvelope  kafka.Envelope `env:"KAFKA_REPLAY_ENVELOPE_COMPRESSION" default:"none" doc:"none, or lz4: compress recordings before they become records"`
	MessageTimeout  time.Duration  `env:"KAFKA_INGESTION_PRODUCER_MESSAGE_TIMEOUT_MS,KAFKA_MESSAGE_TIMEOUT_MS" unit:"ms" default:"20000" min:"1" doc:"give up on a record after this"`
	Retries         int            `env:"KAFKA_INGESTION_PRODUCER_RETRIES,KAFKA_PRODUCER_MAX_RETRIES" default:"2" min:"0" doc:"sendings after the first"`
	Acks            string         `env:"KAFKA_INGESTION_PRODUCER_ACKS,KAFKA_PRODUCER_ACKS" default:"all" doc:"all, 1 or 0"`
	Partitioner     string         `env:"KAFKA_INGESTION_PRODUCER_PARTITIONER,KAFKA_PRODUCER_PARTITIONER" default:"murmur2_random" doc:"how a key finds its partition"`
	StickyLinger    time.Duration  `env:"KAFKA_INGESTION_PRODUCER_STICKY_PARTITIONING_LINGER_MS,KAFKA_PRODUCER_STICKY_PARTITIONING_LINGER_MS" unit:"ms" default:"10" min:"0" doc:"how long records without a key stay with one partition"`
	MetadataRefresh time.Duration  `env:"KAFKA_INGESTION_PRODUCER_TOPIC_METADATA_REFRESH_INTERVAL_MS,KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS" unit:"ms" default:"20000" min:"1" doc:"between two looks at topics and leaders"`
	MetadataMaxAge  time.Duration  `env:"KAFKA_INGESTION_PRODUCER_METADATA_MAX_AGE_MS,KAFKA_METADATA_MAX_AGE_MS" unit:"ms" default:"60000" min:"1" doc:"accepted; the refresh interval bounds the age"`
	MaxInFlight     int            `env:"KAFKA_INGESTION_PRODUCER_MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION,KAFKA_PRODUCER_MAX_IN_FLIGHT_REQUESTS" default:"1000000" min:"1" doc:"requests a broker may owe answers for; at most 5 are used, and one for each partition"`
	Idempotence     bool           `env:"KAFKA_INGESTION_PRODUCER_ENABLE_IDEMPOTENCE,KAFKA_PRODUCER_ENABLE_IDEMPOTENCE" default:"false" doc:"brokers drop what a retry sends twice"`
	SocketTimeout   time.Duration  `env:"KAFKA_INGESTION_PRODUCER_SOCKET_TIMEOUT_MS,KAFKA_SOCKET_TIMEOUT_MS" unit:"ms" default:"60000" min:"1" doc:"of one request"`
	AddressFamily   string         `env:"KAFKA_INGESTION_PRODUCER_BROKER_ADDRESS_FAMILY,KAFKA_BROKER_ADDRESS_FAMILY" doc:"any, v4 or v6"`
	BackoffMax      time.Duration  `env:"KAFKA_INGESTION_PRODUCER_RETRY_BACKOFF_MAX_MS,KAFKA_RETRY_BACKOFF_MAX_MS" unit:"ms" default:"1000" min:"1" doc:"longest wait between two sendings"`
	SendBuffer      int            `env:"KAFKA_INGESTION_PRODUCER_SOCKET_SEND_BUFFER_BYTES,KAFKA_SOCKET_SEND_BUFFER_BYTES" default:"0" min:"0" doc:"0 leaves it to the kernel"`
	ReceiveBuffer   int            `env:"KAFKA_INGESTION_PRODUCER_SOCKET_RECEIVE_BUFFER_BYTES,KAFKA_SOCKET_RECEIVE_BUFFER_BYTES" default:"0" min:"0" doc:"0 leaves it to the kernel"`
}

// client maps how to reach the brokers. Certificates are checked unless nothing but KAFKA_TLS asks for TLS, which in the
// original means that they are not.
func (k *KafkaConfig) client() kafka.ClientConfig {
	verify := k.SecurityProtocol != "" || !k.TLS
	if k.VerifyTLS != nil {
		verify = *k.VerifyTLS
	}
	c := kafka.ClientEnv{
		Hosts: k.Brokers, ClientID: k.ClientID, SecurityProtocol: k.SecurityProtocol, TLS: k.TLS, TLSVerify: verify,
		TLSCA: k.CAFile, TLSCert: k.CertFile, TLSKey: k.KeyFile,
		SASLMechanism: k.SASLMechanism, SASLUsername: k.SASLUsername, SASLPassword: k.SASLPassword,
		AddressFamily: k.AddressFamily, SocketTimeout: k.SocketTimeout,
	}.Config()
	c.SocketSendBuffer, c.SocketReceiveBuffer = k.SendBuffer, k.ReceiveBuffer
	return c
}

// producer maps the block to the common producer.
func (k *KafkaConfig) producer() kafka.ProducerConfig {
	queue := k.QueueKB << 10
	if queue == 0 {
		queue = k.QueueMiB << 20
	}
	return kafka.ProducerConfig{
		Client: k.client(),
		Linger: noneIfZero(k.Linger), StickyLinger: noneIfZero(k.StickyLinger), BatchSize: k.BatchSize, BatchNumMessages: k.BatchMessages,
		QueueMessages: k.QueueMessages, QueueBytes: queue, MessageMaxBytes: k.MessageMaxBytes, MessageTimeout: k.MessageTimeout,
		Retries: &k.Retries, RetryBackoffMax: k.BackoffMax, Acks: k.Acks, Compression: k.Compression, Partitioner: k.Partitioner,
		Idempotence: k.Idempotence, MaxInFlight: k.MaxInFlight, MetadataRefresh: k.MetadataRefresh, MetricsPrefix: "capture_kafka_",
	}
}

// noneIfZero gives the producer, for which zero means its default, a duration that the operator set to zero.
func noneIfZero(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}
