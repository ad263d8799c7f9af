package featureflags_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/cookieless"
	"github.com/hog-go/hog/common/redis"
)

// What a cookieless id depends on is the library's; these are the cases that the flag service shares with ingestion.
func TestCookielessInputs(t *testing.T) {
	for host, want := range map[string]string{
		"https://test.example.co.uk/foo": "example.co.uk", "http://localhost:3000": "127.0.0.1:3000", "::1": "[::1]",
		"sub.example.co.uk:8080": "example.co.uk:8080", "": "",
	} {
		t.Run("row 68 root domain of "+host, func(t *testing.T) { require.Equal(t, want, cookieless.RootDomain(host)) })
	}
	s, err := cookieless.New(cookieless.Config{}, cookieless.Deps{Redis: (*redis.Client)(nil), NotFound: redis.IsNotFound, Registerer: prometheus.NewRegistry()})
	require.NoError(t, err)
	for zone, tt := range map[string]struct{ at, want string }{
		"Asia/Tehran":       {"2025-01-01T20:30:01Z", "2025-01-02"},
		"America/Sao_Paulo": {"2025-01-01T02:59:00Z", "2024-12-31"},
		"Moon/Base":         {"2025-01-01T20:30:01Z", "2025-01-01"},
	} {
		t.Run("row 69 day in "+zone, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, tt.at)
			require.NoError(t, err)
			require.Equal(t, tt.want, s.Day(at.UnixMilli(), zone))
		})
	}
}

func TestCookieless(t *testing.T) {
	h := setup(t, options{})
	const salt = "AQIDBAUGBwgJCgsMDQ4PEA=="
	// The settings of this Redis know no database number, and testkit may have given us another one than 0.
	salts := goredis.NewClient(&goredis.Options{Addr: h.redis.Options().Addr})
	t.Cleanup(func() { _ = salts.Close() })
	put := func(key string, write func()) {
		write()
		t.Cleanup(func() { salts.Del(context.WithoutCancel(t.Context()), key) })
	}
	put("cookieless_salt:2024-06-01", func() {
		require.NoError(t, salts.Set(t.Context(), "cookieless_salt:2024-06-01", salt, 0).Err())
	})
	h.cacheFlags(t, 3, `"key":"mine","filters":{"groups":[{"properties":[{"key":"distinct_id","type":"person","operator":"regex","value":"^cookieless_[A-Za-z0-9+/]{22}$"}]}]}`)
	const body = `{"token":"phc_3","distinct_id":"$posthog_cookieless"}`
	header := []string{"Origin", "https://app.example.com", "User-Agent", "Mozilla/5.0", "X-Forwarded-For", "1.2.3.4"}
	require.True(t, h.post(t, "/flags?v=2", body, header...).flags(t)["mine"].Enabled)

	t.Run("other ids stay", func(t *testing.T) {
		require.False(t, h.post(t, "/flags?v=2", `{"token":"phc_3","distinct_id":"ann"}`, header...).flags(t)["mine"].Enabled)
	})
	t.Run("teams without stay", func(t *testing.T) {
		h.cacheFlags(t, 1, `"key":"mine","filters":{"groups":[{"properties":[{"key":"distinct_id","type":"person","operator":"exact","value":"$posthog_cookieless"}]}]}`)
		require.True(t, h.post(t, "/flags?v=2", `{"token":"phc_1","distinct_id":"$posthog_cookieless"}`).flags(t)["mine"].Enabled)
	})
	for name, tt := range map[string]struct {
		path   string
		header []string
		want   string
	}{
		"no host":       {"/flags?v=2", []string{"X-Forwarded-For", "1.2.3.4"}, "Missing required property: host"},
		"no user agent": {"/flags?v=2", []string{"Origin", "https://a.example", "User-Agent", ""}, "Missing required property: user_agent"},
		"another day":   {"/flags?v=2&_=1700000000000", header, "Invalid sent_at: timestamp resolves to a date outside the accepted ingestion window"},
	} {
		t.Run(name, func(t *testing.T) {
			r := h.post(t, tt.path, body, tt.header...)
			require.Equal(t, 400, r.status, r.body)
			require.Equal(t, tt.want, r.body)
		})
	}
	t.Run("a new id after each identify of a stateful team", func(t *testing.T) {
		key, err := base64.StdEncoding.DecodeString(salt)
		require.NoError(t, err)
		id := func(n uint64) cookieless.Digest {
			d, err := cookieless.Sum(key, cookieless.Input{TeamID: 4, IP: "1.2.3.4", RootDomain: "example.com", UserAgent: "Mozilla/5.0", N: n})
			require.NoError(t, err)
			return d
		}
		const is = `"key":%q,"filters":{"groups":[{"properties":[{"key":"distinct_id","type":"person","operator":"exact","value":%q}]}]}`
		h.cacheFlags(t, 4, fmt.Sprintf(is, "first", id(0).ID()), fmt.Sprintf(is, "third", id(2).ID()))
		ask := func() map[string]record {
			return h.post(t, "/flags?v=2", `{"token":"phc_4","distinct_id":"$posthog_cookieless"}`, header...).flags(t)
		}
		require.True(t, ask()["first"].Enabled)
		identifies := id(0).IdentifiesKey(4)
		put(identifies, func() { salts.SAdd(t.Context(), identifies, "one", "two") })
		require.True(t, ask()["third"].Enabled)
	})
	t.Run("Redis away", func(t *testing.T) {
		h.redisWire.cut()
		r := h.post(t, "/flags?v=2&_=1717329600000", body, header...)
		h.redisWire.mend()
		require.Equal(t, 500, r.status)
		require.Equal(t, "An internal error occurred while processing your request.", r.body)
	})
}
