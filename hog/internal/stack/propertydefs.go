package stack

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/capture"
	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/hog/internal/definitions"
	"github.com/hog-go/hog/hog/internal/route"
	propertydefs "github.com/hog-go/hog/property-defs"
)

var propertyDefsEntry = Entry{
	Name: "property-defs", About: "which events and properties there are, and of what type", Needs: Kafka | Postgres,
	Patterns: []route.Pattern{"/api/v1/projects/*"},
	Settings: propertydefs.DefaultConfig(), Warnings: propertyDefsWarnings,
	Load: func(environ []string) (*Plan, error) {
		cfg, err := propertyDefsConfig(environ)
		if err != nil {
			return nil, err
		}
		events, err := captureConfig(capture.ModeEvents, environ)
		if err != nil {
			return nil, err
		}
		fed := len(kafkaHosts(environ)) == 0 && !isSet(environ, "KAFKA_CONSUMER_TOPIC")
		o := &events.Outputs
		captured := []string{o.Main, o.Overflow, o.Historical, o.ErrorTracking, o.AIMain}
		plan := &Plan{Topics: captured}
		if !fed {
			captured, plan.Topics = nil, nil
		}
		plan.New = func(ctx context.Context, at Servers, log *slog.Logger, reg *prometheus.Registry) (Service, error) {
			return newPropertyDefs(ctx, *cfg, captured, environ, at, log, reg)
		}
		return plan, nil
	},
}

// propertyDefsConfig has defaults for a machine where somebody looks at the result: groups are looked up, and nothing waits for minutes.
func propertyDefsConfig(environ []string) (*propertydefs.Config, error) {
	cfg := propertydefs.DefaultConfig()
	cfg.BatchPeriod = time.Second
	if !isSet(environ, "SKIP_READS") {
		environ = append(environ[:len(environ):len(environ)], "SKIP_READS=false")
	}
	if err := config.LoadFrom(&cfg, environ); err != nil {
		return nil, err
	}
	cfg.Host, cfg.Port = "", 0 // hog listens
	return &cfg, nil
}

func isSet(environ []string, name string) bool {
	for _, kv := range environ {
		if value, ok := strings.CutPrefix(kv, name+"="); ok && value != "" {
			return true
		}
	}
	return false
}

// newPropertyDefs builds the service. captured are topics of capture, which are read in place of the one that ingestion would write.
func newPropertyDefs(ctx context.Context, cfg propertydefs.Config, captured, environ []string, at Servers, log *slog.Logger, reg *prometheus.Registry) (Service, error) {
	cfg.Kafka.Hosts, cfg.DatabaseURL = at.Kafka.Brokers, postgres.URL(at.Postgres)
	if at.IsEmbedded(Kafka) { // security settings are those of another broker
		cfg.Kafka.SecurityProtocol, cfg.Kafka.AddressFamily = "plaintext", ""
	}
	own := prometheus.NewRegistry()
	reg.MustRegister(unlabelled{own})
	deps := propertydefs.Deps{Log: log, Registry: own, Topics: captured}
	if captured == nil {
		return propertydefs.New(ctx, cfg, deps)
	}
	teams, closeTeams, err := OpenAdmin(at, environ, log)
	if err != nil {
		return nil, err
	}
	deps.Translate = definitions.New(teams, log).Translate
	svc, err := propertydefs.New(ctx, cfg, deps)
	if err != nil {
		return nil, errors.Join(err, closeTeams())
	}
	return fedService{svc, closeTeams}, nil
}

// unlabelled are metrics of parts that capture has, too, there with the labels of its role and mode. A registry takes one set of labels for a
// name, unless it is not told of the names.
type unlabelled struct{ *prometheus.Registry }

// Describe tells nothing.
func (unlabelled) Describe(chan<- *prometheus.Desc) {}

// fedService closes what the translator uses when the service ends.
type fedService struct {
	*propertydefs.Service
	closeTeams func() error
}

func (s fedService) Run(ctx context.Context) error {
	return errors.Join(s.Service.Run(ctx), s.closeTeams())
}

func propertyDefsWarnings(environ []string) []string {
	var out []string
	for _, name := range []string{"BIND_HOST", "BIND_PORT"} {
		if isSet(environ, name) {
			out = append(out, name+" is ignored: "+notForHog["ADDRESS"])
		}
	}
	return append(out, propertydefs.Warnings(environ)...)
}
