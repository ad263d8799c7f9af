// Command capture receives events from PostHog SDKs over HTTP and produces them to Kafka. Its settings are environment
// variables: see the module's README. "capture restore" brings events that were kept in object storage back to Kafka.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/hog-go/hog/capture"
	"github.com/hog-go/hog/common/app"
	"github.com/hog-go/hog/common/config"
)

const about = `capture takes events from PostHog SDKs over HTTP and produces them to Kafka.

  capture            serves
  capture restore    brings events that were kept in object storage back to Kafka, and ends`

func main() {
	if config.Help(os.Stdout, os.Args[1:], about, capture.Config{}) {
		return
	}
	app.Main("capture", func(ctx context.Context, log *slog.Logger) error {
		var cfg capture.Config
		if err := config.Load(&cfg); err != nil {
			return err
		}
		for _, w := range capture.Warnings(os.Environ()) {
			log.WarnContext(ctx, "check the settings", "problem", w)
		}
		switch args := os.Args[1:]; {
		case len(args) == 0:
		case len(args) == 1 && args[0] == "restore":
			return capture.RestoreAll(ctx, cfg, log)
		default:
			return fmt.Errorf("unknown arguments %q: say nothing to serve, restore, or --help", args)
		}
		svc, err := capture.New(ctx, cfg, capture.Deps{Log: log})
		if err != nil {
			return err
		}
		return svc.Run(ctx)
	})
}
