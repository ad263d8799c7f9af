package capture

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/hog-go/hog/capture/internal/lane"
	"github.com/hog-go/hog/capture/internal/route"
	"github.com/hog-go/hog/common/config"
)

// Mode is what a process serves.
type Mode string

// Modes.
const (
	ModeEvents     Mode = "events"
	ModeRecordings Mode = "recordings"
	ModeAI         Mode = "ai"     // the endpoints of LLM products only
	ModeImport     Mode = "import" // events of migrations only: other batches are answered and discarded
)

// UnmarshalText reads a mode in any case, with blanks around it.
func (m *Mode) UnmarshalText(text []byte) error {
	switch mode := Mode(strings.ToLower(strings.TrimSpace(string(text)))); mode {
	case ModeEvents, ModeRecordings, ModeAI, ModeImport:
		*m = mode
		return nil
	default:
		return fmt.Errorf("%q is no mode: use events, recordings, ai or import", text)
	}
}

// Config is every setting of capture. The names and defaults are those of the original; where a setting has a newer and
// an older name, the newer wins.
type Config struct {
	Mode    Mode   `env:"CAPTURE_MODE" default:"events" allowempty:"true" doc:"what this process serves: events, recordings, ai or import"`
	Address string `env:"ADDRESS" default:"127.0.0.1:3000" doc:"listen address, host:port"`

	RedisURL             config.Secret `env:"REDIS_URL" required:"true" doc:"main Redis: quotas and the replay overflow set"`
	RedisResponseTimeout time.Duration `env:"REDIS_RESPONSE_TIMEOUT_MS" unit:"ms" default:"100" min:"0" doc:"of one command; 0 is no limit"`
	RedisConnectTimeout  time.Duration `env:"REDIS_CONNECTION_TIMEOUT_MS" unit:"ms" default:"5000" min:"0" doc:"of connecting; 0 is no limit"`
	RedisKeyPrefix       string        `env:"REDIS_KEY_PREFIX" doc:"put before the quota and overflow keys as it is"`

	PrintSink bool `env:"PRINT_SINK" default:"false" doc:"print events in place of producing them; needs no Kafka"`
	NoopSink  bool `env:"NOOP_SINK" default:"false" doc:"count events and discard them; needs no Kafka"`

	ExportPrometheus bool    `env:"EXPORT_PROMETHEUS" default:"true" doc:"serve /metrics"`
	Role             string  `env:"OTEL_SERVICE_NAME" default:"capture" doc:"label role of every metric, and the name of this service in traces"`
	Concurrency      *uint32 `env:"CONCURRENCY_LIMIT" min:"1" doc:"requests handled at once on the ingestion routes; more wait"`

	HeaderReadTimeout *time.Duration `env:"HTTP1_HEADER_READ_TIMEOUT_MS" unit:"ms" doc:"close connections that do not finish their headers in time"`
	ChunkReadTimeout  *time.Duration `env:"BODY_CHUNK_READ_TIMEOUT_MS" unit:"ms" doc:"longest gap between two pieces of a body; beyond it the answer is 408"`
	ReadBufferKB      int            `env:"BODY_READ_CHUNK_SIZE_KB" default:"256" min:"1" max:"20480" doc:"first buffer for a body of unknown length, in kB"`

	Observe ObserveConfig

	Outputs Outputs
	Kafka   KafkaConfig

	DropKeys string `env:"DROP_EVENTS_BY_TOKEN_DISTINCT_ID" doc:"comma list of token or token:distinct_id whose events are dropped; recordings are not"`

	Overflow           bool   `env:"OVERFLOW_ENABLED" default:"false" doc:"send keys that burst, or that are listed below, to the overflow topic"`
	OverflowPerSecond  uint32 `env:"OVERFLOW_PER_SECOND_LIMIT" default:"100" min:"1" doc:"events a second and key"`
	OverflowBurst      uint32 `env:"OVERFLOW_BURST_LIMIT" default:"1000" min:"1" doc:"events of one key that pass at once"`
	PreserveLocality   bool   `env:"OVERFLOW_PRESERVE_PARTITION_LOCALITY" default:"false" doc:"AI events that burst keep their key"`
	ForcedOverflowKeys string `env:"INGESTION_FORCE_OVERFLOW_BY_TOKEN_DISTINCT_ID,OVERFLOW_FORCED_KEYS" doc:"comma list of token or token:distinct_id that always overflow, without person processing; needs OVERFLOW_ENABLED"`

	Reroute     bool   `env:"ENABLE_HISTORICAL_REROUTING" default:"false" doc:"send old events to the historical topic"`
	RerouteDays uint32 `env:"HISTORICAL_REROUTING_THRESHOLD_DAYS" default:"1" doc:"age in days from which an event is old"`

	Restrictions RestrictionsConfig
	Global       GlobalConfig
	AI           AIConfig
	V1           V1Config
	Spool        SpoolConfig
	Warnings     WarningsConfig
}

