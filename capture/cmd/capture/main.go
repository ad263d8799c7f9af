// Command capture receives events from PostHog SDKs over HTTP and produces them to Kafka. Its settings are environment
// variables: see the module's README.
package main

import (
	"context"
	"log/slog"

	"github.com/hog-go/hog/capture"
	"github.com/hog-go/hog/common/app"
	"github.com/hog-go/hog/common/config"
)

func main() {
	app.Main("capture", func(ctx context.Context, log *slog.Logger) error {
		var cfg capture.Config
		if err := config.Load(&cfg); err != nil {
			return err
		}
		svc, err := capture.New(ctx, cfg, capture.Deps{Log: log})
		if err != nil {
			return err
		}
		return svc.Run(ctx)
	})
}
