package stack

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/postgres"
)

// Servers are the dependencies of the services, and how to reach them.
type Servers struct {
	Kafka    kafka.ClientConfig // no brokers: there is none
	Redis    string             // URL, "": there is none
	Postgres string             // URL, "": there is none
	Embedded []string           // names of those that hog runs itself
	Internal string             // bearer token of hog's own commands
	Objects  string             // folder for what services keep as objects where no object storage is given; it need not exist
}

// IsEmbedded tells whether hog runs the server itself.
func (s Servers) IsEmbedded(server Need) bool { return slices.Contains(s.Embedded, server.String()) }

// String names one dependency, as hog.json and the status page do.
func (n Need) String() string {
	switch n {
	case Kafka:
		return "kafka"
	case Redis:
		return "redis"
	case Postgres:
		return "postgres"
	default:
		return fmt.Sprintf("Need(%d)", uint8(n))
	}
}

// External is what the environment says about servers that run elsewhere, for hog's own clients; services read the same variables by
// themselves.
type External struct {
	kafka.ClientEnv
	// Names of capture's producer, which win over the common ones as they do there.
	Protocol string       `env:"KAFKA_INGESTION_PRODUCER_SECURITY_PROTOCOL" doc:"newer name of KAFKA_SECURITY_PROTOCOL"`
	Verify   *bool        `env:"KAFKA_INGESTION_PRODUCER_ENABLE_SSL_CERTIFICATE_VERIFICATION" doc:"check the brokers' certificates"`
	Redis    string       `env:"REDIS_URL" doc:"main Redis"`
	Postgres postgres.URL `env:"DATABASE_URL" doc:"main database"`

	Internal config.Secret `env:"INTERNAL_REQUEST_TOKEN" doc:"bearer token of internal callers; default: a random one"`
}

// ReadExternal finds the servers that the environment names. Where it names no Kafka, Redis or PostgreSQL, the field is empty.
func ReadExternal(environ []string) (Servers, error) {
	var e External
	if err := config.LoadFrom(&e, environ); err != nil {
		return Servers{}, err
	}
	s := Servers{Redis: e.Redis, Postgres: e.Postgres.Reveal(), Internal: e.Internal.Reveal()}
	hosts := kafkaHosts(environ)
	if len(hosts) == 0 {
		return s, nil
	}
	if e.Protocol != "" {
		e.SecurityProtocol = e.Protocol
	}
	s.Kafka = e.ClientEnv.Config()
	s.Kafka.Brokers = hosts
	switch { // as capture has it: only KAFKA_TLS alone means that certificates are not checked
	case e.Verify != nil:
		s.Kafka.TLSSkipVerify = !*e.Verify
	case e.SecurityProtocol != "":
		s.Kafka.TLSSkipVerify = false
	}
	return s, nil
}

// kafkaHosts are the brokers that the environment names; the newer name wins, and empty is none.
func kafkaHosts(environ []string) []string {
	for _, name := range []string{"KAFKA_INGESTION_PRODUCER_METADATA_BROKER_LIST", "KAFKA_HOSTS"} {
		var hosts []string
		for _, kv := range environ {
			if list, ok := strings.CutPrefix(kv, name+"="); ok {
				hosts = strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
			}
		}
		if len(hosts) > 0 {
			return hosts
		}
	}
	return nil
}
