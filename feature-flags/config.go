package featureflags

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hog-go/hog/common/blob"
	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/cookieless"
	"github.com/hog-go/hog/common/postgres"
)

// Config is every setting of the service. Names and defaults are those of PostHog's rust/feature-flags/src/config.rs.
type Config struct {
	Address        string        `env:"ADDRESS" default:"127.0.0.1:3001" doc:"listen address, host:port"`
	MaxConcurrency int           `env:"MAX_CONCURRENCY" default:"1000" min:"1" doc:"requests handled at once on the flag routes; more wait"`
	Metrics        bool          `env:"ENABLE_METRICS" default:"false" doc:"serve /metrics"`
	TrackedTeams   Teams         `env:"TEAM_IDS_TO_TRACK" default:"all" doc:"teams whose id is a label value of metrics; others are unknown"`
	SkipWrites     Switch        `env:"SKIP_WRITES" default:"false" doc:"write neither flag overrides nor billing counters, nor when API keys were used"`
	InternalToken  config.Secret `env:"INTERNAL_REQUEST_TOKEN" doc:"bearer token of internal callers, who may ask for detailed_analysis and bring override_flags_definitions; empty: nobody may"`

	Databases  DatabaseConfig
	Redis      RedisConfig
	Objects    ObjectsConfig
	Cookieless CookielessConfig
	Cache      CacheConfig
	Limits     LimitConfig
	Keys       KeysConfig
	Evaluation EvaluationConfig
	Billing    BillingConfig
	Tracing    TracingConfig
}

// DatabaseConfig says where the tables are.
type DatabaseConfig struct {
	Write        postgres.URL `env:"WRITE_DATABASE_URL" default:"postgres://posthog:posthog@localhost:5432/posthog" doc:"main database"`
	Read         postgres.URL `env:"READ_DATABASE_URL" default:"postgres://posthog:posthog@localhost:5432/posthog" doc:"main database's replica"`
	PersonsWrite postgres.URL `env:"PERSONS_WRITE_DATABASE_URL" doc:"database of persons and groups; used only if PERSONS_READ_DATABASE_URL is set, too, else the main one is"`
	PersonsRead  postgres.URL `env:"PERSONS_READ_DATABASE_URL" doc:"its replica"`
	Behavioral   postgres.URL `env:"BEHAVIORAL_COHORTS_DATABASE_URL" doc:"database of realtime cohorts (cohort_membership)"`

	MaxConns           int           `env:"MAX_PG_CONNECTIONS" default:"10" min:"1" doc:"connections of each pool"`
	MinMainRead        int           `env:"MIN_NON_PERSONS_READER_CONNECTIONS" default:"0" min:"0" doc:"connections kept open"`
	MinMainWrite       int           `env:"MIN_NON_PERSONS_WRITER_CONNECTIONS" default:"0" min:"0" doc:"likewise"`
	MinPersonsRead     int           `env:"MIN_PERSONS_READER_CONNECTIONS" default:"0" min:"0" doc:"likewise"`
	MinPersonsWrite    int           `env:"MIN_PERSONS_WRITER_CONNECTIONS" default:"0" min:"0" doc:"likewise"`
	AcquireTimeout     time.Duration `env:"ACQUIRE_TIMEOUT_SECS" unit:"s" default:"5" min:"1" doc:"longest wait for a connection"`
	IdleTimeout        time.Duration `env:"IDLE_TIMEOUT_SECS" unit:"s" default:"300" min:"0" doc:"close connections unused for so long; 0 never"`
	TestBeforeAcquire  Switch        `env:"TEST_BEFORE_ACQUIRE" default:"true" doc:"connections are tested before use anyway; true leaves the statement out of /_readiness"`
	MainReadTimeout    time.Duration `env:"NON_PERSONS_READER_STATEMENT_TIMEOUT_MS" unit:"ms" default:"2000" min:"0" doc:"of one statement; 0 is the server's"`
	PersonsReadTimeout time.Duration `env:"PERSONS_READER_STATEMENT_TIMEOUT_MS" unit:"ms" default:"3000" min:"0" doc:"likewise"`
	WriteTimeout       time.Duration `env:"WRITER_STATEMENT_TIMEOUT_MS" unit:"ms" default:"3000" min:"0" doc:"likewise"`
}

