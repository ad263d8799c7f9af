package capture

import (
	"fmt"
	"strings"
	"time"

	"github.com/hog-go/hog/capture/internal/lane"
	"github.com/hog-go/hog/capture/internal/route"
	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/kafka"
)

// Mode is what a process serves.
type Mode string

// Modes.
const (
	ModeEvents     Mode = "events"
	ModeRecordings Mode = "recordings"
	ModeImport     Mode = "import" // events of migrations only: other batches are answered and discarded
)

// UnmarshalText reads a mode in any case, with blanks around it.
func (m *Mode) UnmarshalText(text []byte) error {
	switch mode := Mode(strings.ToLower(strings.TrimSpace(string(text)))); mode {
	case ModeEvents, ModeRecordings, ModeImport:
		*m = mode
		return nil
	case "ai":
		return fmt.Errorf("mode ai is not served yet: run mode events, which takes AI events on /batch and /i/v0/e, too")
	default:
		return fmt.Errorf("%q is no mode: use events, recordings or import", text)
	}
}

// Config is every setting of capture. The names and defaults are those of the original; where a setting has a newer and
// an older name, the newer wins.
type Config struct {
	Mode    Mode   `env:"CAPTURE_MODE" default:"events" allowempty:"true" doc:"what this process serves: events, recordings or import"`
	Address string `env:"ADDRESS" default:"127.0.0.1:3000" doc:"listen address, host:port"`

	RedisURL             config.Secret `env:"REDIS_URL" required:"true" doc:"main Redis: quotas and the replay overflow set"`
	RedisResponseTimeout time.Duration `env:"REDIS_RESPONSE_TIMEOUT_MS" unit:"ms" default:"100" min:"0" doc:"of one command; 0 is no limit"`
	RedisConnectTimeout  time.Duration `env:"REDIS_CONNECTION_TIMEOUT_MS" unit:"ms" default:"5000" min:"0" doc:"of connecting; 0 is no limit"`
	RedisKeyPrefix       string        `env:"REDIS_KEY_PREFIX" doc:"put before the quota and overflow keys as it is"`

	PrintSink bool `env:"PRINT_SINK" default:"false" doc:"print events in place of producing them; needs no Kafka"`
	NoopSink  bool `env:"NOOP_SINK" default:"false" doc:"count events and discard them; needs no Kafka"`

	ExportPrometheus bool    `env:"EXPORT_PROMETHEUS" default:"true" doc:"serve /metrics"`
	Role             string  `env:"OTEL_SERVICE_NAME" default:"capture" doc:"label role of every metric"`
	Concurrency      *uint32 `env:"CONCURRENCY_LIMIT" min:"1" doc:"requests handled at once on the ingestion routes; more wait"`

	HeaderReadTimeout *time.Duration `env:"HTTP1_HEADER_READ_TIMEOUT_MS" unit:"ms" doc:"close connections that do not finish their headers in time"`
	ChunkReadTimeout  *time.Duration `env:"BODY_CHUNK_READ_TIMEOUT_MS" unit:"ms" doc:"longest gap between two pieces of a body; beyond it the answer is 408"`
	ReadBufferKB      int            `env:"BODY_READ_CHUNK_SIZE_KB" default:"256" min:"1" max:"20480" doc:"first buffer for a body of unknown length, in kB"`

	Outputs Outputs
	Kafka   KafkaConfig

	DropKeys string `env:"DROP_EVENTS_BY_TOKEN_DISTINCT_ID" doc:"comma list of token or token:distinct_id whose events are dropped; recordings are not"`

	Overflow           bool   `env:"OVERFLOW_ENABLED" default:"false" doc:"send keys that burst to the overflow topic"`
	OverflowPerSecond  uint32 `env:"OVERFLOW_PER_SECOND_LIMIT" default:"100" min:"1" doc:"events a second and key"`
	OverflowBurst      uint32 `env:"OVERFLOW_BURST_LIMIT" default:"1000" min:"1" doc:"events of one key that pass at once"`
	PreserveLocality   bool   `env:"OVERFLOW_PRESERVE_PARTITION_LOCALITY" default:"false" doc:"AI events that burst keep their key"`
	ForcedOverflowKeys string `env:"INGESTION_FORCE_OVERFLOW_BY_TOKEN_DISTINCT_ID,OVERFLOW_FORCED_KEYS" doc:"comma list of token or token:distinct_id that always overflow, without person processing"`

	Reroute     bool   `env:"ENABLE_HISTORICAL_REROUTING" default:"false" doc:"send old events to the historical topic"`
	RerouteDays uint32 `env:"HISTORICAL_REROUTING_THRESHOLD_DAYS" default:"1" doc:"age in days from which an event is old"`

	AIPredicate string `env:"CAPTURE_AI_LANE_PREDICATE" default:"allowlist" oneof:"allowlist,prefix" doc:"which events are AI events: the seven of the LLM product, or every $ai_*"`
}

