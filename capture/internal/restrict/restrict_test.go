package restrict_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/restrict"
	"github.com/hog-go/hog/common/redis"
)

const prefix = "event_ingestion_restriction_dynamic_config:"

// Keys of the kinds.
const (
	drop     = prefix + "drop_event_from_ingestion"
	overflow = prefix + "force_overflow_from_ingestion"
	person   = prefix + "skip_person_processing"
	dlq      = prefix + "redirect_to_dlq"
	topic    = prefix + "redirect_to_topic"
)

// fakeStore answers from a map, or with an error for one key or all.
type fakeStore struct {
	mu     sync.Mutex
	values map[string]string
	errs   map[string]error
	down   error
	reads  int
}

func (f *fakeStore) Get(_ context.Context, key string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	if err := errors.Join(f.down, f.errs[key]); err != nil {
		return "", err
	}
	value, ok := f.values[key]
	if !ok {
		return "", fmt.Errorf("get %s: %w", key, redis.ErrNotFound)
	}
	return value, nil
}

// set changes the store between two readings.
func (f *fakeStore) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// bundle is what a test looks at.
type bundle struct {
	*restrict.Restrictions
	store  *fakeStore
	reg    *prometheus.Registry
	logged *bytes.Buffer
}

var allPipelines = []restrict.Pipeline{restrict.Analytics, restrict.SessionRecordings, restrict.AI, restrict.ErrorTracking}

// run calls body after the first reading, on a fake clock.
func run(t *testing.T, store *fakeStore, body func(b *bundle)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bundle{store: store, reg: prometheus.NewRegistry(), logged: &bytes.Buffer{}}
		var err error
		b.Restrictions, err = restrict.New(restrict.Config{Pipelines: allPipelines}, store, slog.New(slog.NewTextHandler(b.logged, nil)), b.reg)
		require.NoError(t, err)
		require.True(t, b.For([]byte("tok"), restrict.Analytics, time.Now()).Empty())
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { require.NoError(t, b.Run(ctx)) })
		synctest.Wait()
		body(b)
		cancel()
		wg.Wait()
	})
}

// rules returns the restrictions that the values of a map of keys make.
func rules(t *testing.T, values map[string]string, p restrict.Pipeline) (r restrict.Rules) {
	t.Helper()
	run(t, &fakeStore{values: values}, func(b *bundle) { r = b.For([]byte("tok"), p, time.Now()) })
	return r
}

// rule is one entry for the project tok.
func rule(fields string) string { return `{"version":2,"token":"tok",` + fields + `}` }

func list(entries ...string) string { return "[" + strings.Join(entries, ",") + "]" }

func ev(name, id string) *restrict.Event {
	return &restrict.Event{Name: []byte(name), DistinctID: []byte(id), UUID: []byte("0190f0e0-0000-7000-8000-000000000001")}
}

func TestRowDrop(t *testing.T) {
	text := `"pipelines":["analytics"],"distinct_ids":["user1","user2"],"event_names":["$pageview"]`
	tests := map[string]struct {
		entry string
		event *restrict.Event
		want  bool
	}{
		"row 63 both lists match":            {rule(text), ev("$pageview", "user1"), true},
		"row 63 the name does not":           {rule(text), ev("$identify", "user1"), false},
		"row 63 the id does not":             {rule(text), ev("$pageview", "user3"), false},
		"row 63 the second id":               {rule(text), ev("$pageview", "user2"), true},
		"row 64 version 1":                   {strings.Replace(rule(text), "2", "1", 1), ev("$pageview", "user1"), false},
		"row 64 no version":                  {`{"token":"tok",` + text + `}`, ev("$pageview", "user1"), false},
		"row 64 pipeline session_recordings": {strings.Replace(rule(text), "analytics", "session_recordings", 1), ev("$pageview", "user1"), false},
		"no pipelines":                       {rule(`"distinct_ids":["user1"]`), ev("$pageview", "user1"), false},
		"no lists is every event":            {rule(`"pipelines":["analytics"]`), ev("anything", "anybody"), true},
		"empty lists are no lists":           {rule(`"pipelines":["analytics"],"distinct_ids":[],"event_uuids":[]`), ev("a", "b"), true},
		"null lists are no lists":            {rule(`"pipelines":["analytics"],"distinct_ids":null`), ev("a", "b"), true},
		"unknown fields":                     {rule(`"pipelines":["analytics"],"note":{"a":[1]},"index":3`), ev("a", "b"), true},
		"another project":                    {`{"version":2,"token":"other","pipelines":["analytics"]}`, ev("a", "b"), false},
		"session of an event without one":    {rule(`"pipelines":["analytics"],"session_ids":["s"]`), ev("a", "b"), false},
		"session":                            {rule(`"pipelines":["analytics"],"session_ids":["r","s"]`), &restrict.Event{SessionID: []byte("s")}, true},
		"empty value in a list":              {rule(`"pipelines":["analytics"],"session_ids":[""]`), &restrict.Event{SessionID: []byte{}}, true},
		"uuid":                               {rule(`"pipelines":["analytics"],"event_uuids":["0190f0e0-0000-7000-8000-000000000001"]`), ev("a", "b"), true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := rules(t, map[string]string{drop: list(tt.entry)}, restrict.Analytics).Match(tt.event)
			require.Equal(t, restrict.Effect{Drop: tt.want}, got)
		})
	}
}