// personsApart tells whether persons have a database of their own.
func (c *DatabaseConfig) personsApart() bool { return c.PersonsRead != "" && c.PersonsWrite != "" }

// RedisConfig says where the caches are.
type RedisConfig struct {
	URL             config.Secret `env:"REDIS_URL" default:"redis://localhost:6379/" doc:"shared Redis"`
	ReaderURL       config.Secret `env:"REDIS_READER_URL" doc:"its replica"`
	FlagsURL        config.Secret `env:"FLAGS_REDIS_URL" doc:"Redis of the flag caches; default, and if it cannot be reached at the start: the shared one"`
	FlagsReaderURL  config.Secret `env:"FLAGS_REDIS_READER_URL" doc:"its replica; needs FLAGS_REDIS_URL"`
	FlagsEnabled    Switch        `env:"FLAGS_REDIS_ENABLED" default:"false" doc:"only logged: the flags Redis is used as soon as it is set"`
	ResponseTimeout time.Duration `env:"REDIS_RESPONSE_TIMEOUT_MS" unit:"ms" default:"100" min:"0" doc:"of one command, at most 30000; 0 is no limit"`
	ConnectTimeout  time.Duration `env:"REDIS_CONNECTION_TIMEOUT_MS" unit:"ms" default:"5000" min:"0" doc:"of connecting, at most 60000; 0 is no limit"`
	Compress        Switch        `env:"REDIS_COMPRESSION_ENABLED" default:"false" doc:"write large values as zstd"`
	ConnectRetries  int           `env:"REDIS_CLIENT_RETRY_COUNT" default:"3" min:"0" doc:"further tries to reach the Redis of FLAGS_REDIS_URL at the start; the shared one is used as soon as it is up"`
}

// ObjectsConfig says where documents are that Redis has lost.
type ObjectsConfig struct {
	Bucket    string        `env:"OBJECT_STORAGE_BUCKET" default:"posthog" allowempty:"true" doc:"bucket, or a folder: an absolute path or file:///path; empty: none"`
	Endpoint  string        `env:"OBJECT_STORAGE_ENDPOINT" doc:"address of an S3-compatible store; empty is AWS"`
	Region    string        `env:"OBJECT_STORAGE_REGION" default:"us-east-1" doc:"region of the bucket"`
	AccessKey string        `env:"OBJECT_STORAGE_ACCESS_KEY_ID" doc:"access key; default: where AWS's clients look"`
	SecretKey config.Secret `env:"OBJECT_STORAGE_SECRET_ACCESS_KEY" doc:"secret of the access key"`
	PathStyle bool          `env:"OBJECT_STORAGE_FORCE_PATH_STYLE" default:"false" doc:"buckets are paths, not hosts; always so with an endpoint"`
}

func (c *ObjectsConfig) bucket() blob.Config {
	env := blob.Env{Bucket: c.Bucket, Endpoint: c.Endpoint, Region: c.Region, AccessKey: c.AccessKey, SecretKey: c.SecretKey, PathStyle: c.PathStyle}
	b := env.Config()
	b.MaxAttempts = 1 // there is one attempt's time
	return b
}

// CookielessConfig must be the same in the ingestion workers.
type CookielessConfig struct {
	cookieless.Config
	Host          string        `env:"COOKIELESS_REDIS_HOST" default:"localhost" doc:"Redis of the salts"`
	Port          int           `env:"COOKIELESS_REDIS_PORT" default:"6379" min:"1" max:"65535" doc:"its port"`
	IdentifiesTTL time.Duration `env:"COOKIELESS_IDENTIFIES_TTL_SECONDS" unit:"s" default:"345600" doc:"accepted without effect: the ingestion workers write the counts"`
}

