package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
)

// NewLogger returns the logger that the environment (as os.Environ gives it) asks for.
//
//	RUST_LOG   a level, or a comma list of levels and target=level pairs: "info,rdkafka=warn,capture=debug"
//	LOG_LEVEL  a level; a bare level in RUST_LOG wins over it
//	DEBUG      present, with any value: text for people; else JSON, one object a line
//
// Levels are error, warn, info, debug, trace (the same as debug here) and off; the default is info. A target is the value of a logger's
// service or component attribute, with "-" and "_" the same; others, such as the names of Rust crates, have no effect.
func NewLogger(w io.Writer, environ []string) (*slog.Logger, error) {
	env := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	name := cmp.Or(env["LOG_LEVEL"], "info")
	level, ok := parseLevel(name)
	if !ok {
		return nil, fmt.Errorf("LOG_LEVEL: %w", levelError(name))
	}
	levels, err := parseFilter(env["RUST_LOG"], level)
	if err != nil {
		return nil, fmt.Errorf("RUST_LOG: %w", err)
	}
	o := &slog.HandlerOptions{Level: slog.LevelDebug} // levels decides before the handler does
	if _, debug := env["DEBUG"]; debug {
		levels.Handler = slog.NewTextHandler(w, o)
	} else {
		o.ReplaceAttr = durationAsText
		levels.Handler = slog.NewJSONHandler(w, o)
	}
	return slog.New(levels), nil
}

// durationAsText writes 1.5s, as the text form does: JSON would have a number of nanoseconds, and say so nowhere.
func durationAsText(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// levelHandler passes on the records of its level, which a service or component attribute may change.
type levelHandler struct {
	slog.Handler
	level   slog.Level
	targets map[string]slog.Level // never written to after parsing
}

func (h *levelHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	inner := &levelHandler{Handler: h.Handler.WithAttrs(attrs), level: h.level, targets: h.targets}
	for _, a := range attrs {
		if a.Key != "component" && a.Key != "service" {
			continue
		}
		if level, ok := h.targets[targetName(a.Value.String())]; ok {
			inner.level = level
		}
	}
	return inner
}

func (h *levelHandler) WithGroup(name string) slog.Handler {
	return &levelHandler{Handler: h.Handler.WithGroup(name), level: h.level, targets: h.targets}
}

// parseFilter reads the form of RUST_LOG over a level that stands unless it names one. A bare word that is no level is a target, as in Rust's filter, and gets all its lines.
func parseFilter(filter string, level slog.Level) (*levelHandler, error) {
	h := &levelHandler{level: level, targets: map[string]slog.Level{}}
	for directive := range strings.SplitSeq(filter, ",") {
		directive = strings.TrimSpace(directive)
		target, name, isPair := strings.Cut(directive, "=")
		if strings.ContainsAny(directive, "[{/") {
			continue // spans, fields and regular expressions of Rust's filter mean nothing here
		}
		level, ok := parseLevel(name)
		switch {
		case isPair && !ok:
			return nil, levelError(name)
		case isPair:
			h.targets[targetName(target)] = level
		case directive == "":
		default:
			if level, ok := parseLevel(directive); ok {
				h.level = level
			} else {
				h.targets[targetName(directive)] = slog.LevelDebug
			}
		}
	}
	return h, nil
}

func levelError(name string) error {
	return fmt.Errorf("%q is not a level: use error, warn, info, debug, trace or off", name)
}

func targetName(name string) string { return strings.ReplaceAll(name, "_", "-") }

func parseLevel(name string) (slog.Level, bool) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "trace", "debug":
		return slog.LevelDebug, true
	case "info":
		return slog.LevelInfo, true
	case "warn", "warning":
		return slog.LevelWarn, true
	case "error":
		return slog.LevelError, true
	case "off":
		return math.MaxInt, true
	default:
		return 0, false
	}
}