func TestLongList(t *testing.T) {
	var ids []string
	for i := range 1000 {
		ids = append(ids, fmt.Sprintf("%q", fmt.Sprint("user", i)))
	}
	r := rules(t, map[string]string{drop: list(rule(`"pipelines":["analytics"],"distinct_ids":[` + strings.Join(ids, ",") + `]`))}, restrict.Analytics)
	require.True(t, r.Match(ev("a", "user999")).Drop)
	require.False(t, r.Match(ev("a", "user1000")).Drop)
	require.False(t, r.Match(&restrict.Event{}).Drop)
}

func TestEffects(t *testing.T) {
	all := rule(`"pipelines":["analytics"]`)
	to := func(args string) string { return list(rule(`"pipelines":["analytics"],"args":` + args)) }
	tests := map[string]struct {
		values map[string]string
		want   restrict.Effect
	}{
		"row 65 redirect_to_dlq and force_overflow": {map[string]string{dlq: list(all), overflow: list(all)}, restrict.Effect{DLQ: true, Overflow: true}},
		"row 66 force_overflow and skip person":     {map[string]string{person: list(all), overflow: list(all)}, restrict.Effect{SkipPerson: true, Overflow: true}},
		"row 66 force_overflow alone":               {map[string]string{overflow: list(all)}, restrict.Effect{Overflow: true}},
		"row 97 topic":                              {map[string]string{topic: to(`{"topic":"custom"}`)}, restrict.Effect{Topic: "custom"}},
		"row 97 no topic":                           {map[string]string{topic: to(`{}`)}, restrict.Effect{}},
		"row 97 empty topic":                        {map[string]string{topic: to(`{"topic":""}`)}, restrict.Effect{}},
		"topic that is no text":                     {map[string]string{topic: to(`{"topic":5}`)}, restrict.Effect{}},
		"args that are no object":                   {map[string]string{topic: to(`"topic"`)}, restrict.Effect{}},
		"args null":                                 {map[string]string{topic: to(`null`)}, restrict.Effect{}},
		"no args":                                   {map[string]string{topic: list(all)}, restrict.Effect{}},
		"args of other kinds mean nothing":          {map[string]string{drop: to(`{"topic":"custom"}`)}, restrict.Effect{Drop: true}},
		"the last topic stands": {map[string]string{topic: list(
			rule(`"pipelines":["analytics"],"args":{"topic":"first"}`), rule(`"pipelines":["analytics"],"args":{"topic":"second"}`),
		)}, restrict.Effect{Topic: "second"}},
		"a topic that does not match does not stand": {map[string]string{topic: list(
			rule(`"pipelines":["analytics"],"args":{"topic":"first"}`), rule(`"pipelines":["analytics"],"event_names":["x"],"args":{"topic":"second"}`),
		)}, restrict.Effect{Topic: "first"}},
		"by index": {map[string]string{topic: list(
			rule(`"index":2,"pipelines":["analytics"],"args":{"topic":"two"}`), rule(`"index":1,"pipelines":["analytics"],"args":{"topic":"one"}`),
			rule(`"pipelines":["analytics"],"args":{"topic":"none"}`),
		)}, restrict.Effect{Topic: "two"}},
		"every kind": {map[string]string{
			drop: list(all), overflow: list(all), person: list(all), dlq: list(all), topic: to(`{"topic":"t"}`),
		}, restrict.Effect{Drop: true, Overflow: true, SkipPerson: true, DLQ: true, Topic: "t"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, rules(t, tt.values, restrict.Analytics).Match(ev("a", "b")))
		})
	}
}