// Outputs are the topics. Each has a producer of its own in the original, of which only INGESTION exists.
type Outputs struct {
	CheckComplete bool `env:"CAPTURE_OUTPUTS_COMPLETENESS_CHECK_ENABLED" default:"false" doc:"refuse to start with an empty topic"`

	Main           string `env:"CAPTURE_OUTPUT_ANALYTICS_MAIN_TOPIC,KAFKA_TOPIC" default:"events_plugin_ingestion" doc:"analytics events"`
	Overflow       string `env:"CAPTURE_OUTPUT_ANALYTICS_OVERFLOW_TOPIC,KAFKA_OVERFLOW_TOPIC" default:"events_plugin_ingestion_overflow" doc:"analytics events of keys that send too fast"`
	Historical     string `env:"CAPTURE_OUTPUT_ANALYTICS_HISTORICAL_TOPIC,KAFKA_HISTORICAL_TOPIC" default:"events_plugin_ingestion_historical" doc:"migrations and old events"`
	ReplayMain     string `env:"CAPTURE_OUTPUT_SESSION_REPLAY_MAIN_TOPIC,KAFKA_TOPIC" default:"events_plugin_ingestion" doc:"session recordings"`
	ReplayOverflow string `env:"CAPTURE_OUTPUT_SESSION_REPLAY_OVERFLOW_TOPIC,KAFKA_REPLAY_OVERFLOW_TOPIC" default:"session_recording_snapshot_item_overflow" doc:"recordings of sessions in the overflow set"`
	Heatmaps       string `env:"CAPTURE_OUTPUT_HEATMAPS_TOPIC,KAFKA_HEATMAPS_TOPIC" default:"heatmaps_ingestion" doc:"heatmap data"`
	ClientWarnings string `env:"CAPTURE_OUTPUT_CLIENT_WARNINGS_TOPIC,KAFKA_CLIENT_INGESTION_WARNING_TOPIC" default:"ingestion-clientwarnings-main-1" doc:"warnings that SDKs report"`
	ErrorTracking  string `env:"CAPTURE_OUTPUT_ERROR_TRACKING_TOPIC,KAFKA_ERROR_TRACKING_TOPIC,KAFKA_EXCEPTIONS_TOPIC" default:"error_tracking_events" doc:"$exception events"`
	AIMain         string `env:"CAPTURE_OUTPUT_AI_MAIN_TOPIC,CAPTURE_ANALYTICS_AI_EVENTS_TOPIC" default:"events_plugin_ingestion_ai" allowempty:"true" doc:"AI events. A main app without a consumer on this topic loses them: set it to the analytics topic then"`
	AIOverflow     string `env:"CAPTURE_OUTPUT_AI_OVERFLOW_TOPIC,CAPTURE_ANALYTICS_AI_EVENTS_OVERFLOW_TOPIC" doc:"AI events of keys that send too fast; empty: they never overflow"`

	Producers OutputProducers
}

