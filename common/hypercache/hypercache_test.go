package hypercache_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/hypercache"
)

var (
	errAbsent = errors.New("absent")
	config    = hypercache.Config{Namespace: "flags", Value: "definitions"}
)

const (
	redisKey  = "posthog:1:cache/teams/123/flags/definitions"
	objectKey = "cache/teams/123/flags/definitions"
)

func TestKeys(t *testing.T) {
	byToken := config
	byToken.ByToken = true
	version3 := config
	version3.Version = "3"

	tests := map[string]struct {
		cfg           hypercache.Config
		key           hypercache.Key
		redis, object string
	}{
		"row 34 text":         {config, hypercache.Text("123"), redisKey, objectKey},
		"row 35 token":        {byToken, hypercache.Text("phc_abc123"), "posthog:1:cache/team_tokens/phc_abc123/flags/definitions", "cache/team_tokens/phc_abc123/flags/definitions"},
		"row 36 id":           {config, hypercache.ID(999), "posthog:1:cache/teams/999/flags/definitions", "cache/teams/999/flags/definitions"},
		"id is literal":       {byToken, hypercache.ID(999), "posthog:1:cache/team_tokens/999/flags/definitions", "cache/team_tokens/999/flags/definitions"},
		"team by id":          {config, hypercache.Team(7, "phc_x"), "posthog:1:cache/teams/7/flags/definitions", "cache/teams/7/flags/definitions"},
		"team by token":       {byToken, hypercache.Team(7, "phc_x"), "posthog:1:cache/team_tokens/phc_x/flags/definitions", "cache/team_tokens/phc_x/flags/definitions"},
		"other Redis version": {version3, hypercache.Text("123"), "posthog:3:cache/teams/123/flags/definitions", objectKey},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.redis, tt.cfg.RedisKey(tt.key))
			require.Equal(t, tt.object, tt.cfg.ObjectKey(tt.key))
		})
	}
}

func TestGet(t *testing.T) {
	tests := map[string]struct {
		redis   tier
		objects tier
		want    hypercache.Document
		miss    bool
		asked   int // tiers
		metrics map[string]float64
	}{
		"Redis has it": {
			redis: tier{text: `{"flags":[]}`}, asked: 1,
			want: hypercache.Document{JSON: json.RawMessage(`{"flags":[]}`), Source: hypercache.FromRedis}, metrics: map[string]float64{"hit_redis": 1},
		},
		"row 37 Redis knows there is nothing": {
			redis: tier{text: "__missing__"}, asked: 1,
			want: hypercache.Document{Source: hypercache.FromRedis}, metrics: map[string]float64{"hit_redis": 1},
		},
		"the same in quotes": {
			redis: tier{text: `"__missing__"`}, asked: 1,
			want: hypercache.Document{Source: hypercache.FromRedis}, metrics: map[string]float64{"hit_redis": 1},
		},
		"JSON null is a document": {
			redis: tier{text: "null"}, asked: 1,
			want: hypercache.Document{JSON: json.RawMessage("null"), Source: hypercache.FromRedis}, metrics: map[string]float64{"hit_redis": 1},
		},
		"Redis lost it": {
			redis: tier{err: errAbsent}, objects: tier{text: `[1]`}, asked: 2,
			want: hypercache.Document{JSON: json.RawMessage(`[1]`), Source: hypercache.FromObjects}, metrics: map[string]float64{"hit_s3": 1},
		},
		"Redis has no JSON": {
			redis: tier{text: `{"flags":`}, objects: tier{text: `[1]`}, asked: 2,
			want: hypercache.Document{JSON: json.RawMessage(`[1]`), Source: hypercache.FromObjects}, metrics: map[string]float64{"hit_s3": 1},
		},
		"Redis hangs": {
			redis: tier{hang: true}, objects: tier{text: `[1]`}, asked: 2,
			want: hypercache.Document{JSON: json.RawMessage(`[1]`), Source: hypercache.FromObjects}, metrics: map[string]float64{"hit_s3": 1},
		},
		"row 38 nobody has it": {
			redis: tier{err: errAbsent}, objects: tier{err: errAbsent}, asked: 2,
			miss: true, metrics: map[string]float64{"missing": 1, "hypercache_miss": 1},
		},
		"neither has JSON": {
			redis: tier{text: "{"}, objects: tier{text: "__missing__"}, asked: 2,
			miss: true, metrics: map[string]float64{"missing": 1, "hypercache_miss": 1},
		},
		"both hang": {
			redis: tier{hang: true}, objects: tier{hang: true}, asked: 2,
			miss: true, metrics: map[string]float64{"missing": 1, "hypercache_miss": 1},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reader, reg := setup(t, &tt.redis, &tt.objects)
				start := time.Now()
				doc, err := reader.Get(t.Context(), hypercache.ID(123))
				if tt.miss {
					require.ErrorIs(t, err, hypercache.ErrMiss)
					require.EqualError(t, err, "Cache miss - data not found in any tier")
				} else {
					require.NoError(t, err)
				}
				require.Equal(t, tt.want, doc)
				require.Equal(t, []string{redisKey, objectKey}[:tt.asked], append(tt.redis.keys, tt.objects.keys...))
				require.Equal(t, tt.metrics, counts(t, reg))

				var waited time.Duration
				if tt.redis.hang {
					waited += 500 * time.Millisecond
				}
				if tt.objects.hang {
					waited += 3 * time.Second
				}
				require.Equal(t, waited, time.Since(start))
			})
		})
	}

	t.Run("miss tells the reasons", func(t *testing.T) {
		errDown := errors.New("down")
		reader, _ := setup(t, &tier{err: errDown}, &tier{err: errAbsent})
		_, err := reader.Get(t.Context(), hypercache.ID(123))
		miss, ok := errors.AsType[*hypercache.MissError](err)
		require.True(t, ok)
		require.Equal(t, hypercache.MissError{Redis: errDown, Objects: errAbsent}, *miss)
		require.ErrorIs(t, err, errDown)
	})
	t.Run("without object storage", func(t *testing.T) {
		reader, err := hypercache.New(config, &tier{err: errAbsent}, nil, prometheus.NewRegistry())
		require.NoError(t, err)
		_, err = reader.Get(t.Context(), hypercache.ID(123))
		require.ErrorIs(t, err, hypercache.ErrMiss)
	})
	t.Run("caller who is gone is no miss", func(t *testing.T) {
		reader, reg := setup(t, &tier{hang: true}, &tier{hang: true})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := reader.Get(ctx, hypercache.ID(123))
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, hypercache.ErrMiss)
		require.Empty(t, counts(t, reg))
	})
}