func TestPipelines(t *testing.T) {
	tests := map[string]struct {
		named string
		asked restrict.Pipeline
		want  bool
	}{
		"row 96 errortracking":             {`["errortracking"]`, restrict.ErrorTracking, true},
		"row 96 error_tracking is nothing": {`["error_tracking"]`, restrict.ErrorTracking, false},
		"row 96 analytics":                 {`["analytics"]`, restrict.ErrorTracking, false},
		"ai":                               {`["ai"]`, restrict.AI, true},
		"session_recordings":               {`["session_recordings"]`, restrict.SessionRecordings, true},
		"several":                          {`["ai","analytics"]`, restrict.Analytics, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := rules(t, map[string]string{drop: list(rule(`"pipelines":` + tt.named))}, tt.asked)
			require.Equal(t, !tt.want, r.Empty())
			require.Equal(t, tt.want, r.Match(ev("$exception", "b")).Drop)
		})
	}
	t.Run("a pipeline that the service has no events of", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := &fakeStore{values: map[string]string{drop: list(rule(`"pipelines":["analytics","ai"]`))}}
			r, err := restrict.New(restrict.Config{Pipelines: []restrict.Pipeline{restrict.AI}}, store, slog.New(slog.DiscardHandler), nil)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.NoError(t, r.Run(ctx))
			require.False(t, r.For([]byte("tok"), restrict.AI, time.Now()).Empty())
			require.True(t, r.For([]byte("tok"), restrict.Analytics, time.Now()).Empty())
		})
	})
}

func TestRefresh(t *testing.T) {
	all := list(rule(`"pipelines":["analytics"]`))
	dropped := func(b *bundle) bool {
		return b.For([]byte("tok"), restrict.Analytics, time.Now()).Match(ev("a", "b")).Drop
	}
	stale := func(t *testing.T, b *bundle) float64 {
		return value(t, b.reg, "capture_event_restrictions_stale", "analytics")
	}
	t.Run("a reading replaces all rules", func(t *testing.T) {
		run(t, &fakeStore{values: map[string]string{drop: all}}, func(b *bundle) {
			require.True(t, dropped(b))
			b.store.set(func() { clear(b.store.values) })
			time.Sleep(30*time.Second + 1)
			synctest.Wait()
			require.False(t, dropped(b))
			require.Equal(t, 10, b.store.reads)
		})
	})
	t.Run("Redis down: the last rules until they are too old", func(t *testing.T) {
		run(t, &fakeStore{values: map[string]string{drop: all}}, func(b *bundle) {
			start := time.Now()
			b.store.set(func() { b.store.down = errors.New("redis is down") })
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			require.True(t, dropped(b), "exactly FailOpenAfter is not too old")
			require.Zero(t, stale(t, b))
			time.Sleep(time.Nanosecond)
			require.False(t, dropped(b))
			require.False(t, b.For([]byte("tok"), restrict.Analytics, start).Empty(), "age is that at the time of the request")
			time.Sleep(10 * time.Second)
			synctest.Wait()
			require.Equal(t, 1.0, stale(t, b))
			require.Equal(t, 1, strings.Count(b.logged.String(), "redis is down"), b.logged)

			b.store.set(func() { b.store.down = nil })
			time.Sleep(5 * time.Second)
			synctest.Wait()
			require.True(t, dropped(b), "a Redis that is back is read within seconds")
			require.Zero(t, stale(t, b))
			require.Equal(t, 1, strings.Count(b.logged.String(), "can be read again"))
		})
	})
	t.Run("one kind that Redis does not give keeps all rules as they were", func(t *testing.T) {
		run(t, &fakeStore{values: map[string]string{drop: all}, errs: map[string]error{}}, func(b *bundle) {
			b.store.set(func() { clear(b.store.values); b.store.errs[dlq] = errors.New("LOADING") })
			time.Sleep(time.Minute)
			synctest.Wait()
			require.True(t, dropped(b))
			require.Contains(t, b.logged.String(), "LOADING")
		})
	})
	for name, garbage := range map[string]string{"no JSON": `[{"version"`, "an object": `{"version":2}`, "a wrong type": list(rule(`"pipelines":"analytics"`))} {
		t.Run("a kind that does not parse has no rules: "+name, func(t *testing.T) {
			run(t, &fakeStore{values: map[string]string{drop: all, overflow: all}}, func(b *bundle) {
				require.True(t, dropped(b))
				b.store.set(func() { b.store.values[drop] = garbage })
				time.Sleep(time.Minute + 1)
				synctest.Wait()
				require.Equal(t, restrict.Effect{Overflow: true}, b.For([]byte("tok"), restrict.Analytics, time.Now()).Match(ev("a", "b")))
				require.Equal(t, 1, strings.Count(b.logged.String(), "cannot be parsed"))
				require.Equal(t, 2.0, value(t, b.reg, "capture_event_restrictions_redis_fetch", "drop_event", "parse_error"))
				require.Zero(t, stale(t, b))
				b.store.set(func() { b.store.values[drop] = all })
				time.Sleep(30 * time.Second)
				synctest.Wait()
				require.True(t, dropped(b))
				require.Contains(t, b.logged.String(), "parsed again")
			})
		})
	}
	t.Run("a value that is no text does not parse", func(t *testing.T) {
		store := &fakeStore{values: map[string]string{overflow: all}, errs: map[string]error{drop: redis.ErrParse}}
		run(t, store, func(b *bundle) {
			require.True(t, b.For([]byte("tok"), restrict.Analytics, time.Now()).Match(ev("a", "b")).Overflow)
		})
	})
}