// Outputs are the topics. Each has a producer of its own in the original, of which only INGESTION exists.
type Outputs struct {
	CheckComplete bool `env:"CAPTURE_OUTPUTS_COMPLETENESS_CHECK_ENABLED" default:"false" doc:"refuse to start if a topic below is set to nothing; without it such a topic is the default one"`

	Main           string `env:"CAPTURE_OUTPUT_ANALYTICS_MAIN_TOPIC,KAFKA_TOPIC" default:"events_plugin_ingestion" allowempty:"true" doc:"analytics events"`
	Overflow       string `env:"CAPTURE_OUTPUT_ANALYTICS_OVERFLOW_TOPIC,KAFKA_OVERFLOW_TOPIC" default:"events_plugin_ingestion_overflow" allowempty:"true" doc:"analytics events of keys that send too fast"`
	Historical     string `env:"CAPTURE_OUTPUT_ANALYTICS_HISTORICAL_TOPIC,KAFKA_HISTORICAL_TOPIC" default:"events_plugin_ingestion_historical" allowempty:"true" doc:"migrations and old events"`
	ReplayMain     string `env:"CAPTURE_OUTPUT_SESSION_REPLAY_MAIN_TOPIC,KAFKA_TOPIC" default:"events_plugin_ingestion" allowempty:"true" doc:"session recordings"`
	ReplayOverflow string `env:"CAPTURE_OUTPUT_SESSION_REPLAY_OVERFLOW_TOPIC,KAFKA_REPLAY_OVERFLOW_TOPIC" default:"session_recording_snapshot_item_overflow" allowempty:"true" doc:"recordings of sessions in the overflow set"`
	Heatmaps       string `env:"CAPTURE_OUTPUT_HEATMAPS_TOPIC,KAFKA_HEATMAPS_TOPIC" default:"heatmaps_ingestion" allowempty:"true" doc:"heatmap data"`
	ClientWarnings string `env:"CAPTURE_OUTPUT_CLIENT_WARNINGS_TOPIC,KAFKA_CLIENT_INGESTION_WARNING_TOPIC" default:"ingestion-clientwarnings-main-1" allowempty:"true" doc:"warnings that SDKs report"`
	ErrorTracking  string `env:"CAPTURE_OUTPUT_ERROR_TRACKING_TOPIC,KAFKA_ERROR_TRACKING_TOPIC,KAFKA_EXCEPTIONS_TOPIC" default:"error_tracking_events" allowempty:"true" doc:"$exception events"`
	AIMain         string `env:"CAPTURE_OUTPUT_AI_MAIN_TOPIC,CAPTURE_ANALYTICS_AI_EVENTS_TOPIC" default:"events_plugin_ingestion_ai" allowempty:"true" doc:"AI events. A main app without a consumer on this topic loses them: set it to the analytics topic then"`
	DLQ            string `env:"CAPTURE_OUTPUT_DLQ_TOPIC,KAFKA_DLQ_TOPIC" default:"events_plugin_ingestion_dlq" allowempty:"true" doc:"events that a restriction takes out of the pipeline"`
	AIOverflow     string `env:"CAPTURE_OUTPUT_AI_OVERFLOW_TOPIC,CAPTURE_ANALYTICS_AI_EVENTS_OVERFLOW_TOPIC" doc:"AI events of keys that send too fast; empty: they never overflow"`

	Producers OutputProducers
}

