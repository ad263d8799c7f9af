package config_test

import (
	"fmt"
	"time"

	"github.com/hog-go/hog/common/config"
)

func ExampleLoadFrom() {
	var cfg struct {
		Hosts []string      `env:"KAFKA_HOSTS,BROKERS" default:"localhost:9092" doc:"bootstrap servers"`
		TLS   bool          `env:"KAFKA_TLS" doc:"encrypt the connection"`
		Wait  time.Duration `env:"WAIT_MS" unit:"ms" default:"20" doc:"wait for a fuller batch"`
		Redis config.Secret `env:"REDIS_URL" required:"true" doc:"main Redis"`
	}
	fmt.Println(config.LoadFrom(&cfg, []string{"KAFKA_TLS=yep"}))

	err := config.LoadFrom(&cfg, []string{"BROKERS=a:1,b:2", "REDIS_URL=redis://:secret@r"})
	fmt.Println(cfg.Hosts, cfg.Wait, cfg.Redis, err)
	// Output:
	// KAFKA_TLS: "yep" is not a boolean: use true or false
	// REDIS_URL: required but not set: main Redis
	// [a:1 b:2] 20ms ***** <nil>
}
