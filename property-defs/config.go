package propertydefs

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/property-defs/internal/definition"
	"github.com/hog-go/hog/property-defs/internal/teams"
)

// Config is every setting of the service. Names and defaults are those of the original. Begin with DefaultConfig, then load the
// environment over it.
type Config struct {
	Host string `env:"BIND_HOST" default:"::" doc:"listen address without the port"`
	Port uint16 `env:"BIND_PORT" default:"3301" doc:"listen port"`

	Kafka    kafka.ClientEnv
	Consumer kafka.ConsumerEnv

	DatabaseURL    postgres.URL  `env:"DATABASE_URL" default:"postgres://posthog:posthog@localhost:5432/posthog" doc:"main database: all writes, and what the API reads"`
	MaxConnections int           `env:"MAX_PG_CONNECTIONS" default:"10" min:"1" doc:"connections of each pool; as many chunks are written at a time"`
	MaxLifetime    time.Duration `env:"PG_MAX_LIFETIME_SECS" unit:"s" default:"300" min:"0" doc:"age at which a connection is replaced, up to a fifth more; 0: never"`
	ReadURL        postgres.URL  `env:"DATABASE_READ_URL" doc:"where warming and read-before-write read; default DATABASE_URL"`
	Mirror         bool          `env:"ENABLE_MIRROR" default:"false" doc:"write to DATABASE_PROPDEFS_URL, a database for definitions alone"`
	PropDefsURL    postgres.URL  `env:"DATABASE_PROPDEFS_URL" doc:"that database"`

	Filter FilterConfig
	Groups GroupConfig
	Warm   WarmConfig

	Workers          int           `env:"WORKER_LOOP_COUNT" default:"4" min:"1" doc:"batches of events handled at a time, each of another partition"`
	SkipThreshold    int           `env:"UPDATE_COUNT_SKIP_THRESHOLD" default:"10000" min:"0" doc:"an event that makes more updates makes none"`
	LastSeenPeriod   int64         `env:"EVENTDEF_LAST_SEEN_FLOOR_SECS" default:"3600" doc:"seconds in which an event is written once, 1 to 2592000"`
	BatchSize        int           `env:"UPDATE_BATCH_SIZE" default:"1000" min:"1" doc:"updates of a batch of writes"`
	BatchPeriod      time.Duration `env:"MAX_ISSUE_PERIOD" unit:"s" default:"300" min:"0" doc:"how long the first update of a batch waits for company"`
	WriteSize        int           `env:"WRITE_BATCH_SIZE,V2_INGEST_BATCH_SIZE" default:"100" min:"1" doc:"rows of a statement"`
	QueueSlots       int           `env:"CHANNEL_SLOTS_PER_WORKER" default:"1000" min:"1" doc:"updates that may wait, in units of UPDATE_BATCH_SIZE; beyond that reading from Kafka waits"`
	EventCache       int           `env:"EVENTDEFS_CACHE_CAPACITY,CACHE_CAPACITY" default:"1000000" min:"1" doc:"events remembered, 32 bytes each"`
	PairCache        int           `env:"EVENTPROPS_CACHE_CAPACITY,CACHE_CAPACITY" default:"1000000" min:"1" doc:"pairs of event and property remembered, 32 bytes each"`
	PropertyCache    int           `env:"PROPDEFS_CACHE_CAPACITY,CACHE_CAPACITY" default:"1000000" min:"1" doc:"properties remembered, 32 bytes each"`
	ReadBeforeWrite  bool          `env:"READ_BEFORE_WRITE_ENABLED" default:"false" doc:"ask DATABASE_READ_URL first and write only what it lacks"`
	ProbeTimeout     time.Duration `env:"READ_BEFORE_WRITE_TIMEOUT_MS" unit:"ms" default:"1000" min:"1" doc:"of that question; then all is written"`
	CompactionSize   int           `env:"COMPACTION_BATCH_SIZE" default:"10000" min:"0" doc:"accepted without effect: updates are queued at once"`
	CompactionPeriod time.Duration `env:"PRODUCER_DRAIN_INTERVAL_SECS" unit:"s" default:"10" min:"0" doc:"likewise"`
}

// FilterConfig says whose events are looked at.
type FilterConfig struct {
	Mode  teams.Mode `env:"FILTER_MODE" default:"opt_out" doc:"opt_out: all teams but the listed; opt_in: the listed teams only"`
	Teams teams.List `env:"FILTERED_TEAMS" doc:"comma list of team ids, without blanks"`
}