// OutputProducers name the producer of each output; there is one.
type OutputProducers struct {
	Main           string `env:"CAPTURE_OUTPUT_ANALYTICS_MAIN_PRODUCER" default:"INGESTION" oneof:"INGESTION" doc:"only INGESTION exists"`
	Overflow       string `env:"CAPTURE_OUTPUT_ANALYTICS_OVERFLOW_PRODUCER" default:"INGESTION" oneof:"INGESTION" doc:"likewise"`
	Historical     string `env:"CAPTURE_OUTPUT_ANALYTICS_HISTORICAL_PRODUCER" default:"INGESTION" oneof:"INGESTION" doc:"likewise"`
	ReplayMain     string `env:"CAPTURE_OUTPUT_SESSION_REPLAY_MAIN_PRODUCER" default:"INGESTION" oneof:"INGESTION" doc:"likewise"`
	ReplayOverflow string `env:"CAPTURE_OUTPUT_SESSION_REPLAY_OVERFLOW_PRODUCER" default:"INGESTION" oneof:"INGESTION" doc:"likewise"`
	Heatmaps       string `env:"CAPTURE_OUTPUT_HEATMAPS_PRODUCER" default:"INGESTION" oneof:"INGESTION" doc:"likewise"`
	ClientWarnings string `env:"CAPTURE_OUTPUT_CLIENT_WARNINGS_PRODUCER" default:"INGESTION" oneof:"INGESTION" doc:"likewise"`
	ErrorTracking  string `env:"CAPTURE_OUTPUT_ERROR_TRACKING_PRODUCER" default:"INGESTION" oneof:"INGESTION" doc:"likewise"`
	AIMain         string `env:"CAPTURE_OUTPUT_AI_MAIN_PRODUCER" default:"INGESTION" oneof:"INGESTION" doc:"likewise"`
	AIOverflow     string `env:"CAPTURE_OUTPUT_AI_OVERFLOW_PRODUCER" default:"INGESTION" oneof:"INGESTION" doc:"likewise"`
}

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

	Compression     string        `env:"KAFKA_INGESTION_PRODUCER_COMPRESSION_CODEC,KAFKA_COMPRESSION_CODEC" default:"none" oneof:"none,gzip,snappy,lz4,zstd" doc:"of record batches"`
	Linger          time.Duration `env:"KAFKA_INGESTION_PRODUCER_LINGER_MS,KAFKA_PRODUCER_LINGER_MS" unit:"ms" default:"20" min:"0" doc:"how long a record waits for company"`
	BatchSize       int           `env:"KAFKA_INGESTION_PRODUCER_BATCH_SIZE,KAFKA_PRODUCER_BATCH_SIZE" default:"1000000" min:"1" doc:"bytes at which a batch is sent"`
	BatchMessages   int           `env:"KAFKA_INGESTION_PRODUCER_BATCH_NUM_MESSAGES,KAFKA_PRODUCER_BATCH_NUM_MESSAGES" default:"10000" min:"1" doc:"records at which a batch is sent"`
	QueueMessages   int           `env:"KAFKA_INGESTION_PRODUCER_QUEUE_BUFFERING_MAX_MESSAGES,KAFKA_PRODUCER_QUEUE_BUFFERING_MAX_MESSAGES" default:"100000" min:"1" doc:"records held in memory at most; more are answered 503"`
	QueueKB         int64         `env:"KAFKA_INGESTION_PRODUCER_QUEUE_BUFFERING_MAX_KBYTES" min:"1" doc:"kB held in memory at most; default 409600"`
	QueueMiB        int64         `env:"KAFKA_PRODUCER_QUEUE_MIB" min:"1" doc:"older form of the above, in MiB"`
	MessageMaxBytes int           `env:"KAFKA_INGESTION_PRODUCER_MESSAGE_MAX_BYTES,KAFKA_PRODUCER_MESSAGE_MAX_BYTES" default:"1000000" min:"1000" doc:"largest record; also the limit of an unpacked recording"`
	MessageTimeout  time.Duration `env:"KAFKA_INGESTION_PRODUCER_MESSAGE_TIMEOUT_MS,KAFKA_MESSAGE_TIMEOUT_MS" unit:"ms" default:"20000" min:"1" doc:"give up on a record after this"`
	Retries         int           `env:"KAFKA_INGESTION_PRODUCER_RETRIES,KAFKA_PRODUCER_MAX_RETRIES" default:"2" min:"0" doc:"sendings after the first"`
	Acks            string        `env:"KAFKA_INGESTION_PRODUCER_ACKS,KAFKA_PRODUCER_ACKS" default:"all" doc:"all, 1 or 0"`
	Partitioner     string        `env:"KAFKA_INGESTION_PRODUCER_PARTITIONER,KAFKA_PRODUCER_PARTITIONER" default:"murmur2_random" doc:"how a key finds its partition"`
	StickyLinger    time.Duration `env:"KAFKA_INGESTION_PRODUCER_STICKY_PARTITIONING_LINGER_MS,KAFKA_PRODUCER_STICKY_PARTITIONING_LINGER_MS" unit:"ms" default:"10" min:"0" doc:"how long records without a key stay with one partition"`
	MetadataRefresh time.Duration `env:"KAFKA_INGESTION_PRODUCER_TOPIC_METADATA_REFRESH_INTERVAL_MS,KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS" unit:"ms" default:"20000" min:"1" doc:"between two looks at topics and leaders"`
	MetadataMaxAge  time.Duration `env:"KAFKA_INGESTION_PRODUCER_METADATA_MAX_AGE_MS,KAFKA_METADATA_MAX_AGE_MS" unit:"ms" default:"60000" min:"1" doc:"accepted; the refresh interval bounds the age"`
	MaxInFlight     int           `env:"KAFKA_INGESTION_PRODUCER_MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION,KAFKA_PRODUCER_MAX_IN_FLIGHT_REQUESTS" default:"1000000" min:"1" doc:"requests a broker may owe answers for; at most 5 are used, and one for each partition"`
	Idempotence     bool          `env:"KAFKA_INGESTION_PRODUCER_ENABLE_IDEMPOTENCE,KAFKA_PRODUCER_ENABLE_IDEMPOTENCE" default:"false" doc:"brokers drop what a retry sends twice"`
	SocketTimeout   time.Duration `env:"KAFKA_INGESTION_PRODUCER_SOCKET_TIMEOUT_MS,KAFKA_SOCKET_TIMEOUT_MS" unit:"ms" default:"60000" min:"1" doc:"of one request"`
	AddressFamily   string        `env:"KAFKA_INGESTION_PRODUCER_BROKER_ADDRESS_FAMILY,KAFKA_BROKER_ADDRESS_FAMILY" doc:"any, v4 or v6"`
	BackoffMax      time.Duration `env:"KAFKA_INGESTION_PRODUCER_RETRY_BACKOFF_MAX_MS,KAFKA_RETRY_BACKOFF_MAX_MS" unit:"ms" default:"1000" min:"1" doc:"longest wait between two sendings"`
	SendBuffer      int           `env:"KAFKA_INGESTION_PRODUCER_SOCKET_SEND_BUFFER_BYTES,KAFKA_SOCKET_SEND_BUFFER_BYTES" default:"0" min:"0" doc:"0 leaves it to the kernel"`
	ReceiveBuffer   int           `env:"KAFKA_INGESTION_PRODUCER_SOCKET_RECEIVE_BUFFER_BYTES,KAFKA_SOCKET_RECEIVE_BUFFER_BYTES" default:"0" min:"0" doc:"0 leaves it to the kernel"`
}

