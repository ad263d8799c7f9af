// Package sdkconfig adds the configuration of browser SDKs to an answer. The main app has computed it; all that depends on the request is
// whether the page may be recorded.
package sdkconfig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/hog-go/hog/common/hypercache"
	"github.com/hog-go/hog/feature-flags/internal/fresh"
)

// Cache is where the main app keeps configurations.
var Cache = hypercache.Config{Namespace: "array", Value: "config.json", ByToken: true}

// recordings is what the main app and SDKs call the quota of session recordings.
const recordings = "recordings"

// Minimal are the members of an answer that looks nothing up.
const Minimal = `"supportedCompression":["gzip","gzip-js"],"config":{"enable_collect_everything":true},"toolbarParams":{},"isAuthenticated":false,"sessionRecording":false`

// fallback are the members for a project whose configuration is in no cache.
const fallback = `"hasFeatureFlags":%t,"supportedCompression":["gzip","gzip-js"],"sessionRecording":false,"surveys":false,"heatmaps":false,` +
	`"capturePerformance":false,"autocaptureExceptions":false,"isAuthenticated":false,"toolbarParams":{},"config":{"enable_collect_everything":true}`

// Documents gives the configurations of the cache.
type Documents interface {
	// Get returns a document, hypercache.ErrMiss if no tier has it.
	Get(ctx context.Context, key hypercache.Key) (hypercache.Document, error)
}

// Source gets configurations. It is safe for concurrent use.
type Source struct {
	cached  Documents
	configs *fresh.Cache[string, *Config]
	log     *slog.Logger
}

// New makes a Source that keeps max configurations and uses each for ttl without looking again.
func New(cached Documents, ttl time.Duration, max int, log *slog.Logger) *Source {
	return &Source{
		cached: cached, log: log.With("component", "sdkconfig"),
		configs: fresh.New[string, *Config](fresh.Config{TTL: ttl, Keep: time.Hour, Weight: int64(max)}, nil),
	}
}

// Get is the configuration of the project with a token. Whatever goes wrong, there is one.
func (s *Source) Get(ctx context.Context, token string) *Config {
	if c, ok := s.configs.Peek(token); ok {
		return c
	}
	c, err := s.configs.Get(ctx, token, func(ctx context.Context, old *Config, had bool) (*Config, error) {
		doc, err := s.cached.Get(ctx, hypercache.Text(token))
		if err != nil || doc.JSON == nil {
			return &Config{}, nil
		}
		if had && bytes.Equal(old.source, doc.JSON) {
			return old, nil
		}
		return parse(doc.JSON)
	})
	if err != nil {
		s.log.WarnContext(ctx, "cached client configuration is unusable", "err", err)
		return &Config{}
	}
	return c
}

// Config is a configuration, split where requests differ. The zero value is that of a project without one. It is immutable.
type Config struct {
	source  []byte
	members []byte // all but sessionRecording, sessionRecordingDisabledReason and quotaLimited: "a":1,"b":2
	quotas  []string
	record  bool     // recording is on
	has     bool     // there is a member sessionRecording
	domains []string // where pages may be recorded; nil: everywhere
	session []byte   // sessionRecording without its domains
}

// parse splits a configuration; the error says that it is no JSON object.
func parse(source []byte) (*Config, error) {
	c := &Config{source: source}
	var session json.RawMessage
	err := members(source, func(key string, value json.RawMessage) error {
		switch key {
		case "sessionRecording":
			session, c.has = value, true
		case "quotaLimited":
			_ = json.Unmarshal(value, &c.quotas) // no list of strings: nothing to merge
		case "sessionRecordingDisabledReason":
		default:
			c.members = appendMember(c.members, key, value)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("parse client configuration: %w", err)
	}
	return c, c.splitSession(session)
}

func (c *Config) splitSession(session json.RawMessage) error {
	if len(session) == 0 || session[0] != '{' {
		c.record = c.has && string(session) != "false" && string(session) != "null"
		c.session = session
		return nil
	}
	c.record = true
	var rest []byte
	err := members(session, func(key string, value json.RawMessage) error {
		if key == "domains" {
			_ = json.Unmarshal(value, &c.domains) // no list of strings: everywhere
			return nil
		}
		rest = appendMember(rest, key, value)
		return nil
	})
	c.session = slices.Concat([]byte{'{'}, rest, []byte{'}'})
	return err
}

// members calls f for each member of an object in its order.
func members(object []byte, f func(key string, value json.RawMessage) error) error {
	dec := json.NewDecoder(bytes.NewReader(object))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("no object: %v", err)
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		if err := f(key.(string), value); err != nil {
			return err
		}
	}
	return nil
}

func appendMember(dst []byte, key string, value json.RawMessage) []byte {
	if len(dst) > 0 {
		dst = append(dst, ',')
	}
	quoted, _ := json.Marshal(key) // a string cannot fail
	return append(append(append(dst, quoted...), ':'), value...)
}

// Page is what a configuration depends on.
type Page struct {
	Origin, Referer, UserAgent string
	CheckQuota                 bool // the quota of recordings counts
	OverQuota                  bool // and it is used up
	HasFlags                   bool // the answer has flags
}

// Append appends the members of the configuration for a page, without braces, and returns the quotas that the project is over.
func (c *Config) Append(dst []byte, p Page) (out []byte, quotas []string) {
	limited := p.CheckQuota && p.OverQuota
	if c.source == nil {
		if limited {
			quotas = []string{recordings}
		}
		return fmt.Appendf(dst, fallback, p.HasFlags), quotas
	}
	dst = append(dst, c.members...)
	reason := ""
	switch {
	case limited:
		reason = "quota_limited"
	case !c.has:
	case !c.record:
		reason = "not_enabled"
	case !c.mayRecord(p):
		reason = "domain_not_allowed"
	}
	switch {
	case reason != "":
		dst = appendMember2(dst, `"sessionRecording":false,"sessionRecordingDisabledReason":"`, reason, `"`)
	case c.has:
		dst = appendMember2(dst, `"sessionRecording":`, string(c.session), "")
	}
	return dst, c.quotaLimited(limited)
}

func appendMember2(dst []byte, parts ...string) []byte {
	if len(dst) > 0 && dst[len(dst)-1] != ',' {
		dst = append(dst, ',')
	}
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst
}

// quotaLimited is what the main app wrote, with what is known here of recordings.
func (c *Config) quotaLimited(limited bool) []string {
	if slices.Contains(c.quotas, recordings) == limited {
		return c.quotas
	}
	if limited {
		return append(slices.Clip(c.quotas), recordings)
	}
	return slices.DeleteFunc(slices.Clone(c.quotas), func(q string) bool { return q == recordings })
}

// mobile SDKs have no pages.
var mobile = []string{"posthog-android", "posthog-ios", "posthog-react-native", "posthog-flutter", "posthog-unity"}

func (c *Config) mayRecord(p Page) bool {
	if len(c.domains) == 0 || allowed(c.domains, p.Origin) || allowed(c.domains, p.Referer) {
		return true
	}
	return slices.ContainsFunc(mobile, func(sdk string) bool { return strings.Contains(p.UserAgent, sdk) })
}
