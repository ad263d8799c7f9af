package capture

import (
	"math"
	"time"

	"github.com/hog-go/hog/capture/internal/spool"
	"github.com/hog-go/hog/common/blob"
	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/limiter"
)

// RestrictionsConfig is about the rules that the main app keeps in Redis for single projects.
type RestrictionsConfig struct {
	Enabled       bool          `env:"EVENT_RESTRICTIONS_ENABLED" default:"false" doc:"obey the restrictions that the main app writes to Redis"`
	RedisURL      config.Secret `env:"EVENT_RESTRICTIONS_REDIS_URL" doc:"Redis that holds the restrictions; without it they are off"`
	Interval      time.Duration `env:"EVENT_RESTRICTIONS_REFRESH_INTERVAL_SECS" unit:"s" default:"30" min:"1" doc:"between two readings of the restrictions"`
	FailOpenAfter time.Duration `env:"EVENT_RESTRICTIONS_FAIL_OPEN_AFTER_SECS" unit:"s" default:"300" min:"1" doc:"without a reading for so long there are no restrictions"`
}

// GlobalConfig is about the limit of events of one person that all processes together take.
type GlobalConfig struct {
	Enabled          bool           `env:"GLOBAL_RATE_LIMIT_ENABLED" default:"false" doc:"limit events of one distinct id over all processes"`
	DryRun           bool           `env:"GLOBAL_RATE_LIMIT_DRY_RUN" default:"false" doc:"count what would be limited, and limit nothing"`
	Window           time.Duration  `env:"GLOBAL_RATE_LIMIT_WINDOW_INTERVAL_SECS" unit:"s" default:"60" min:"1" doc:"time over which events are counted"`
	SyncInterval     time.Duration  `env:"GLOBAL_RATE_LIMIT_SYNC_INTERVAL_SECS" unit:"s" default:"15" min:"1" doc:"age at which the fleet's count of a key is read again"`
	Tick             time.Duration  `env:"GLOBAL_RATE_LIMIT_TICK_INTERVAL_MS" unit:"ms" default:"1000" min:"1" doc:"between two exchanges with Redis"`
	Threshold        uint64         `env:"GLOBAL_RATE_LIMIT_TOKEN_DISTINCTID_THRESHOLD" default:"300000" min:"1" doc:"events of one key in a window"`
	Overrides        string         `env:"GLOBAL_RATE_LIMIT_TOKEN_DISTINCTID_OVERRIDES_CSV" doc:"key=value list of other thresholds; a key is token:distinct_id or token"`
	MaxKeys          int            `env:"GLOBAL_RATE_LIMIT_TOKEN_DISTINCTID_LOCAL_CACHE_MAX_ENTRIES" default:"5000000" min:"1" doc:"keys remembered"`
	SyncFloor        uint64         `env:"GLOBAL_RATE_LIMIT_MIN_SYNC_FLOOR" default:"10" doc:"events from which a key is worth asking Redis about"`
	MaxSyncKeys      int            `env:"GLOBAL_RATE_LIMIT_MAX_SYNC_KEYS_PER_TICK" default:"20000" min:"1" doc:"keys read in one exchange"`
	MaxKeysPerCall   int            `env:"GLOBAL_RATE_LIMIT_MAX_KEYS_PER_COMMAND" default:"2000" min:"1" doc:"keys in one command"`
	MaxCalls         int            `env:"GLOBAL_RATE_LIMIT_MAX_CONCURRENT_COMMANDS" default:"4" min:"1" doc:"commands at once"`
	MaxWrites        int            `env:"GLOBAL_RATE_LIMIT_MAX_WRITE_BATCH_ENTRIES" default:"200000" min:"1" doc:"counts waiting to be written; more are dropped"`
	MaxPending       int            `env:"GLOBAL_RATE_LIMIT_MAX_PENDING_SYNC_ENTRIES" default:"200000" min:"1" doc:"keys waiting to be read; more are dropped"`
	TTL              time.Duration  `env:"GLOBAL_RATE_LIMIT_LOCAL_CACHE_TTL_SECS" unit:"s" default:"600" min:"1" doc:"longest life of a remembered key"`
	Idle             time.Duration  `env:"GLOBAL_RATE_LIMIT_LOCAL_CACHE_IDLE_TIMEOUT_SECS" unit:"s" default:"300" min:"1" doc:"a key without events is forgotten after this, or after the window if that is longer"`
	ReadTimeout      time.Duration  `env:"GLOBAL_RATE_LIMIT_READ_TIMEOUT_MS" unit:"ms" default:"250" min:"1" doc:"of one reading command"`
	WriteTimeout     time.Duration  `env:"GLOBAL_RATE_LIMIT_WRITE_TIMEOUT_MS" unit:"ms" default:"250" min:"1" doc:"of one writing command"`
	RedisURL         config.Secret  `env:"GLOBAL_RATE_LIMIT_REDIS_URL" doc:"Redis of the counts; default REDIS_URL"`
	ReaderURL        config.Secret  `env:"GLOBAL_RATE_LIMIT_REDIS_READER_URL" doc:"replica to read from; default the Redis that is written to"`
	ResponseTimeout  *time.Duration `env:"GLOBAL_RATE_LIMIT_REDIS_RESPONSE_TIMEOUT_MS" unit:"ms" doc:"as REDIS_RESPONSE_TIMEOUT_MS, of the counts' Redis"`
	ConnectTimeout   *time.Duration `env:"GLOBAL_RATE_LIMIT_REDIS_CONNECTION_TIMEOUT_MS" unit:"ms" doc:"as REDIS_CONNECTION_TIMEOUT_MS, of the counts' Redis"`
	ThresholdKey     string         `env:"GLOBAL_RATE_LIMIT_CUSTOM_THRESHOLD_KEY" doc:"key in the restrictions' Redis that holds thresholds as a JSON object; while it is there the list above is not used"`
	ThresholdRefresh time.Duration  `env:"GLOBAL_RATE_LIMIT_CUSTOM_THRESHOLD_REFRESH_SECS" unit:"s" default:"60" min:"1" doc:"between two readings of that key"`

	ReadOutage *time.Duration `env:"GLOBAL_RATE_LIMIT_MAX_READ_OUTAGE_SECS" unit:"s" doc:"how long a process limits by its own counts when Redis cannot be read; 0 is for ever, default the window"`

	TokenThreshold uint64 `env:"GLOBAL_RATE_LIMIT_TOKEN_THRESHOLD" default:"5000000" doc:"accepted without effect, as in the original"`
	TokenOverrides string `env:"GLOBAL_RATE_LIMIT_TOKEN_OVERRIDES_CSV" doc:"likewise"`
	TokenMaxKeys   int    `env:"GLOBAL_RATE_LIMIT_TOKEN_LOCAL_CACHE_MAX_ENTRIES" default:"300000" doc:"likewise"`
}

