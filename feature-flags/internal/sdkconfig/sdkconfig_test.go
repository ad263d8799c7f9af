package sdkconfig_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/hypercache"
	"github.com/hog-go/hog/feature-flags/internal/sdkconfig"
)

// one has one document, or none.
type one string

func (o one) Get(context.Context, hypercache.Key) (hypercache.Document, error) {
	if o == "" {
		return hypercache.Document{}, &hypercache.MissError{}
	}
	return hypercache.Document{JSON: json.RawMessage(o)}, nil
}

func TestAppend(t *testing.T) {
	const acme = `{"a":{"b":[1.50]},"sessionRecording":{"endpoint":"/s/","domains":["https://app.acme.io"]},"sessionRecordingDisabledReason":"old","é":null}`
	on, limited := sdkconfig.Page{CheckQuota: true}, sdkconfig.Page{CheckQuota: true, OverQuota: true}
	tests := map[string]struct {
		config one
		page   sdkconfig.Page
		want   string
		quotas []string
	}{
		"row 130 page of a domain":         {acme, sdkconfig.Page{Origin: "https://app.acme.io"}, `{"a":{"b":[1.50]},"é":null,"sessionRecording":{"endpoint":"/s/"}}`, nil},
		"by the referer":                   {acme, sdkconfig.Page{Origin: "null", Referer: "https://app.acme.io/x?y"}, `{"a":{"b":[1.50]},"é":null,"sessionRecording":{"endpoint":"/s/"}}`, nil},
		"row 130 other page":               {acme, sdkconfig.Page{Origin: "https://evil.io"}, `{"a":{"b":[1.50]},"é":null,"sessionRecording":false,"sessionRecordingDisabledReason":"domain_not_allowed"}`, nil},
		"row 130 an app":                   {acme, sdkconfig.Page{UserAgent: "posthog-ios/3"}, `{"a":{"b":[1.50]},"é":null,"sessionRecording":{"endpoint":"/s/"}}`, nil},
		"no domains":                       {`{"sessionRecording":{"domains":[]}}`, sdkconfig.Page{}, `{"sessionRecording":{}}`, nil},
		"recording is off":                 {`{"sessionRecording":false}`, sdkconfig.Page{}, `{"sessionRecording":false,"sessionRecordingDisabledReason":"not_enabled"}`, nil},
		"nothing about recording":          {`{}`, sdkconfig.Page{}, `{}`, nil},
		"row 132 quota not checked":        {`{"quotaLimited":["recordings","events"],"sessionRecording":{}}`, sdkconfig.Page{OverQuota: true}, `{"sessionRecording":{}}`, []string{"events"}},
		"row 132 over quota":               {`{"quotaLimited":["recordings","events"],"sessionRecording":{}}`, limited, `{"sessionRecording":false,"sessionRecordingDisabledReason":"quota_limited"}`, []string{"recordings", "events"}},
		"over quota, new":                  {`{"quotaLimited":["events"],"sessionRecording":{}}`, limited, `{"sessionRecording":false,"sessionRecordingDisabledReason":"quota_limited"}`, []string{"events", "recordings"}},
		"below quota":                      {`{"quotaLimited":["recordings"],"sessionRecording":{}}`, on, `{"sessionRecording":{}}`, []string{}},
		"row 133 not in the cache":         {"", sdkconfig.Page{HasFlags: true}, `{"hasFeatureFlags":true,"supportedCompression":["gzip","gzip-js"],"sessionRecording":false,"surveys":false,"heatmaps":false,"capturePerformance":false,"autocaptureExceptions":false,"isAuthenticated":false,"toolbarParams":{},"config":{"enable_collect_everything":true}}`, nil},
		"not in the cache, over the quota": {"", limited, `{"hasFeatureFlags":false,"supportedCompression":["gzip","gzip-js"],"sessionRecording":false,"surveys":false,"heatmaps":false,"capturePerformance":false,"autocaptureExceptions":false,"isAuthenticated":false,"toolbarParams":{},"config":{"enable_collect_everything":true}}`, []string{"recordings"}},
		"no object":                        {"[1]", sdkconfig.Page{}, `{"hasFeatureFlags":false,"supportedCompression":["gzip","gzip-js"],"sessionRecording":false,"surveys":false,"heatmaps":false,"capturePerformance":false,"autocaptureExceptions":false,"isAuthenticated":false,"toolbarParams":{},"config":{"enable_collect_everything":true}}`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			source := sdkconfig.New(tt.config, time.Minute, 10, slog.New(slog.DiscardHandler))
			for range 2 { // the second from memory
				members, quotas := source.Get(t.Context(), "t").Append(nil, tt.page)
				require.Equal(t, tt.want, "{"+string(members)+"}")
				require.Equal(t, tt.quotas, quotas)
			}
		})
	}
}

func TestDomains(t *testing.T) {
	tests := map[string]struct {
		domain, origin string
		want           bool
	}{
		"row 131 a star is a subdomain":   {"https://*.acme.io", "https://acme.io", false},
		"row 131 however deep":            {"https://*.acme.io", "https://a.b.acme.io", true},
		"row 131 no scheme":               {"acme.io", "https://acme.io", false},
		"row 131 www does not matter":     {"https://acme.io", "https://www.acme.io", true},
		"www in the list":                 {"https://www.acme.io", "https://acme.io", true},
		"star within":                     {"https://app-*.acme.io", "https://app-7.acme.io", true},
		"star within, anchored":           {"https://app-*.acme.io", "https://app-7.acme.io.evil.io", false},
		"ports and paths do not matter":   {"http://localhost:3000/app", "http://LOCALHOST:8010", true},
		"a suffix is not enough":          {"https://acme.io", "https://evil-acme.io", false},
		"an origin that is none":          {"https://acme.io", "acme.io", false},
		"star and suffix is no subdomain": {"https://*.acme.io", "https://evilacme.io", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			list, err := json.Marshal([]string{tt.domain})
			require.NoError(t, err)
			source := sdkconfig.New(one(`{"sessionRecording":{"domains":`+string(list)+`}}`), time.Minute, 10, slog.New(slog.DiscardHandler))
			members, _ := source.Get(t.Context(), "t").Append(nil, sdkconfig.Page{Origin: tt.origin})
			require.Equal(t, tt.want, string(members) == `"sessionRecording":{}`, string(members))
		})
	}
}
