package config_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/config"
)

type tableConfig struct {
	Hosts []string `env:"KAFKA_HOSTS,BROKERS,NODES" default:"localhost:9092" doc:"bootstrap servers"`
	Inner struct {
		Linger time.Duration `env:"LINGER_MS" unit:"ms" default:"20" max:"1000" doc:"a|b\nc"`
	}
	URL     config.Secret  `env:"REDIS_URL" required:"true" doc:"main Redis"`
	Mode    string         `env:"MODE" oneof:"events,ai" default:"events"`
	Workers int            `env:"WORKERS" min:"1" max:"64" default:"4"`
	Ratio   float32        `env:"RATIO" min:"0" default:"0.5"`
	Batch   *uint32        `env:"BATCH"`
	Prefix  string         `env:"PREFIX"`
	On      bool           `env:"ON" default:"false"`
	Every   time.Duration  `env:"EVERY" default:"5s"`
	Addr    netip.AddrPort `env:"ADDRESS" default:"127.0.0.1:3000"`
}

const wantTable = "| Variable | Type | Default | Meaning |\n|---|---|---|---|\n" +
	"| `KAFKA_HOSTS` (or `BROKERS`, `NODES`) | list | `localhost:9092` | bootstrap servers |\n" +
	"| `LINGER_MS` | milliseconds, at most 1000 | `20` | a\\|b c |\n" +
	"| `REDIS_URL` | secret | required | main Redis |\n" +
	"| `MODE` | `events`, `ai` | `events` |  |\n" +
	"| `WORKERS` | integer, 1 to 64 | `4` |  |\n" +
	"| `RATIO` | number, at least 0 | `0.5` |  |\n" +
	"| `BATCH` | integer | unset |  |\n" +
	"| `PREFIX` | string | empty |  |\n" +
	"| `ON` | boolean | `false` |  |\n" +
	"| `EVERY` | duration | `5s` |  |\n" +
	"| `ADDRESS` | text | `127.0.0.1:3000` |  |\n"

func TestTable(t *testing.T) {
	require.Equal(t, wantTable, config.Table(tableConfig{}))
	require.Equal(t, wantTable, config.Table(&tableConfig{}, tableConfig{}), "a variable is listed once")

	preset := tableConfig{
		Hosts: []string{"a", "b"}, URL: "redis://:hunter2@x", Batch: new(uint32(9)), On: true, Every: time.Minute,
		Addr: netip.MustParseAddrPort("0.0.0.0:1"),
	}
	preset.Inner.Linger = 5 * time.Millisecond
	table := config.Table(preset)
	for _, row := range []string{
		"| list | `a,b` |", "| milliseconds, at most 1000 | `5` |", "| secret | `*****` |", "| `BATCH` | integer | `9` |", "| boolean | `true` |",
		"| duration | `1m0s` |", "| text | `0.0.0.0:1` |",
	} {
		require.Contains(t, table, row)
	}
}

func TestSyncTable(t *testing.T) {
	doc := "# A\n<!-- env:begin -->\nold\n<!-- env:end -->\ntail\n"
	got, err := config.SyncTable([]byte(doc), "env", "| new |\n")
	require.NoError(t, err)
	require.Equal(t, "# A\n<!-- env:begin -->\n\n| new |\n\n<!-- env:end -->\ntail\n", string(got))
	again, err := config.SyncTable(got, "env", "| new |\n")
	require.NoError(t, err)
	require.Equal(t, string(got), string(again))

	for _, bad := range []string{"", "<!-- env:begin -->", "<!-- env:end --><!-- env:begin -->"} {
		_, err := config.SyncTable([]byte(bad), "env", "x")
		require.EqualError(t, err, "insert table: <!-- env:begin --> and <!-- env:end --> are not both there")
	}
}