// limiter maps the block to the common limiter.
func (c *GlobalConfig) limiter() limiter.GlobalConfig {
	var outage time.Duration
	if c.ReadOutage != nil {
		outage = noneIfZero(*c.ReadOutage)
	}
	return limiter.GlobalConfig{
		MaxReadOutage: outage,
		Service:       "capture", Window: c.Window, Threshold: c.Threshold, Overrides: c.Overrides, DryRun: c.DryRun,
		ThresholdKey: c.ThresholdKey, ThresholdRefresh: c.ThresholdRefresh,
		Tick: c.Tick, SyncInterval: c.SyncInterval, SyncFloor: c.SyncFloor,
		MaxKeys: c.MaxKeys, MaxWrites: c.MaxWrites, MaxReads: c.MaxPending, MaxKeysPerTick: c.MaxSyncKeys, MaxKeysPerCommand: c.MaxKeysPerCall, MaxCommands: c.MaxCalls,
		ReadTimeout: c.ReadTimeout, WriteTimeout: c.WriteTimeout, TTL: c.TTL, Idle: c.Idle,
	}
}

// limiter maps the byte budget to the common limiter, with the exchanges of g. Budgets are for a second, counts for a
// window.
func (c *AIConfig) limiter(g *GlobalConfig) limiter.GlobalConfig {
	out := g.limiter()
	if c.ByteWindow != nil {
		out.Window = *c.ByteWindow
	}
	seconds := uint64(out.Window / time.Second)
	out.ThresholdKey, out.SyncFloor = "", 0 // a single event may well be all that a project is allowed
	out.Threshold, out.Overrides, out.OverrideScale = min(c.BytesPerSecond, math.MaxUint64/seconds)*seconds, c.ByteOverrides, seconds
	out.DryRun, out.MaxKeys = c.ByteDryRun, c.ByteMaxKeys
	return out
}