// CacheConfig bounds what is kept in memory.
type CacheConfig struct {
	Fresh            time.Duration `env:"FLAGS_FRESH_MS" unit:"ms" default:"0" min:"0" doc:"how long a team's metadata, client configuration and version of its flags are used without asking Redis again; 0 asks for each request, so that a change is seen at once"`
	DefinitionBytes  int64         `env:"FLAG_DEFINITIONS_CACHE_CAPACITY_BYTES" default:"268435456" min:"0" doc:"flags ready for evaluation, weighed by their JSON"`
	DefinitionTTL    time.Duration `env:"FLAG_DEFINITIONS_CACHE_TTL_SECONDS" unit:"s" default:"300" doc:"flags that nobody asked for are forgotten"`
	Teams            int           `env:"TEAM_CACHE_MAX_ENTRIES" default:"50000" min:"1" doc:"teams and their client configurations in memory"`
	NegativeCapacity int           `env:"TEAM_NEGATIVE_CACHE_CAPACITY" default:"10000" min:"0" doc:"tokens that are known to be no team's"`
	NegativeTTL      time.Duration `env:"TEAM_NEGATIVE_CACHE_TTL_SECONDS" unit:"s" default:"10" doc:"how long a token is taken for no team's"`
	CohortBytes      int64         `env:"COHORT_CACHE_CAPACITY_BYTES" default:"268435456" min:"0" doc:"cohort definitions that come from the database"`
	CohortTTL        time.Duration `env:"CACHE_TTL_SECONDS" unit:"s" default:"300" doc:"of these"`
	GroupTypes       int           `env:"GROUP_TYPE_CACHE_MAX_ENTRIES" default:"50000" min:"1" doc:"teams whose group types are kept"`
	GroupTypeTTL     time.Duration `env:"GROUP_TYPE_CACHE_TTL_SECONDS" unit:"s" default:"60" doc:"of these"`
	Realtime         int           `env:"COHORT_MEMBERSHIP_CACHE_MAX_ENTRIES" default:"100000" min:"1" doc:"persons whose realtime cohorts are kept"`
	RealtimeTTL      time.Duration `env:"COHORT_MEMBERSHIP_CACHE_TTL_SECONDS" unit:"s" default:"60" doc:"of these"`
}

// LimitConfig holds what requests are measured by.
type LimitConfig struct {
	Token          Switch  `env:"FLAGS_RATE_LIMIT_ENABLED" default:"false" doc:"limit requests per project token"`
	TokenCapacity  int     `env:"FLAGS_BUCKET_CAPACITY" default:"625" min:"1" doc:"requests of a token that pass at once"`
	TokenRate      float64 `env:"FLAGS_BUCKET_REPLENISH_RATE" default:"10.0" doc:"requests a second that a token may send for ever; above 0"`
	IP             Switch  `env:"FLAGS_IP_RATE_LIMIT_ENABLED" default:"false" doc:"limit requests per client address"`
	IPCapacity     int     `env:"FLAGS_IP_BURST_SIZE" default:"1250" min:"1" doc:"requests of an address that pass at once"`
	IPRate         float64 `env:"FLAGS_IP_REPLENISH_RATE" default:"50.0" doc:"requests a second that an address may send for ever; above 0"`
	WarnRatio      float64 `env:"FLAGS_WARN_CAPACITY_RATIO" default:"0.8" doc:"share of the capacity beyond which answers carry a warning header; 0 turns that off"`
	TokenLogOnly   Switch  `env:"FLAGS_RATE_LIMIT_LOG_ONLY" default:"true" doc:"warn in place of refusing"`
	IPLogOnly      Switch  `env:"FLAGS_IP_RATE_LIMIT_LOG_ONLY" default:"true" doc:"likewise"`
	TokenOverrides string  `env:"FLAGS_TOKEN_RATE_LIMIT_OVERRIDES" doc:"limits of single tokens, as {\"token\":\"100/minute\"}; at most 100"`

	Cleanup       time.Duration `env:"RATE_LIMITER_CLEANUP_INTERVAL_SECS" unit:"s" default:"60" min:"1" doc:"between two sweeps of idle keys"`
	QuotaInterval time.Duration `env:"BILLING_LIMITER_CACHE_TTL_SECS" unit:"s" default:"5" min:"1" doc:"between two readings of the tokens over their quota"`
	ReplayQuota   bool          `env:"FLAGS_SESSION_REPLAY_QUOTA_CHECK" default:"false" doc:"turn recording off in the client configuration of projects over their recording quota"`
}

