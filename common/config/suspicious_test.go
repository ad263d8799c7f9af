package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/config"
)

func TestSuspicious(t *testing.T) {
	type kafka struct {
		Hosts  []string `env:"KAFKA_HOSTS"`
		TLS    bool     `env:"KAFKA_TLS"`
		Linger uint32   `env:"KAFKA_PRODUCER_LINGER_MS,KAFKA_LINGER"`
	}
	type service struct {
		Kafka kafka
		URL   string `env:"REDIS_URL"`
		Mode  string `env:"CAPTURE_MODE"`
		Addr  string `env:"ADDRESS"`
	}
	tests := map[string]string{ // name in the environment -> setting it is mistaken for
		"KAFKA_HOST":               "KAFKA_HOSTS",
		"KAFKA_HSOTS":              "KAFKA_HOSTS",
		"KAFKA_TSL":                "KAFKA_TLS",
		"KAFKA_PRODUCER_LINGER":    "KAFKA_PRODUCER_LINGER_MS",
		"KAFKA_PRODUCER_LINGERMS":  "KAFKA_PRODUCER_LINGER_MS",
		"REDIS_URI":                "REDIS_URL",
		"CAPTURE_MOD":              "CAPTURE_MODE",
		"KAFKA_HOSTS":              "",
		"KAFKA_LINGER":             "",
		"KAFKA_TRACES_HOSTS":       "",
		"KAFKA_TOPIC":              "",
		"REDIS_SERVICE_HOST":       "",
		"REDIS_PORT_6379_TCP_ADDR": "",
		"PATH":                     "",
		"ADRESS":                   "",
		"HOSTNAME":                 "",
		"KAFKA":                    "",
		"":                         "",
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			got := config.Suspicious([]string{name + "=x"}, service{})
			if want == "" {
				require.Empty(t, got)
				return
			}
			require.Equal(t, []string{name + " is not a setting; did you mean " + want + "?"}, got)
		})
	}
	t.Run("warnings are sorted and told once", func(t *testing.T) {
		got := config.Suspicious([]string{"REDIS_URI=1", "KAFKA_HOST=1", "REDIS_URI=2"}, &kafka{}, service{})
		require.Equal(t, []string{
			"KAFKA_HOST is not a setting; did you mean KAFKA_HOSTS?",
			"REDIS_URI is not a setting; did you mean REDIS_URL?",
		}, got)
	})
}
