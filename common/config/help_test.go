package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/config"
)

func TestHelp(t *testing.T) {
	type settings struct {
		Hosts []string      `env:"KAFKA_HOSTS,BROKERS" default:"localhost:9092" doc:"bootstrap servers"`
		URL   config.Secret `env:"REDIS_URL" required:"true"`
		Mode  string        `env:"MODE" oneof:"events,ai"`
		Batch *uint32       `env:"BATCH" min:"1" doc:"records"`
	}
	const want = `prog does things.

Settings are environment variables:

  KAFKA_HOSTS, or BROKERS
      list; default localhost:9092
      bootstrap servers

  REDIS_URL
      secret; required

  MODE
      events, ai; default empty

  BATCH
      integer, at least 1; unset
      records
`
	for _, ask := range []string{"--help", "-h", "help", "-help"} {
		var b strings.Builder
		require.True(t, config.Help(&b, []string{ask, "more"}, "prog does things.\n", settings{}, &settings{}))
		require.Equal(t, want, b.String())
	}
	for _, args := range [][]string{nil, {"restore"}, {"restore", "--help"}} {
		var b strings.Builder
		require.False(t, config.Help(&b, args, "about", settings{}))
		require.Empty(t, b.String())
	}
}