// AIConfig is about the events of LLM products.
type AIConfig struct {
	Predicate     string `env:"CAPTURE_AI_LANE_PREDICATE" default:"allowlist" oneof:"allowlist,prefix" doc:"which events are AI events: those of the LLM product by name, or every $ai_*"`
	MaxParts      int    `env:"AI_MAX_SUM_OF_PARTS_BYTES" default:"26214400" min:"1" doc:"all parts of a multipart request; its body may be a tenth larger"`
	MaxEventBytes int    `env:"AI_MAX_EVENT_BYTES" default:"8388608" min:"0" doc:"largest AI event; 0 is no limit"`

	BytesPerSecond uint64         `env:"AI_BYTE_LIMIT_PER_SECOND" default:"0" doc:"bytes of AI events that a project may send a second, over all processes; 0 is no limit"`
	ByteOverrides  string         `env:"AI_BYTE_LIMIT_OVERRIDES_CSV" doc:"token=value list of other limits"`
	ByteDryRun     bool           `env:"AI_BYTE_LIMIT_DRY_RUN" default:"false" doc:"count what would be dropped, and drop nothing"`
	ByteWindow     *time.Duration `env:"AI_BYTE_LIMIT_WINDOW_INTERVAL_SECS" unit:"s" min:"1" doc:"time over which bytes are counted; default GLOBAL_RATE_LIMIT_WINDOW_INTERVAL_SECS"`
	ByteMaxKeys    int            `env:"AI_BYTE_LIMIT_LOCAL_CACHE_MAX_ENTRIES" default:"300000" min:"1" doc:"projects remembered"`

	Bucket    string        `env:"AI_S3_BUCKET" doc:"bucket for blob parts of /i/v0/ai, or file:///folder; without it they are refused"`
	Prefix    string        `env:"AI_S3_PREFIX" default:"llma/" doc:"put before the keys of blobs"`
	Endpoint  string        `env:"AI_S3_ENDPOINT" doc:"S3 endpoint; default that of AWS"`
	Region    string        `env:"AI_S3_REGION" default:"us-east-1" doc:"S3 region"`
	AccessKey config.Secret `env:"AI_S3_ACCESS_KEY_ID" doc:"S3 access key; default the surroundings' credentials"`
	SecretKey config.Secret `env:"AI_S3_SECRET_ACCESS_KEY" doc:"S3 secret key"`

	GatewaySecret config.Secret `env:"AI_GATEWAY_SIGNING_SECRET" doc:"accepted without effect: only PostHog's own LLM gateway signs, and what it alone may set is always removed"`
}

// maxForm is the largest body of a multipart request, in bytes: the parts and a tenth for what is around them.
func (c *AIConfig) maxForm() int { return c.MaxParts + c.MaxParts/10 }

// V1Config is about the v1 endpoints.
type V1Config struct {
	Enabled       bool   `env:"CAPTURE_V1_ENABLED" default:"false" doc:"serve the v1 endpoints"`
	Sinks         string `env:"CAPTURE_V1_SINKS" doc:"older way to turn the v1 endpoints on: any value does"`
	MaxWire       int    `env:"CAPTURE_V1_MAX_COMPRESSED_BODY_BYTES" default:"10485760" min:"1" doc:"body on the wire"`
	MaxUnpacked   int    `env:"CAPTURE_V1_MAX_DECOMPRESSED_BODY_BYTES" default:"52428800" min:"2" doc:"body, unpacked"`
	ScatterGather int    `env:"CAPTURE_V1_SCATTER_GATHER_MIN_BATCH" default:"8" min:"0" doc:"accepted without effect: records are written at once, whatever the size of the batch"`
}

// SpoolConfig is about the object storage that takes events while Kafka is down.
type SpoolConfig struct {
	Enabled  bool   `env:"S3_FALLBACK_ENABLED" default:"false" doc:"write events to object storage while Kafka is down"`
	Bucket   string `env:"S3_FALLBACK_BUCKET" doc:"bucket, or file:///folder; credentials and region are those of AWS_* variables"`
	Endpoint string `env:"S3_FALLBACK_ENDPOINT" doc:"S3 endpoint; default that of AWS"`
	Prefix   string `env:"S3_FALLBACK_PREFIX" doc:"put before the keys of objects"`
	Host     string `env:"HOSTNAME" doc:"part of the keys, so that processes do not meet"`
}

func (c *SpoolConfig) bucket() blob.Config {
	// The spool tries again itself, and so that the time for a stop is enough.
	return blob.Config{Bucket: c.Bucket, Endpoint: c.Endpoint, MaxAttempts: 1}
}

func (c *Config) spool() spool.Config {
	return spool.Config{Prefix: c.Spool.Prefix, Host: c.Spool.Host, MaxRecord: c.Kafka.MessageMaxBytes}
}

// WarningsConfig is about what is told to projects of events that were refused or changed.
type WarningsConfig struct {
	Enabled         bool     `env:"CAPTURE_INGESTION_WARNINGS_ENABLED" default:"false" doc:"tell projects, as events of their own, what was refused or changed"`
	Topic           string   `env:"CAPTURE_INGESTION_WARNINGS_KAFKA_TOPIC" doc:"topic of these; empty turns them off"`
	Hosts           []string `env:"CAPTURE_INGESTION_WARNINGS_KAFKA_HOSTS" trim:"true" doc:"brokers of that topic; empty turns them off"`
	TLS             bool     `env:"CAPTURE_INGESTION_WARNINGS_KAFKA_TLS" default:"false" doc:"reach these brokers by TLS"`
	QueueMiB        int64    `env:"CAPTURE_INGESTION_WARNINGS_KAFKA_QUEUE_MIB" default:"16" min:"1" doc:"warnings held in memory at most"`
	MessageMaxBytes int      `env:"CAPTURE_INGESTION_WARNINGS_KAFKA_MESSAGE_MAX_BYTES" default:"1048576" min:"1000" doc:"largest warning"`
}
