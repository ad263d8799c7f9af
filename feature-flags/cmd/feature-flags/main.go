// Command feature-flags answers which value each feature flag has for a person. Its settings are environment variables: see the module's
// README.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/hog-go/hog/common/app"
	"github.com/hog-go/hog/common/config"
	featureflags "github.com/hog-go/hog/feature-flags"
)

func main() {
	if config.Help(os.Stdout, os.Args[1:], "feature-flags answers which value each feature flag has for a person.", featureflags.Config{}) {
		return
	}
	app.Main("feature-flags", func(ctx context.Context, log *slog.Logger) error {
		var cfg featureflags.Config
		if err := config.Load(&cfg); err != nil {
			return err
		}
		for _, w := range featureflags.Warnings(os.Environ()) {
			log.WarnContext(ctx, "check the settings", "problem", w)
		}
		svc, err := featureflags.New(ctx, cfg, featureflags.Deps{Log: log})
		if err != nil {
			return err
		}
		return svc.Run(ctx)
	})
}