// GroupConfig says how group types are looked up.
type GroupConfig struct {
	SkipReads      bool          `env:"SKIP_READS" default:"true" doc:"do not look group types up: properties of groups are left out then"`
	CacheSize      int           `env:"GROUP_TYPE_CACHE_SIZE" default:"100000" min:"1" doc:"group types remembered"`
	NegativeSize   int           `env:"GROUP_TYPE_NEGATIVE_CACHE_SIZE" default:"100000" min:"1" doc:"group types remembered as unknown"`
	NegativeTTL    time.Duration `env:"GROUP_TYPE_NEGATIVE_TTL_SECS" unit:"s" default:"30" min:"0" doc:"for how long those are not asked for again"`
	Addr           string        `env:"PERSONHOG_ADDR" doc:"host:port of the personhog service; empty: group types are read from a database"`
	Timeout        time.Duration `env:"PERSONHOG_TIMEOUT_MS" unit:"ms" default:"5000" min:"1" doc:"of a request to it"`
	ConnectTimeout time.Duration `env:"PERSONHOG_CONNECT_TIMEOUT_MS" unit:"ms" default:"5000" min:"1" doc:"of a connection to it"`
	MaxRetries     int           `env:"PERSONHOG_MAX_RETRIES" default:"2" min:"0" doc:"requests after the first"`
	InitialBackoff time.Duration `env:"PERSONHOG_INITIAL_BACKOFF_MS" unit:"ms" default:"50" min:"0" doc:"pause before the first of them, doubled for the next"`
	MaxBackoff     time.Duration `env:"PERSONHOG_MAX_BACKOFF_MS" unit:"ms" default:"1000" min:"0" doc:"longest pause"`
	FromPersons    bool          `env:"READ_GROUPS_FROM_PERSONS_DB" default:"false" doc:"read group types from DATABASE_PERSONS_URL; else from DATABASE_URL"`
	PersonsURL     postgres.URL  `env:"DATABASE_PERSONS_URL" doc:"database of persons"`
}

// WarmConfig says how a fresh process fills its cache from the database.
type WarmConfig struct {
	Enabled          bool          `env:"CACHE_WARMING_ENABLED" default:"false" doc:"read what is known of a team when its first event comes"`
	Concurrency      int           `env:"CACHE_WARMING_CONCURRENCY" default:"2" doc:"teams at a time, at least 1"`
	EventProperties  int           `env:"CACHE_WARMING_EVENTPROPS_PER_TEAM_LIMIT" default:"3000000" min:"0" doc:"pairs of event and property of a team at most"`
	Properties       int           `env:"CACHE_WARMING_PROPDEFS_PER_TEAM_LIMIT" default:"250000" min:"0" doc:"properties of a team at most"`
	ChunkSize        int           `env:"CACHE_WARMING_CHUNK_SIZE" default:"100000" doc:"pairs of a statement, at least 1"`
	QueueDepth       int           `env:"CACHE_WARMING_QUEUE_DEPTH" default:"10000" min:"0" doc:"teams that wait; others are warmed at a later event"`
	StatementTimeout time.Duration `env:"CACHE_WARMING_STATEMENT_TIMEOUT_SECS" unit:"s" default:"120" min:"0" doc:"of a statement"`
}

// DefaultConfig holds what the service puts into the common Kafka block.
func DefaultConfig() Config {
	return Config{Consumer: kafka.ConsumerEnv{Group: "property-defs-rs", Topic: "clickhouse_events_json"}}
}

// Validate checks the rules that tags do not say.
func (c *Config) Validate() error {
	if c.LastSeenPeriod < 1 || c.LastSeenPeriod > definition.MaxPeriod {
		return fmt.Errorf("EVENTDEF_LAST_SEEN_FLOOR_SECS must be in 1..=%d, got %d", definition.MaxPeriod, c.LastSeenPeriod)
	}
	if c.Mirror && c.PropDefsURL == "" {
		return fmt.Errorf("ENABLE_MIRROR is true and DATABASE_PROPDEFS_URL is empty: set it to the database to write to")
	}
	if c.Groups.FromPersons && c.Groups.PersonsURL == "" {
		return fmt.Errorf("READ_GROUPS_FROM_PERSONS_DB is true and DATABASE_PERSONS_URL is empty: set it to the database of persons")
	}
	return nil
}

// retired settings of older versions have no effect any more.
var retired = []string{"SKIP_WRITES", "MAX_CONCURRENT_TRANSACTIONS", "CACHE_LOCK_CHUNK_SIZE", "ENABLE_V2"}

// Warnings are about variables of environ that are set and do not do what they seem to, a line each.
func Warnings(environ []string) []string {
	out := config.Suspicious(environ, DefaultConfig())
	for _, kv := range environ {
		if name, _, _ := strings.Cut(kv, "="); slices.Contains(retired, name) {
			out = append(out, name+" is of an older version and has no effect")
		}
	}
	return out
}

func (c *Config) addr() string {
	if c.Port == 0 && c.Host == "" {
		return ""
	}
	return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
}

// pool describes a pool of connections. Lifetimes differ between processes, so that not all reconnect at once.
func (c *Config) pool(name string, url postgres.URL, size int, statementTimeout time.Duration) postgres.Config {
	lifetime := c.MaxLifetime
	if spread := lifetime / 5 / time.Second; spread > 0 {
		lifetime += rand.N(spread+1) * time.Second
	}
	return postgres.Config{
		URL: url, Name: name, ApplicationName: "property-defs", MaxConns: size, MaxLifetime: lifetime, StatementTimeout: statementTimeout,
	}
}

func (c *Config) writeURL() postgres.URL {
	if c.Mirror {
		return c.PropDefsURL
	}
	return c.DatabaseURL
}

func (c *Config) readURL() postgres.URL {
	if c.ReadURL != "" {
		return c.ReadURL
	}
	return c.writeURL()
}