// Validate checks the rules between settings.
func (c *Config) Validate() error {
	if c.Mode == "" {
		return fmt.Errorf("CAPTURE_MODE is empty: use events, recordings or import")
	}
	if c.PrintSink && c.NoopSink {
		return fmt.Errorf("PRINT_SINK and NOOP_SINK are both true: set one of them to false")
	}
	if c.Outputs.AIMain == "" {
		return fmt.Errorf("CAPTURE_OUTPUT_AI_MAIN_TOPIC is empty: AI events need a topic; leave the variable out for %s", "events_plugin_ingestion_ai")
	}
	if c.Mode == ModeImport && c.Outputs.AIOverflow != "" {
		return fmt.Errorf("CAPTURE_OUTPUT_AI_OVERFLOW_TOPIC is %q in mode import, which never overflows: unset it", c.Outputs.AIOverflow)
	}
	return nil
}

func (c *Config) topics() *route.Topics {
	o := &c.Outputs
	return &route.Topics{
		Main: o.Main, Overflow: o.Overflow, Historical: o.Historical, AI: o.AIMain, AIOverflow: o.AIOverflow,
		Exception: o.ErrorTracking, Heatmap: o.Heatmaps, ClientWarning: o.ClientWarnings,
		ReplayMain: o.ReplayMain, ReplayOverflow: o.ReplayOverflow, PreserveLocality: c.PreserveLocality,
	}
}

func (c *Config) aiByPrefix() bool { return c.AIPredicate == lane.Prefix }

func (c *Config) reroute() time.Duration {
	if !c.Reroute {
		return 0
	}
	// Zero days is "everything up to now", which a duration of zero would turn off.
	return max(time.Duration(c.RerouteDays)*24*time.Hour, time.Nanosecond)
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

// laterSettings turn on parts of the original that this service does not have yet, with the values that leave them off.
var laterSettings = map[string]string{
	"EVENT_RESTRICTIONS_ENABLED": "false", "GLOBAL_RATE_LIMIT_ENABLED": "false", "S3_FALLBACK_ENABLED": "false", "CAPTURE_V1_ENABLED": "false",
	"CAPTURE_V1_SINKS": "", "CAPTURE_INGESTION_WARNINGS_ENABLED": "false", "KAFKA_REPLAY_ENVELOPE_COMPRESSION": "none", "AI_BYTE_LIMIT_PER_SECOND": "0",
}

// Warnings looks at an environment (as os.Environ gives it) for settings that will not do what an operator expects:
// names close to a known one, and parts that are not here yet. Each is a sentence.
func Warnings(environ []string) []string {
	out := config.Suspicious(environ, Config{})
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if off, ok := laterSettings[name]; ok && value != "" && !strings.EqualFold(value, off) {
			out = append(out, fmt.Sprintf("%s=%s has no effect: this version does not have that part of capture", name, value))
		}
	}
	return out
}
