package cli

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/hog-go/hog/common/config"
)

// Settings are those of hog itself. Each has a flag, which wins over the variable.
type Settings struct {
	Data           string        `env:"HOG_DATA" default:".hog" doc:"directory of the embedded servers' data; made at the first start"`
	Addr           string        `env:"HOG_ADDR" default:"127.0.0.1:8000" doc:"host:port for HTTP; 0.0.0.0:8000 lets other machines in"`
	KafkaAddr      string        `env:"HOG_KAFKA_ADDR" default:"127.0.0.1:19092" doc:"of the embedded Kafka; loopback only"`
	RedisAddr      string        `env:"HOG_REDIS_ADDR" default:"127.0.0.1:16379" doc:"of the embedded Redis; loopback only"`
	PostgresAddr   string        `env:"HOG_POSTGRES_ADDR" default:"127.0.0.1:15432" doc:"of the embedded PostgreSQL; loopback only"`
	RetentionTime  time.Duration `env:"HOG_RETENTION_TIME" default:"168h" min:"1m" doc:"how long the embedded Kafka keeps events"`
	RetentionBytes int64         `env:"HOG_RETENTION_BYTES" default:"268435456" min:"1048576" doc:"how much of a topic it keeps; a start after a crash reads all of it through memory"`
}

func readSettings(environ []string) (*Settings, error) {
	var s Settings
	if err := config.LoadFrom(&s, environ); err != nil {
		return nil, err
	}
	return &s, nil
}

// addressFlags adds the flags for what hog listens on.
func (s *Settings) addressFlags(f *pflag.FlagSet) {
	f.StringVar(&s.Addr, "addr", s.Addr, "host:port for HTTP (HOG_ADDR); 0.0.0.0:8000 lets other machines in")
	f.StringVar(&s.KafkaAddr, "kafka-addr", s.KafkaAddr, "host:port of the embedded Kafka (HOG_KAFKA_ADDR)")
	f.StringVar(&s.RedisAddr, "redis-addr", s.RedisAddr, "host:port of the embedded Redis (HOG_REDIS_ADDR)")
	f.StringVar(&s.PostgresAddr, "postgres-addr", s.PostgresAddr, "host:port of the embedded PostgreSQL (HOG_POSTGRES_ADDR)")
}

func (s *Settings) retentionFlags(f *pflag.FlagSet) {
	f.DurationVar(&s.RetentionTime, "retention-time", s.RetentionTime, "how long the embedded Kafka keeps events (HOG_RETENTION_TIME)")
	f.Int64Var(&s.RetentionBytes, "retention-bytes", s.RetentionBytes,
		"bytes of a topic that the embedded Kafka keeps (HOG_RETENTION_BYTES); a start after a crash reads all of it through memory")
}

// validate checks what flags may have changed after the environment was read.
func (s *Settings) validate() error {
	if s.RetentionTime < time.Minute {
		return fmt.Errorf("--retention-time %s is less than a minute: events would be gone before anybody reads them", s.RetentionTime)
	}
	if s.RetentionBytes < 1<<20 {
		return fmt.Errorf("--retention-bytes %d is less than 1 MiB (1048576)", s.RetentionBytes)
	}
	return nil
}
