package kafka

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hog-go/hog/common/config"
)

// ClientEnv is the part of the common Kafka block (PostHog's rust/common/kafka/src/config.rs) that producers and consumers share,
// with the security settings that it lacks.
type ClientEnv struct {
	Hosts    []string `env:"KAFKA_HOSTS" default:"localhost:9092" trim:"true" doc:"bootstrap servers, host or host:port"`
	ClientID string   `env:"KAFKA_CLIENT_ID" doc:"sent with every request"`
	Rack     string   `env:"KAFKA_CLIENT_RACK" doc:"accepted without effect: records are read from the leader"`

	TLS              bool          `env:"KAFKA_TLS" default:"false" doc:"TLS without checking certificates, as in the original; with KAFKA_TLS_CA or KAFKA_TLS_VERIFY they are checked"`
	TLSVerify        bool          `env:"KAFKA_TLS_VERIFY" default:"false" doc:"check the brokers' certificates against the system's authorities"`
	TLSCA            string        `env:"KAFKA_TLS_CA" doc:"PEM file of the authorities to trust; turns checking on"`
	TLSCert          string        `env:"KAFKA_TLS_CERT" doc:"PEM client certificate"`
	TLSKey           string        `env:"KAFKA_TLS_KEY" doc:"PEM key of the client certificate"`
	SecurityProtocol string        `env:"KAFKA_SECURITY_PROTOCOL" doc:"plaintext, ssl, sasl_plaintext or sasl_ssl; default: what KAFKA_TLS and KAFKA_SASL_USERNAME ask for"`
	SASLMechanism    string        `env:"KAFKA_SASL_MECHANISM" doc:"PLAIN (default), SCRAM-SHA-256 or SCRAM-SHA-512"`
	SASLUsername     string        `env:"KAFKA_SASL_USERNAME" doc:"turns SASL on"`
	SASLPassword     config.Secret `env:"KAFKA_SASL_PASSWORD" doc:"password of the SASL user"`

	AddressFamily   string        `env:"KAFKA_BROKER_ADDRESS_FAMILY" doc:"any (default), v4 or v6"`
	SocketTimeout   time.Duration `env:"KAFKA_SOCKET_TIMEOUT_MS" unit:"ms" default:"60000" min:"0" doc:"one request and its answer"`
	MetadataRefresh time.Duration `env:"KAFKA_PRODUCER_TOPIC_METADATA_REFRESH_INTERVAL_MS,KAFKA_CONSUMER_METADATA_REFRESH_INTERVAL_MS,KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS,KAFKA_METADATA_MAX_AGE_MS" unit:"ms" default:"20000" min:"1000" doc:"how often topics and leaders are looked up"`
}

// Validate reports values that no client can be built from.
func (e ClientEnv) Validate() error {
	_, err := e.Config().withDefaults()
	return err
}

// Config turns the variables into settings.
func (e ClientEnv) Config() ClientConfig {
	return ClientConfig{
		Brokers: e.Hosts, ClientID: e.ClientID, SecurityProtocol: e.protocol(), TLSSkipVerify: !e.TLSVerify,
		TLSCAFile: e.TLSCA, TLSCertFile: e.TLSCert, TLSKeyFile: e.TLSKey,
		SASLMechanism: e.SASLMechanism, SASLUsername: e.SASLUsername, SASLPassword: e.SASLPassword.Reveal(),
		AddressFamily: e.AddressFamily, SocketTimeout: e.SocketTimeout,
	}
}

func (e ClientEnv) protocol() string {
	switch {
	case e.SecurityProtocol != "":
		return e.SecurityProtocol
	case e.SASLUsername != "" && e.TLS:
		return "sasl_ssl"
	case e.SASLUsername != "":
		return "sasl_plaintext"
	case e.TLS:
		return "ssl"
	default:
		return "plaintext"
	}
}

