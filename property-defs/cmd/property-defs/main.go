// Command property-defs keeps the catalogue of events and properties that PostHog shows under data management. Its settings are
// environment variables: see the module's README.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/hog-go/hog/common/app"
	"github.com/hog-go/hog/common/config"
	propertydefs "github.com/hog-go/hog/property-defs"
)

func main() {
	const about = "property-defs keeps the catalogue of events and properties that PostHog shows under data management."
	if config.Help(os.Stdout, os.Args[1:], about, propertydefs.DefaultConfig()) {
		return
	}
	app.Main("property-defs", func(ctx context.Context, log *slog.Logger) error {
		cfg := propertydefs.DefaultConfig()
		if err := config.Load(&cfg); err != nil {
			return err
		}
		for _, w := range propertydefs.Warnings(os.Environ()) {
			log.WarnContext(ctx, "check the settings", "problem", w)
		}
		svc, err := propertydefs.New(ctx, cfg, propertydefs.Deps{Log: log})
		if err != nil {
			return err
		}
		return svc.Run(ctx)
	})
}
