package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/config"
)

func TestMainExitCodes(t *testing.T) {
	tests := map[string]struct {
		environ  []string
		run      func(ctx context.Context, log *slog.Logger) error
		code     int
		log      string // part of standard output
		complain string // the whole of standard error
	}{
		"done":      {run: func(context.Context, *slog.Logger) error { return nil }},
		"stopped":   {run: func(context.Context, *slog.Logger) error { return fmt.Errorf("x: %w", ErrStop) }},
		"failure":   {run: func(context.Context, *slog.Logger) error { return errors.New("boom") }, code: 1, log: `"msg":"stopped by a failure","service":"svc","err":"boom"`},
		"cancelled": {run: func(context.Context, *slog.Logger) error { return context.Canceled }, code: 1, log: `"err":"context canceled"`},
		"bad settings": {run: func(context.Context, *slog.Logger) error {
			var cfg struct {
				A int  `env:"A" required:"true"`
				B bool `env:"B"`
			}
			return fmt.Errorf("load: %w", config.LoadFrom(&cfg, []string{"B=yep"}))
		}, code: 1, complain: "svc cannot start:\n  A: required but not set\n  B: \"yep\" is not a boolean: use true or false\n"},
		"bad log level": {environ: []string{"LOG_LEVEL=loud"}, code: 1, complain: "svc cannot start:\n  LOG_LEVEL: \"loud\" is not a level: use error, warn, info, debug, trace or off\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			p := process{name: "svc", environ: tt.environ, out: &out, errs: &errs}
			require.Equal(t, tt.code, p.main(tt.run))
			require.Contains(t, out.String(), tt.log)
			require.Equal(t, tt.complain, errs.String())
		})
	}
}

func TestMainStopsWhenAsked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shutdown")
	tests := map[string]struct {
		ask  func() error
		want string
	}{
		"SIGTERM":       {func() error { return syscall.Kill(os.Getpid(), syscall.SIGTERM) }, "shutdown by external (signal): received terminated"},
		"SIGINT":        {func() error { return syscall.Kill(os.Getpid(), syscall.SIGINT) }, "shutdown by external (signal): received interrupt"},
		"pre-stop file": {func() error { return os.WriteFile(file, nil, 0o600) }, "shutdown by external (prestop): " + file + " appeared"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			p := process{name: "svc", out: &out, errs: &errs, preStopFile: file}
			var cause error
			code := p.main(func(ctx context.Context, _ *slog.Logger) error {
				if err := tt.ask(); err != nil {
					return err
				}
				select {
				case <-ctx.Done():
				case <-time.After(10 * time.Second):
					return errors.New("not stopped")
				}
				cause = context.Cause(ctx)
				return ctx.Err()
			})
			require.Zero(t, code, out.String())
			require.EqualError(t, cause, tt.want)
		})
	}
}
