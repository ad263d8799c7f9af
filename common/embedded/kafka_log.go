package embedded

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kfake"
)

// brokerLog hands kfake's lines to slog. What kfake calls info is a line per request, so it becomes debug.
type brokerLog struct{ log *slog.Logger }

// Logf implements kfake.Logger.
func (b brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	l := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		l = slog.LevelError
	case kfake.LogLevelWarn:
		l = slog.LevelWarn
	}
	ctx := context.Background()
	if b.log.Enabled(ctx, l) {
		b.log.Log(ctx, l, "kafka broker", "detail", fmt.Sprintf(format, args...))
	}
}