// ProducerEnv is the producer's part of the common Kafka block.
type ProducerEnv struct {
	Linger           time.Duration  `env:"KAFKA_PRODUCER_LINGER_MS" unit:"ms" default:"20" min:"0" doc:"how long a record waits for company"`
	QueueMiB         uint32         `env:"KAFKA_PRODUCER_QUEUE_MIB" default:"400" min:"1" doc:"bytes held at most, MiB"`
	QueueMessages    uint32         `env:"KAFKA_PRODUCER_QUEUE_MESSAGES" default:"10000000" min:"1" doc:"records held at most"`
	MessageTimeout   time.Duration  `env:"KAFKA_MESSAGE_TIMEOUT_MS" unit:"ms" default:"20000" min:"1" doc:"total delivery time with all retries"`
	Compression      string         `env:"KAFKA_COMPRESSION_CODEC" default:"none" oneof:"none,gzip,snappy,lz4,zstd" doc:"compression of record batches"`
	BatchSize        *uint32        `env:"KAFKA_PRODUCER_BATCH_SIZE" doc:"bytes of a full batch; default 1000000"`
	BatchNumMessages *uint32        `env:"KAFKA_PRODUCER_BATCH_NUM_MESSAGES" doc:"records of a full batch; default 10000"`
	Idempotence      *bool          `env:"KAFKA_PRODUCER_ENABLE_IDEMPOTENCE,KAFKA_ENABLE_IDEMPOTENCE" doc:"brokers drop what a retry sent twice; default false"`
	MaxInFlight      *uint32        `env:"KAFKA_PRODUCER_MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION,KAFKA_MAX_IN_FLIGHT" doc:"requests per broker without an answer, at most 5 are used; default 1"`
	MessageMaxBytes  *uint32        `env:"KAFKA_PRODUCER_MESSAGE_MAX_BYTES" doc:"largest record; default 1000000"`
	StickyLinger     *time.Duration `env:"KAFKA_PRODUCER_STICKY_PARTITIONING_LINGER_MS" unit:"ms" min:"0" doc:"how long keyless records stay with a partition; default 10"`
	Partitioner      *string        `env:"KAFKA_PRODUCER_PARTITIONER" oneof:"consistent_random,murmur2_random,consistent,murmur2,random" doc:"default consistent_random (CRC32); murmur2_random is that of Java and KafkaJS"`
	Acks             *string        `env:"KAFKA_PRODUCER_ACKS" oneof:"all,-1,1,0" doc:"replicas that must have a record; default all"`
	Retries          *uint32        `env:"KAFKA_PRODUCER_RETRIES" doc:"attempts after the first; default: as many as the timeout allows"`
	RetryBackoff     *time.Duration `env:"KAFKA_RETRY_BACKOFF_MS" unit:"ms" min:"1" doc:"pause before the first retry; default 100"`
}

// Config joins the producer's variables with those of the client.
func (e ProducerEnv) Config(client ClientEnv) ProducerConfig {
	return ProducerConfig{
		Client: client.Config(), MetadataRefresh: client.MetadataRefresh,
		Linger: orNone(e.Linger), QueueBytes: int64(e.QueueMiB) << 20, QueueMessages: int(e.QueueMessages),
		MessageTimeout: e.MessageTimeout, Compression: e.Compression,
		BatchSize: number(e.BatchSize), BatchNumMessages: number(e.BatchNumMessages), MaxInFlight: number(e.MaxInFlight),
		MessageMaxBytes: number(e.MessageMaxBytes), Idempotence: e.Idempotence != nil && *e.Idempotence,
		StickyLinger: optional(e.StickyLinger), RetryBackoff: value(e.RetryBackoff),
		Partitioner: value(e.Partitioner), Acks: value(e.Acks), Retries: pointer(e.Retries),
	}
}