// Validate gives a topic that is set to nothing its default, since compose files pass on variables that nobody set. It is an error
// where the operator wants to hear of it, and for AI events, which the original does not start without.
func (o *Outputs) Validate() error {
	v := reflect.ValueOf(o).Elem()
	var empty []string
	for i := range v.NumField() {
		topic := v.Type().Field(i)
		normal, ok := topic.Tag.Lookup("default")
		if !ok || topic.Type.Kind() != reflect.String || v.Field(i).String() != "" {
			continue
		}
		if o.CheckComplete || topic.Name == "AIMain" {
			name, _, _ := strings.Cut(topic.Tag.Get("env"), ",")
			empty = append(empty, fmt.Sprintf("%s is empty: name a topic, or leave the variable out for %s", name, normal))
			continue
		}
		v.Field(i).SetString(normal)
	}
	if len(empty) > 0 {
		return errors.New(strings.Join(empty, "; "))
	}
	return nil
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
	DLQ            string `env:"CAPTURE_OUTPUT_DLQ_PRODUCER" default:"INGESTION" oneof:"INGESTION" doc:"likewise"`
	Custom         string `env:"CAPTURE_OUTPUT_CUSTOM_PRODUCER" default:"INGESTION" oneof:"INGESTION" doc:"likewise, of topics that restrictions name"`
	AIOverflow     string `env:"CAPTURE_OUTPUT_AI_OVERFLOW_PRODUCER" default:"INGESTION" oneof:"INGESTION" doc:"likewise"`
}

// Validate checks the rules between settings.
func (c *Config) Validate() error {
	if c.Mode == "" {
		return fmt.Errorf("CAPTURE_MODE is empty: use events, recordings, ai or import")
	}
	if c.PrintSink && c.NoopSink {
		return fmt.Errorf("PRINT_SINK and NOOP_SINK are both true: set one of them to false")
	}
	if c.Spool.Enabled && c.Spool.Bucket == "" {
		return fmt.Errorf("S3_FALLBACK_ENABLED is true and S3_FALLBACK_BUCKET is empty: name a bucket, or file:///folder")
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
		ReplayMain: o.ReplayMain, ReplayOverflow: o.ReplayOverflow, DLQ: o.DLQ, PreserveLocality: c.PreserveLocality,
	}
}

func (c *Config) aiByPrefix() bool { return c.AI.Predicate == lane.Prefix }

func (c *Config) reroute() time.Duration {
	if !c.Reroute {
		return 0
	}
	// Zero days is "everything up to now", which a duration of zero would turn off.
	return max(time.Duration(c.RerouteDays)*24*time.Hour, time.Nanosecond)
}

// incomplete are switches that do nothing without another setting, which may well be empty by mistake.
var incomplete = []struct{ on, needs string }{
	{"EVENT_RESTRICTIONS_ENABLED", "EVENT_RESTRICTIONS_REDIS_URL"},
	{"CAPTURE_INGESTION_WARNINGS_ENABLED", "CAPTURE_INGESTION_WARNINGS_KAFKA_TOPIC"},
	{"CAPTURE_INGESTION_WARNINGS_ENABLED", "CAPTURE_INGESTION_WARNINGS_KAFKA_HOSTS"},
}

// Warnings looks at an environment (as os.Environ gives it) for settings that will not do what an operator expects: names
// close to a known one, and switches without what they need. Each is a sentence.
func Warnings(environ []string) []string {
	out := config.Suspicious(environ, Config{})
	values := map[string]string{}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		values[name] = value
	}
	for _, i := range incomplete {
		if on, err := strconv.ParseBool(values[i.on]); err == nil && on && values[i.needs] == "" {
			out = append(out, fmt.Sprintf("%s is on and has no effect: set %s, too", i.on, i.needs))
		}
	}
	return out
}
