package stack

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/capture"
	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/hog/internal/route"
)

var captureEntry = Entry{
	Name: "capture", About: "events from SDKs", Needs: Kafka | Redis,
	Patterns: []route.Pattern{"/e/*", "/i/v0/*", "/i/v1/analytics/*", "/i/v1/ai/*", "/batch*", "/test/black_hole", "/capture*", "/track*", "/engage*"},
	Settings: capture.Config{}, Warnings: captureWarnings,
	Load: func(environ []string) (*Plan, error) {
		cfg, err := captureConfig(capture.ModeEvents, environ)
		if err != nil {
			return nil, err
		}
		o := &cfg.Outputs
		return capturePlan(cfg, o.Main, o.Overflow, o.Historical, o.Heatmaps, o.ClientWarnings, o.ErrorTracking, o.AIMain, o.AIOverflow, o.DLQ), nil
	},
}

var replayEntry = Entry{
	Name: "replay", About: "session recordings from SDKs", Needs: Kafka | Redis,
	Patterns: []route.Pattern{"/s/*"},
	Settings: capture.Config{}, Warnings: captureWarnings,
	Load: func(environ []string) (*Plan, error) {
		cfg, err := captureConfig(capture.ModeRecordings, environ)
		if err != nil {
			return nil, err
		}
		return capturePlan(cfg, cfg.Outputs.ReplayMain, cfg.Outputs.ReplayOverflow, cfg.Outputs.DLQ), nil
	},
}

const (
	// localLinger replaces capture's default of 20 ms on the embedded broker: a request to it costs so little that waiting longer for
	// company only makes answers late.
	localLinger = time.Millisecond

	// replayTopic is where the main app's session replay consumer reads. Capture's own default in this mode is the topic of events,
	// since each of its processes is told its topic by KAFKA_TOPIC; here that variable means the topic of events alone.
	replayTopic = "session_recording_snapshot_item_events"

	// anyRedis stands in for a Redis that has not been started yet: the setting is required.
	anyRedis = "redis://embedded"
)

// notForHog are settings of capture that one process with several services cannot take from its environment, and the reason.
var notForHog = map[string]string{
	"ADDRESS":      "all services share the one port of hog: set HOG_ADDR or --addr",
	"CAPTURE_MODE": "the services capture and replay are the two modes: name the one you want after hog start",
}

// captureConfig reads capture's settings for one of the two captures of this process.
func captureConfig(mode capture.Mode, environ []string) (*capture.Config, error) {
	ours := []string{"CAPTURE_MODE=" + string(mode)}
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if _, ignored := notForHog[name]; ignored || name == "KAFKA_TOPIC" && mode == capture.ModeRecordings {
			continue
		}
		ours = append(ours, kv)
	}
	// What the fields hold is the default; the environment wins.
	cfg := &capture.Config{RedisURL: anyRedis, V1: capture.V1Config{Enabled: true}}
	cfg.Outputs.ReplayMain = replayTopic
	if len(kafkaHosts(environ)) == 0 {
		cfg.Kafka.Linger = localLinger
	}
	if err := config.LoadFrom(cfg, ours); err != nil {
		return nil, err
	}
	cfg.Address = ""             // hog listens
	cfg.ExportPrometheus = false // hog serves the metrics of all
	return cfg, nil
}

func capturePlan(cfg *capture.Config, topics ...string) *Plan {
	return &Plan{
		Topics: topics, MaxMessageBytes: cfg.Kafka.MessageMaxBytes,
		New: func(ctx context.Context, at Servers, log *slog.Logger, reg *prometheus.Registry) (Service, error) {
			c := *cfg
			c.Kafka.Brokers, c.RedisURL = at.Kafka.Brokers, config.Secret(at.Redis)
			if c.AI.Bucket == "" { // large properties of AI events
				c.AI.Bucket = "file://" + at.Objects
			}
			if at.IsEmbedded(Redis) && c.Restrictions.RedisURL == "" {
				c.Restrictions.Enabled, c.Restrictions.RedisURL = true, c.RedisURL
			}
			if at.IsEmbedded(Kafka) { // security settings are those of another broker
				c.Kafka.SecurityProtocol, c.Kafka.AddressFamily = "plaintext", ""
			}
			return capture.New(ctx, c, capture.Deps{Log: log, Registry: reg})
		},
	}
}

func captureWarnings(environ []string) []string {
	var out []string
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if why, ok := notForHog[name]; ok && value != "" {
			out = append(out, fmt.Sprintf("%s is ignored: %s", name, why))
		}
	}
	return append(out, capture.Warnings(environ)...)
}