// orNone gives a duration its form in the configs, where zero is the default and none is negative.
func orNone(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

func optional(d *time.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return orNone(*d)
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func number(p *uint32) int { return int(value(p)) }

func pointer(p *uint32) *int {
	if p == nil {
		return nil
	}
	n := int(*p)
	return &n
}

// ConsumerEnv is the consumer's part of the common Kafka block. A service puts its own defaults for group and topic into the
// fields before it loads them.
type ConsumerEnv struct {
	Group              string         `env:"KAFKA_CONSUMER_GROUP" required:"true" doc:"consumer group"`
	Topic              string         `env:"KAFKA_CONSUMER_TOPIC" required:"true" doc:"topic to read"`
	AutoCommit         bool           `env:"KAFKA_CONSUMER_AUTO_COMMIT" default:"true" doc:"accepted; offsets are committed in the background either way, and only for records that were handled"`
	OffsetReset        string         `env:"KAFKA_CONSUMER_OFFSET_RESET" default:"earliest" oneof:"earliest,latest" doc:"where a group without offsets begins"`
	CommitInterval     time.Duration  `env:"KAFKA_CONSUMER_AUTO_COMMIT_INTERVAL_MS" unit:"ms" default:"5000" min:"1" doc:"how often offsets are committed"`
	FetchWaitMax       *time.Duration `env:"KAFKA_CONSUMER_FETCH_WAIT_MAX_MS" unit:"ms" min:"1" doc:"how long a broker waits for FETCH_MIN_BYTES; default 500"`
	FetchMinBytes      *uint32        `env:"KAFKA_CONSUMER_FETCH_MIN_BYTES" doc:"default 1"`
	FetchMaxBytes      *uint32        `env:"KAFKA_CONSUMER_FETCH_MAX_BYTES" doc:"of one answer; default 52428800"`
	PartitionMaxBytes  *uint32        `env:"KAFKA_CONSUMER_MAX_PARTITION_FETCH_BYTES" doc:"of one partition in one answer; default 1048576"`
	GroupInstanceID    string         `env:"KAFKA_CONSUMER_GROUP_INSTANCE_ID" doc:"accepted without effect: membership is dynamic"`
	PartitionStrategy  string         `env:"KAFKA_CONSUMER_PARTITION_STRATEGY" doc:"range is used whatever it says; must name it where other members do not speak it"`
	SocketSendBytes    string         `env:"KAFKA_CONSUMER_SOCKET_SEND_BUFFER_BYTES" doc:"0 or empty: the kernel's choice"`
	SocketReceiveBytes string         `env:"KAFKA_CONSUMER_SOCKET_RECEIVE_BUFFER_BYTES" doc:"0 or empty: the kernel's choice"`
}

// Config joins the consumer's variables with those of the client.
func (e ConsumerEnv) Config(client ClientEnv) ConsumerConfig {
	c := ConsumerConfig{
		Client: client.Config(), MetadataRefresh: client.MetadataRefresh,
		Group: e.Group, Topics: []string{e.Topic}, OffsetReset: e.OffsetReset, CommitInterval: e.CommitInterval,
		FetchMaxWait: value(e.FetchWaitMax), FetchMinBytes: number(e.FetchMinBytes), FetchMaxBytes: number(e.FetchMaxBytes), PartitionMaxBytes: number(e.PartitionMaxBytes),
	}
	c.Client.SocketSendBuffer, _ = strconv.Atoi(e.SocketSendBytes) // Validate has seen that it is a number
	c.Client.SocketReceiveBuffer, _ = strconv.Atoi(e.SocketReceiveBytes)
	return c
}

// Validate reports the buffer sizes that are no numbers.
func (e ConsumerEnv) Validate() error {
	var errs []error
	for name, v := range map[string]string{"KAFKA_CONSUMER_SOCKET_SEND_BUFFER_BYTES": e.SocketSendBytes, "KAFKA_CONSUMER_SOCKET_RECEIVE_BUFFER_BYTES": e.SocketReceiveBytes} {
		if _, err := strconv.ParseUint(cmp.Or(v, "0"), 10, 31); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q is not a number of bytes", name, v))
		}
	}
	return errors.Join(errs...)
}