func TestGetOr(t *testing.T) {
	errLoad := errors.New("load failed")
	absent := tier{err: errAbsent}
	tests := map[string]struct {
		redis   tier
		found   json.RawMessage
		err     error
		want    hypercache.Document
		wantErr error
		metrics map[string]float64
	}{
		"hit needs no fallback": {
			redis: tier{text: "1"}, err: errLoad,
			want: hypercache.Document{JSON: json.RawMessage("1"), Source: hypercache.FromRedis}, metrics: map[string]float64{"hit_redis": 1},
		},
		"known to have nothing needs no fallback": {
			redis: tier{text: "__missing__"}, err: errLoad,
			want: hypercache.Document{Source: hypercache.FromRedis}, metrics: map[string]float64{"hit_redis": 1},
		},
		"fallback finds it": {
			redis: absent, found: json.RawMessage("2"),
			want:    hypercache.Document{JSON: json.RawMessage("2"), Source: hypercache.FromFallback},
			metrics: map[string]float64{"missing": 1, "hypercache_miss": 1, "hit_fallback": 1},
		},
		"fallback finds nothing": {
			redis: absent, wantErr: hypercache.ErrMiss,
			metrics: map[string]float64{"missing": 1, "hypercache_miss": 1, "hypercache_fallback_miss": 1},
		},
		"fallback fails": {
			redis: absent, err: errLoad, wantErr: errLoad,
			metrics: map[string]float64{"missing": 1, "hypercache_miss": 1},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			reader, reg := setup(t, &tt.redis, &tier{err: errAbsent})
			doc, err := reader.GetOr(t.Context(), hypercache.ID(123), func(context.Context) (json.RawMessage, error) { return tt.found, tt.err })
			require.ErrorIs(t, err, tt.wantErr)
			require.Equal(t, tt.want, doc)
			require.Equal(t, tt.metrics, counts(t, reg))
		})
	}
}

func TestNew(t *testing.T) {
	t.Run("readers share a registerer", func(t *testing.T) {
		reg := prometheus.NewRegistry()
		for _, value := range []string{"flags.json", "surveys.json"} {
			reader, err := hypercache.New(hypercache.Config{Namespace: "n", Value: value}, &tier{text: "1"}, nil, reg)
			require.NoError(t, err)
			_, err = reader.Get(t.Context(), hypercache.ID(1))
			require.NoError(t, err)
		}
		require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
			# HELP posthog_hypercache_get_from_cache Reads of precomputed documents, by the tier that had them.
			# TYPE posthog_hypercache_get_from_cache counter
			posthog_hypercache_get_from_cache{namespace="n",result="hit_fallback",value="flags.json"} 0
			posthog_hypercache_get_from_cache{namespace="n",result="hit_fallback",value="surveys.json"} 0
			posthog_hypercache_get_from_cache{namespace="n",result="hit_redis",value="flags.json"} 1
			posthog_hypercache_get_from_cache{namespace="n",result="hit_redis",value="surveys.json"} 1
			posthog_hypercache_get_from_cache{namespace="n",result="hit_s3",value="flags.json"} 0
			posthog_hypercache_get_from_cache{namespace="n",result="hit_s3",value="surveys.json"} 0
			posthog_hypercache_get_from_cache{namespace="n",result="missing",value="flags.json"} 0
			posthog_hypercache_get_from_cache{namespace="n",result="missing",value="surveys.json"} 0
		`), "posthog_hypercache_get_from_cache"))
	})
	t.Run("cache without a name", func(t *testing.T) {
		_, err := hypercache.New(hypercache.Config{Namespace: "flags"}, &tier{}, nil, prometheus.NewRegistry())
		require.EqualError(t, err, `hypercache: namespace "flags" and value "" must both be set`)
	})
}

// tier is either tier, with one answer.
type tier struct {
	text string
	err  error
	hang bool // until the context ends
	keys []string
}

func (f *tier) Get(ctx context.Context, key string) (string, error) {
	f.keys = append(f.keys, key)
	if f.hang {
		<-ctx.Done()
		return "", context.Cause(ctx)
	}
	return f.text, f.err
}

func (f *tier) ReadAll(ctx context.Context, key string) ([]byte, error) {
	text, err := f.Get(ctx, key)
	return []byte(text), err
}

func setup(t *testing.T, redis, objects *tier) (*hypercache.Reader, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewRegistry()
	reader, err := hypercache.New(config, redis, objects, reg)
	require.NoError(t, err)
	return reader, reg
}

// counts are the counters that are not zero, by result or failure type.
func counts(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if n := metric.GetCounter().GetValue(); n > 0 && (label.GetName() == "result" || label.GetName() == "failure_type") {
					got[label.GetValue()] = n
				}
			}
		}
	}
	return got
}
