package limiter

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/hog-go/hog/common/redis"
)

// overrides are thresholds other than the default. They are never changed.
type overrides struct{ byKey map[string]uint64 }

// parseOverrides reads key=value,... An entry that makes no sense is left out: the rest of a long list is worth having.
func parseOverrides(list string, scale uint64, log *slog.Logger) *overrides {
	o := &overrides{byKey: map[string]uint64{}}
	if list == "" {
		return o
	}
	position := 0
	for entry := range strings.SplitSeq(list, ",") {
		position++
		key, text, _ := strings.Cut(entry, "=")
		value, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
		if err != nil {
			log.Error("entry of a list of thresholds is not key=number and means nothing", "position", position)
			continue
		}
		o.byKey[strings.TrimSpace(key)] = scaled(value, scale)
	}
	return o
}

// scaled is a product that stops at the largest number.
func scaled(value, scale uint64) uint64 {
	if high, low := bits.Mul64(value, scale); high == 0 {
		return low
	}
	return math.MaxUint64
}

// refreshThresholds reads the thresholds in Redis until ctx ends.
func (g *Global) refreshThresholds(ctx context.Context) {
	tick := time.NewTicker(g.cfg.ThresholdRefresh)
	defer tick.Stop()
	failing := false
	for {
		switch err := g.readThresholds(ctx); {
		case ctx.Err() != nil:
		case err != nil && !failing:
			failing = true
			g.log.WarnContext(ctx, "thresholds cannot be read, the last ones known stay in force", "key", g.cfg.ThresholdKey, "err", err)
		case err == nil && failing:
			failing = false
			g.log.InfoContext(ctx, "thresholds can be read again", "key", g.cfg.ThresholdKey)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

var errThresholdsSlow = errors.New("no answer within the refresh interval")

func (g *Global) readThresholds(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, g.cfg.ThresholdRefresh, errThresholdsSlow)
	defer cancel()
	text, err := g.thresholds.Get(ctx, g.cfg.ThresholdKey)
	if redis.IsNotFound(err) {
		g.metrics.fetched.WithLabelValues("not_found").Inc()
		g.metrics.loaded.Set(0)
		g.current.Store(g.static)
		return nil
	}
	if err != nil {
		g.metrics.fetched.WithLabelValues("connection_error").Inc()
		return err
	}
	next := &overrides{}
	if err := json.Unmarshal([]byte(text), &next.byKey); err != nil {
		g.metrics.fetched.WithLabelValues("parse_error").Inc()
		return err
	}
	g.current.Store(next)
	g.metrics.fetched.WithLabelValues("success").Inc()
	g.metrics.loaded.Set(float64(len(next.byKey)))
	g.metrics.refreshed.Set(float64(time.Now().Unix()))
	return nil
}