// KeysConfig belongs to the endpoints for server SDKs.
type KeysConfig struct {
	DefinitionsRate            int           `env:"FLAG_DEFINITIONS_DEFAULT_RATE_PER_MINUTE" default:"600" min:"1" doc:"full answers of /flags/definitions a minute and team"`
	DefinitionsConditionalRate int           `env:"FLAG_DEFINITIONS_CONDITIONAL_RATE_PER_MINUTE" default:"6000" min:"1" doc:"requests with If-None-Match a minute and team"`
	DefinitionsRates           string        `env:"LOCAL_EVAL_RATE_LIMITS,FLAG_DEFINITIONS_RATE_LIMITS" doc:"limits of single teams, as {\"12\":\"1200/minute\"}"`
	AllowTeams                 Teams         `env:"RATE_LIMITING_ALLOW_LIST_TEAMS" default:"none" doc:"teams without these limits"`
	RemoteConfigRate           int           `env:"REMOTE_CONFIG_DEFAULT_RATE_PER_MINUTE" default:"600" min:"1" doc:"remote configurations a minute and personal API key"`
	AuthCacheTTL               time.Duration `env:"AUTH_TOKEN_CACHE_TTL_SECONDS" unit:"s" default:"300" doc:"how long a credential is kept in Redis"`
	SecretKeys                 []string      `env:"FLAGS_SECRET_KEYS" trim:"true" doc:"secrets of encrypted payloads, newest first, as the main app has them"`
	MainAppKey                 config.Secret `env:"SECRET_KEY" doc:"the main app's, which it encrypts payloads with where it has no FLAGS_SECRET_KEYS"`
}

// payloadSecrets are the secrets of encrypted payloads, by the main app's rule.
func (c *KeysConfig) payloadSecrets() []string {
	if secrets := slices.DeleteFunc(slices.Clone(c.SecretKeys), func(s string) bool { return s == "" }); len(secrets) > 0 {
		return secrets
	}
	return []string{c.MainAppKey.Reveal()} // "" is none
}

// EvaluationConfig concerns the evaluation of flags.
type EvaluationConfig struct {
	GeoIPPath          string        `env:"MAXMIND_DB_PATH" doc:"MaxMind City database; default share/GeoLite2-City.mmdb if it exists, else no places are looked up"`
	BotFilter          BotFilter     `env:"BOT_FILTER_MODE" default:"disabled" doc:"disabled, log_only or enforced: crawlers get an answer without flags"`
	OptimizeContinuity Switch        `env:"OPTIMIZE_EXPERIENCE_CONTINUITY_LOOKUPS" default:"true" doc:"look overrides up only if they can change a flag"`
	ParallelThreshold  int           `env:"PARALLEL_EVAL_THRESHOLD" default:"100" min:"1" doc:"flags from which on an evaluation waits for a processor"`
	Processors         int           `env:"EVALUATION_CONCURRENCY" default:"0" min:"0" doc:"such evaluations at once; 0 is twice the processors"`
	ProcessorTimeout   time.Duration `env:"EVALUATION_QUEUE_TIMEOUT_MS" unit:"ms" default:"2000" min:"1" doc:"longest wait for a processor; beyond it the answer is 504"`
	RealtimeTeams      Teams         `env:"REALTIME_COHORT_EVALUATION_TEAM_IDS" default:"none" doc:"teams whose realtime cohorts are looked up"`
	ExplicitExact      Teams         `env:"EXPLICIT_EXACT_MATCHING_TEAM_IDS" default:"none" doc:"teams whose exact filters do not treat true and false as words"`
	MaxBody            int           `env:"MAX_DECOMPRESSED_BODY_BYTES" default:"10485760" min:"1" doc:"largest body after decompression"`
}

