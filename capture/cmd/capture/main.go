// Command capture receives events from PostHog SDKs over HTTP and produces them to Kafka. Its settings are environment
// variables: see the module's README.
package main

import (
	"context"
	"log/slog"
	"os"

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
		for _, w := range capture.Warnings(os.Environ()) {
			log.WarnContext(ctx, "check the settings", "problem", w)
		}
		svc, err := capture.New(ctx, cfg, capture.Deps{Log: log})
		if err != nil {
			return err
		}
		return svc.Run(ctx)
	})
}
