package stack

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/hog/internal/remoteconfig"
)

var remoteConfigEntry = Entry{
	Name: "remote-config", About: "configuration for posthog-js; no surveys",
	Patterns: remoteconfig.Patterns,
	Settings: struct{}{}, Warnings: func([]string) []string { return nil },
	Load: func([]string) (*Plan, error) {
		return &Plan{New: func(_ context.Context, _ Servers, log *slog.Logger, _ *prometheus.Registry) (Service, error) {
			return remoteconfig.New(log), nil
		}}, nil
	},
}