// BillingConfig concerns the counters that the main app turns into usage.
type BillingConfig struct {
	Aggregate     Switch        `env:"BILLING_AGGREGATOR_ENABLED" default:"true" doc:"add counts up in memory first; false writes each at once, in the background"`
	FlushInterval time.Duration `env:"BILLING_FLUSH_INTERVAL_MS" unit:"ms" default:"1000" min:"1" doc:"between two writes"`
	MaxPending    int           `env:"BILLING_MAX_PENDING_ENTRIES" default:"100000" min:"1" doc:"counters in memory; what finds no room is lost, and metered"`
	BatchSize     int           `env:"BILLING_PER_FLUSH_BATCH_SIZE" default:"1000" min:"1" doc:"counters in one round trip"`
	ShutdownFlush time.Duration `env:"BILLING_SHUTDOWN_FLUSH_TIMEOUT_MS" unit:"ms" default:"5000" min:"1" doc:"for the last write"`
}

// check finds what no single variable can be blamed for.
func (c *Config) check() error {
	var errs []error
	for name, rate := range map[string]float64{"FLAGS_BUCKET_REPLENISH_RATE": c.Limits.TokenRate, "FLAGS_IP_REPLENISH_RATE": c.Limits.IPRate} {
		if !(rate > 0) || math.IsInf(rate, 1) {
			errs = append(errs, fmt.Errorf("%s is %v: it must be above 0", name, rate))
		}
	}
	if r := c.Limits.WarnRatio; !(r >= 0 && r <= 1) {
		errs = append(errs, fmt.Errorf("FLAGS_WARN_CAPACITY_RATIO is %v: it must be between 0 and 1", r))
	}
	if _, err := overrides(c.Limits.TokenOverrides); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// What no Redis is waited for longer than, in milliseconds.
const (
	maxRedisResponse = 30_000
	maxRedisConnect  = 60_000
)

// ignored are settings of the original that do nothing here, with the reason.
var ignored = map[string]string{
	"TEAM_CACHE_TTL_SECONDS":                 "the entries it is for are no longer used",
	"FLAGS_CACHE_TTL_SECONDS":                "the entries it is for are no longer used",
	"NEW_ANALYTICS_CAPTURE_ENDPOINT":         "the client configuration is what the main app wrote",
	"SESSION_REPLAY_RRWEB_SCRIPT":            "the client configuration is what the main app wrote",
	"CACHE_MAX_COHORT_ENTRIES":               "set COHORT_CACHE_CAPACITY_BYTES",
	"BATCH_FLAG_EVAL_MAX_LIMIT":              "there is no internal batch endpoint",
	"HEALTH_CHECK_INTERVAL_SECS":             "components are watched all the time",
	"COHORT_CACHE_MONITOR_INTERVAL_SECS":     "gauges are always current",
	"DB_MONITOR_INTERVAL_SECS":               "gauges are always current",
	"ELEMENT_CHAIN_AS_STRING_EXCLUDED_TEAMS": "the client configuration is what the main app wrote",
}

// Warnings looks at an environment (as os.Environ gives it) for settings that will not do what an operator expects. Each is a
// sentence.
func Warnings(environ []string) []string {
	out := config.Suspicious(environ, Config{})
	set := map[string]string{}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if set[name] = value; value != "" && ignored[name] != "" {
			out = append(out, fmt.Sprintf("%s has no effect: %s", name, ignored[name]))
		}
	}
	if set["FLAGS_REDIS_READER_URL"] != "" && set["FLAGS_REDIS_URL"] == "" {
		out = append(out, "FLAGS_REDIS_READER_URL has no effect: set FLAGS_REDIS_URL, too")
	}
	for _, capped := range []struct {
		name string
		most int
	}{{"REDIS_RESPONSE_TIMEOUT_MS", maxRedisResponse}, {"REDIS_CONNECTION_TIMEOUT_MS", maxRedisConnect}} {
		if ms, err := strconv.Atoi(set[capped.name]); err == nil && ms > capped.most {
			out = append(out, fmt.Sprintf("%s is %d: %d, the most there can be, is used", capped.name, ms, capped.most))
		}
	}
	if (set["PERSONS_READ_DATABASE_URL"] == "") != (set["PERSONS_WRITE_DATABASE_URL"] == "") {
		out = append(out, "persons are looked for in the main database: set both PERSONS_READ_DATABASE_URL and PERSONS_WRITE_DATABASE_URL")
	}
	return out
}
