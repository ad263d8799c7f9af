package config

import "log/slog"

// stars is what a secret looks like from outside; its length says nothing about the value.
const stars = "*****"

// Secret is a setting that must not show up in logs, errors or dumps: passwords, and URLs that may carry one. An empty one prints as
// empty, so that "not set" stays visible.
type Secret string

// Reveal returns the value itself.
func (s Secret) Reveal() string { return string(s) }

// String returns stars.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return stars
}

// GoString returns stars, for %#v.
func (s Secret) GoString() string { return `config.Secret("` + s.String() + `")` }

// LogValue returns stars, for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns stars, for encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