func TestMetrics(t *testing.T) {
	store := &fakeStore{values: map[string]string{
		drop: list(rule(`"pipelines":["analytics","ai"]`), `{"version":2,"token":"other","pipelines":["analytics"]}`, `{"version":1,"token":"old","pipelines":["ai"]}`),
		dlq:  list(rule(`"pipelines":["analytics"]`)),
	}}
	run(t, store, func(b *bundle) {
		r := b.For([]byte("tok"), restrict.Analytics, time.Now())
		r.Match(ev("a", "b"))
		r.Match(ev("a", "b"))
		want := map[string]float64{
			"applied drop_event analytics": 2, "applied redirect_to_dlq analytics": 2, "applied drop_event ai": 0,
			"redis_fetch drop_event success": 1, "redis_fetch redirect_to_dlq success": 1, "redis_fetch force_overflow not_found": 1,
			"redis_fetch skip_person_processing not_found": 1, "redis_fetch redirect_to_topic not_found": 1,
			"loaded_count analytics": 3, "loaded_count ai": 1, "loaded_count errortracking": 0,
			"tokens_count analytics": 2, "tokens_count ai": 1, "last_refresh_timestamp ai": 946684800, "stale session_recordings": 0,
		}
		got := map[string]float64{}
		for k := range maps.Keys(want) {
			parts := strings.Fields(k)
			got[k] = value(t, b.reg, "capture_event_restrictions_"+parts[0], parts[1:]...)
		}
		require.Equal(t, want, got)
	})
}

func TestConfig(t *testing.T) {
	for _, cfg := range []restrict.Config{
		{}, {Pipelines: allPipelines, Interval: -1}, {Pipelines: allPipelines, FailOpenAfter: -1},
	} {
		_, err := restrict.New(cfg, &fakeStore{}, slog.New(slog.DiscardHandler), nil)
		require.Error(t, err, "%+v", cfg)
	}
}

func TestMatchingAllocatesNothing(t *testing.T) {
	store := &fakeStore{values: map[string]string{
		drop:  list(rule(`"pipelines":["analytics"],"distinct_ids":["a","c"],"event_names":["x"]`)),
		topic: list(rule(`"pipelines":["analytics"],"event_names":["a"],"args":{"topic":"t"}`)),
	}}
	run(t, store, func(b *bundle) {
		token, e, now := []byte("tok"), ev("a", "b"), time.Now()
		require.Zero(t, testing.AllocsPerRun(100, func() {
			r := b.For(token, restrict.Analytics, now)
			r.Match(e)
		}))
	})
}

// value is that of a metric with these label values, in any order.
func value(t *testing.T, reg *prometheus.Registry, name string, labels ...string) float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got := map[string]bool{}
			for _, l := range m.GetLabel() {
				got[l.GetValue()] = true
			}
			found := f.GetName() == name
			for _, l := range labels {
				found = found && got[l]
			}
			if found {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s %v", name, labels)
	return 0
}

func BenchmarkMatch(b *testing.B) {
	store := &fakeStore{values: map[string]string{
		drop:  list(rule(`"pipelines":["analytics"],"distinct_ids":["a","c"],"event_names":["x"]`)),
		topic: list(rule(`"pipelines":["analytics"],"event_names":["$pageview"],"args":{"topic":"t"}`)),
	}}
	r, err := restrict.New(restrict.Config{Pipelines: allPipelines}, store, slog.New(slog.DiscardHandler), nil)
	require.NoError(b, err)
	ctx, cancel := context.WithTimeout(b.Context(), 100*time.Millisecond)
	defer cancel()
	require.NoError(b, r.Run(ctx))
	e, now := ev("$pageview", "user"), time.Now()
	for name, token := range map[string][]byte{"with rules": []byte("tok"), "without": []byte("other")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if rules := r.For(token, restrict.Analytics, now); !rules.Empty() {
					rules.Match(e)
				}
			}
		})
	}
}
