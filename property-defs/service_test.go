package propertydefs_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/kafka"
	propertydefs "github.com/hog-go/hog/property-defs"
	"github.com/hog-go/hog/property-defs/internal/pgtest"
)

func TestSettings(t *testing.T) {
	tests := []struct {
		name string
		env  []string
		err  string // "": none
	}{
		{"row T4 a word in the list of teams", []string{"FILTERED_TEAMS=1,x"}, "FILTERED_TEAMS"},
		{"row T5 a blank in the list of teams", []string{"FILTERED_TEAMS=1, 2"}, "FILTERED_TEAMS"},
		{"row T6 blanks around", []string{"FILTERED_TEAMS= 4,5 ", "FILTER_MODE= Opt_In "}, ""},
		{"row L2 no period", []string{"EVENTDEF_LAST_SEEN_FLOOR_SECS=0"}, "EVENTDEF_LAST_SEEN_FLOOR_SECS must be in 1..=2592000, got 0"},
		{"row L2 period too long", []string{"EVENTDEF_LAST_SEEN_FLOOR_SECS=2592001"}, "EVENTDEF_LAST_SEEN_FLOOR_SECS must be in 1..=2592000, got 2592001"},

		{"unknown mode", []string{"FILTER_MODE=some"}, "Invalid team filter mode: some"},
		{"no number", []string{"UPDATE_BATCH_SIZE=many"}, "UPDATE_BATCH_SIZE"},
		{"mirror without a database", []string{"ENABLE_MIRROR=true"}, "DATABASE_PROPDEFS_URL"},
		{"persons without a database", []string{"READ_GROUPS_FROM_PERSONS_DB=true"}, "DATABASE_PERSONS_URL"},
		{"an address of personhog that is none", []string{"SKIP_READS=false", "PERSONHOG_ADDR=http://no address%%"}, ""},
		{"what the hobby compose file sets", []string{"DATABASE_URL=postgres://posthog:posthog@db:5432/posthog", "KAFKA_HOSTS=kafka:9092", "SKIP_WRITES=false",
			"SKIP_READS=false", "FILTER_MODE=opt-out", "PERSONHOG_ADDR=http://personhog-router:50052"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := propertydefs.DefaultConfig()
			err := config.LoadFrom(&cfg, tt.env)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			_, err = propertydefs.New(t.Context(), cfg, propertydefs.Deps{})
			require.NoError(t, err)
		})
	}
}

func TestOlderSettings(t *testing.T) {
	cfg := propertydefs.DefaultConfig()
	require.NoError(t, config.LoadFrom(&cfg, []string{"CACHE_CAPACITY=5000", "PROPDEFS_CACHE_CAPACITY=7000", "V2_INGEST_BATCH_SIZE=50"}))
	require.Equal(t, []int{5000, 5000, 7000, 50}, []int{cfg.EventCache, cfg.PairCache, cfg.PropertyCache, cfg.WriteSize})
	require.Equal(t, []string{"SKIP_WRITES is of an older version and has no effect"}, propertydefs.Warnings([]string{"SKIP_WRITES=false", "PATH=/bin"}))
	require.Contains(t, strings.Join(propertydefs.Warnings([]string{"WRITE_BATCHSIZE=3"}), ""), "WRITE_BATCH_SIZE")
}

func TestService(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.db.MustExec(`INSERT INTO posthog_grouptypemapping (team_id, project_id, group_type, group_type_index) VALUES (1, 1, 'org', 2)`)
	svc := h.start(t)
	h.send(t,
		event("sign up", map[string]any{"plan": "pro", "$set": map[string]any{"email": "x@y.z"}, "$feature/a": true}),
		message{Project: 1, raw: []byte(`{`)}, message{Project: 1, raw: []byte{}},
		event("$groupidentify", map[string]any{"$group_type": "org", "$group_set": map[string]any{"seats": 5}}),
		message{Team: 999, Project: 1, Event: "of a team that is gone"},
		event("sign up", map[string]any{"plan": "pro", "amount": 5}),
	)
	h.await(t, []string{
		"1|1|$groupidentify", "1|1|sign up",
		"1|1|sign up|amount", "1|1|sign up|plan",
		"1|1|1||$feature/a|String|false", "1|1|1||amount|Numeric|true", "1|1|1||plan|String|false", "1|1|2||email|String|false", "1|1|3|2|seats|Numeric|true",
	})
	require.Equal(t, 4.0, svc.counter(t, "prop_defs_events_received"))
	require.Equal(t, 1.0, svc.counter(t, "prop_defs_event_parse_error"))
	require.Equal(t, 1.0, svc.counter(t, "prop_defs_empty_events"))
	require.Equal(t, 1.0, svc.counter(t, "prop_defs_skipped_updates", "feature_flag_event_property"))
	require.Equal(t, 3.0, svc.counter(t, "prop_defs_filtered_by_cache"), "the second sign up: itself, and plan in two tables")
}

// What no table can hold, or no parser reads, costs nothing but itself.
func TestPoison(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.db.MustExec(`INSERT INTO posthog_grouptypemapping (team_id, project_id, group_type, group_type_index) VALUES (1, 1, 'org', 2)`)
	svc := h.start(t)
	raw := func(event, properties string) message {
		return message{Project: 1, raw: fmt.Appendf(nil, `{"team_id":1,"project_id":1,"event":"%s","properties":%q}`, event, properties)}
	}
	long := strings.Repeat(`\u0000`, 200) // becomes 600 bytes, and fits the column all the same
	h.send(t,
		raw(`a\u0000b`, `{"k\u0000": "v\u0000"}`), raw(`\ud800`, `{}`), raw(`half`, `{"a": "\ud800"}`), raw(long, `{"`+long+`": 1}`),
		message{Project: 1, raw: []byte("{\"team_id\":1,\"project_id\":1,\"event\":\"\xff\"}")},
		message{Project: 1, raw: kafka.EnvelopeLZ4.Append(nil, []byte(`{"team_id":1,"project_id":1,"event":"in an envelope"}`))},
		message{Project: 1, raw: []byte("\x04\x22\x4d\x18 no frame")},
		raw(`$groupidentify`, `{"$group_type": "or\u0000g", "$group_set": {"lost": 1}}`),
		raw(`$groupidentify`, `{"$group_type": "org", "$group_set": {"seats": 1}}`),
		message{Team: 1, Project: 77, Event: "of a project that is gone"}, message{Team: -1, Project: 1, Event: "of no team"}, event("last", nil),
	)
	stored := strings.Repeat("\ufffd", 200)
	want := []string{
		"1|1|$groupidentify", "1|1|a\ufffdb", "1|1|half", "1|1|in an envelope", "1|1|last", "1|1|" + stored,
		"1|1|a\ufffdb|k\ufffd", "1|1|" + stored + "|" + stored,
		"1|1|1||k\ufffd|String|false", "1|1|1||" + stored + "|Numeric|true", "1|1|3|2|seats|Numeric|true",
	}
	h.await(t, want)
	require.Equal(t, 3.0, svc.counter(t, "prop_defs_event_parse_error"))
}

// Dashboards of the original look for these names.
func TestMetricNames(t *testing.T) {
	cfg := propertydefs.DefaultConfig()
	require.NoError(t, config.LoadFrom(&cfg, []string{"SKIP_READS=false", "PERSONHOG_ADDR=personhog:50052", "CACHE_WARMING_ENABLED=true"}))
	registry := prometheus.NewRegistry()
	_, err := propertydefs.New(t.Context(), cfg, propertydefs.Deps{Registry: registry})
	require.NoError(t, err)
	names := strings.Fields(`prop_defs_events_received prop_defs_events_skipped prop_defs_seen_updates prop_defs_forced_small_batch prop_defs_worker_blocked
		prop_defs_updates_per_event prop_defs_filtered_by_cache prop_defs_empty_events prop_defs_event_parse_error prop_defs_batch_acquire_time_ms
		prop_defs_recv_dequeued prop_defs_compaction_dropped_updates prop_defs_cache_hits prop_defs_cache_misses prop_defs_cache_evictions
		prop_defs_cache_replacements prop_defs_cache_len prop_defs_cache_fill_ratio prop_defs_updates_cache prop_defs_skipped_updates
		prop_defs_skipped_due_to_team_filter prop_defs_duplicates_in_batch prop_defs_issue_failed prop_defs_offset_store_failures
		prop_defs_channel_messages_in_flight prop_defs_channel_capacity prop_defs_channel_capacity_total prop_defs_group_type_cache
		prop_defs_personhog_resolve_errors prop_defs_personhog_resolve_duration_ms personhog_errors_total personhog_retries_total
		personhog_terminal_errors_total propdefs_v2_propdefs_dropped_uncached propdefs_v2_batch_rows_dropped_fk propdefs_read_filter_attempt
		propdefs_read_filter_rows_dropped propdefs_read_filter_time_ms propdefs_cache_warming_teams propdefs_cache_warming_rows propdefs_cache_warming_team_time_ms`)
	for _, table := range []string{"eventdefs", "eventprops", "propdefs"} {
		for _, what := range strings.Fields("batch_attempt batch_size batch_rows batch_ms batch_cache_time_ms cache_removed") {
			names = append(names, "propdefs_v2_"+table+"_"+what)
		}
	}
	for _, name := range names { // a name that is taken cannot be taken again
		require.Error(t, registry.Register(prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: "ours"})), name)
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	h := setup(t)
	svc := h.start(t)
	require.Eventually(t, func() bool { ok, _ := svc.Ready(); return ok }, 10*time.Second, time.Millisecond)
	tests := map[string]struct {
		status int
		body   string
	}{
		"/":           {200, "property definitions service"},
		"/_readiness": {200, "kafka"},
		"/_liveness":  {200, ""},
		"/metrics":    {200, "prop_defs_channel_capacity_total 1e+06"},
		"/api/v1/projects/1/property_definitions": {200, `{"count":0,"results":[]}`},
		"/nothing": {404, ""},
	}
	for path, tt := range tests {
		status, body := svc.get(path)
		require.Equal(t, tt.status, status, path)
		require.Contains(t, body, tt.body)
	}
	svc.stop()
	status, _ := svc.get("/_readiness")
	require.Equal(t, 503, status)
	status, _ = svc.get("/_liveness")
	require.Equal(t, 200, status)
}

func TestRareUpdatesAreNotHeldBack(t *testing.T) {
	t.Parallel()
	t.Run("row L1 one event, then silence", func(t *testing.T) {
		h := setup(t, "PRODUCER_DRAIN_INTERVAL_SECS=1", "MAX_ISSUE_PERIOD=1")
		svc := h.start(t)
		require.Eventually(t, func() bool { _, text := svc.get("/_readiness"); return strings.Contains(text, "member") }, 20*time.Second, time.Millisecond)
		start := time.Now()
		h.send(t, event("e", nil))
		require.Eventually(t, func() bool { return svc.counter(t, "prop_defs_recv_dequeued") == 1 }, 10*time.Second, time.Millisecond)
		require.Less(t, time.Since(start), 5*time.Second, "a second for company, and some for a busy machine")
	})
}

// A stop writes what was read, although the batch is far from full, and commits it.
func TestStopWritesTheQueue(t *testing.T) {
	t.Parallel()
	h := setup(t, "MAX_ISSUE_PERIOD=300")
	svc := h.start(t)
	h.send(t, event("e", map[string]any{"a": 1}))
	require.Eventually(t, func() bool { return svc.counter(t, "prop_defs_channel_messages_in_flight") == 3 }, 20*time.Second, time.Millisecond)
	require.Empty(t, h.db.Dump(t))
	svc.stop()
	want := []string{"1|1|e", "1|1|e|a", "1|1|1||a|Numeric|true"}
	require.Equal(t, want, h.db.Dump(t))

	h.db.Clean(t)
	again := h.start(t)
	h.send(t, event("f", nil))
	h.await(t, nil) // for now
	require.Eventually(t, func() bool { return again.counter(t, "prop_defs_events_received") == 1 }, 20*time.Second, time.Millisecond)
	again.stop()
	require.Equal(t, []string{"1|1|f"}, h.db.Dump(t), "what was committed is not read again")
}

// Nothing is there at the start: no topic, no database. All of it comes later, and nothing is lost.
func TestEverythingIsWaitedFor(t *testing.T) {
	t.Parallel()
	h := setup(t, "KAFKA_CONSUMER_AUTO_COMMIT_INTERVAL_MS=10")
	name := h.db.URL.Database()
	later := h.topic + "-later"
	h.db.MustExec(`ALTER TABLE posthog_eventdefinition RENAME TO hidden`)
	svc := h.start(t, "KAFKA_CONSUMER_TOPIC="+later)
	require.Eventually(t, func() bool { _, text := svc.get("/_readiness"); return strings.Contains(text, later) }, 20*time.Second, time.Millisecond, "the probe says what is missing")
	status, _ := svc.get("/_readiness")
	require.Equal(t, 200, status)
	admin, err := kafka.NewAdmin(kafka.ClientConfig{Brokers: h.kafka.Brokers}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer admin.Close()
	require.NoError(t, admin.EnsureTopics(t.Context(), kafka.TopicSpec{Name: later, Partitions: 1}))
	h.topic = later
	h.send(t, event("e", nil))
	require.Eventually(t, func() bool {
		_, text := svc.get("/_readiness")
		return strings.Contains(text, "posthog_eventdefinition")
	}, 20*time.Second, time.Millisecond)
	svc.stop() // with the row unwritten: its offset must not be committed
	require.NotEmpty(t, name)

	h.db.MustExec(`ALTER TABLE hidden RENAME TO posthog_eventdefinition`)
	h.start(t, "KAFKA_CONSUMER_TOPIC="+later)
	h.await(t, []string{"1|1|e"})
}

func TestDatabaseDownAtStart(t *testing.T) {
	t.Parallel()
	h := setup(t)
	svc := h.start(t, "DATABASE_URL=postgres://nobody:secret@127.0.0.1:1/none")
	h.send(t, event("e", nil))
	require.Eventually(t, func() bool { _, text := svc.get("/_readiness"); return strings.Contains(text, "takes no rows") }, 20*time.Second, time.Millisecond)
	_, text := svc.get("/_readiness")
	require.NotContains(t, text, "secret")
	svc.stop()
	h.start(t)
	h.await(t, []string{"1|1|e"})
}

// A slow database makes reading wait; nothing is dropped.
func TestBackPressure(t *testing.T) {
	t.Parallel()
	h := setup(t, "UPDATE_BATCH_SIZE=2", "CHANNEL_SLOTS_PER_WORKER=1", "WRITE_BATCH_SIZE=1", "MAX_PG_CONNECTIONS=1", "WORKER_LOOP_COUNT=2")
	svc := h.start(t)
	var want []string
	var messages []message
	for i := range 200 {
		messages = append(messages, event(fmt.Sprintf("e%03d", i), nil))
		want = append(want, fmt.Sprintf("1|1|e%03d", i))
	}
	h.send(t, messages...)
	h.await(t, want)
	require.Positive(t, svc.counter(t, "prop_defs_worker_blocked"))
}

func TestDatabaseLayouts(t *testing.T) {
	t.Parallel()
	want := []string{"1|1|$groupidentify", "1|1|3|4|seats|Numeric|true"}
	identify := event("$groupidentify", map[string]any{"$group_type": "org", "$group_set": map[string]any{"seats": 5}})
	t.Run("definitions in a database of their own", func(t *testing.T) {
		h := setup(t)
		h.db.MustExec(`INSERT INTO posthog_grouptypemapping (team_id, project_id, group_type, group_type_index) VALUES (1, 1, 'org', 4)`)
		main := h.db
		h.db = pgtest.New(t)
		h.db.MustExec(`DROP TABLE posthog_grouptypemapping`) // is looked up in the main one
		svc := h.start(t, "ENABLE_MIRROR=true", "DATABASE_PROPDEFS_URL="+h.db.URL.Reveal())
		h.send(t, identify)
		h.await(t, want)
		require.Empty(t, main.Dump(t))
		main.MustExec(`INSERT INTO posthog_propertydefinition (name, team_id, project_id) VALUES ('of the main database', 1, 1)`)
		_, body := svc.get("/api/v1/projects/1/property_definitions")
		require.Contains(t, body, "of the main database", "as the tables of the enterprise taxonomy")
	})
	t.Run("group types in the database of persons", func(t *testing.T) {
		h := setup(t)
		persons := pgtest.New(t)
		persons.MustExec(`INSERT INTO posthog_grouptypemapping (team_id, project_id, group_type, group_type_index) VALUES (1, 1, 'org', 4)`)
		h.start(t, "READ_GROUPS_FROM_PERSONS_DB=true", "DATABASE_PERSONS_URL="+persons.URL.Reveal())
		h.send(t, identify)
		h.await(t, want)
	})
	t.Run("no look at group types", func(t *testing.T) {
		h := setup(t)
		h.db.MustExec(`INSERT INTO posthog_grouptypemapping (team_id, project_id, group_type, group_type_index) VALUES (1, 1, 'org', 4)`)
		h.start(t, "SKIP_READS=true")
		h.send(t, identify)
		h.await(t, want[:1])
	})
}

// With warming and probing on, a fresh process writes little of what is there.
func TestReaderFeatures(t *testing.T) {
	t.Parallel()
	h := setup(t, "CACHE_WARMING_ENABLED=true", "READ_BEFORE_WRITE_ENABLED=true")
	e := event("e", map[string]any{"a": 1})
	want := []string{"1|1|e", "1|1|e|a", "1|1|1||a|Numeric|true"}
	first := h.start(t)
	h.send(t, e)
	h.await(t, want)
	first.stop()
	second := h.start(t)
	h.send(t, e)
	require.Eventually(t, func() bool { return second.counter(t, "propdefs_read_filter_attempt", "success") > 0 }, 20*time.Second, time.Millisecond)
	require.Zero(t, second.counter(t, "propdefs_v2_eventprops_batch_rows")+second.counter(t, "propdefs_v2_propdefs_batch_rows"))
	require.Eventually(t, func() bool { return second.counter(t, "propdefs_cache_warming_teams", "completed") == 1 }, 20*time.Second, time.Millisecond)
}

func TestTranslate(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.startWith(t, propertydefs.Deps{Translate: func(_ context.Context, dst, value []byte) ([]byte, bool, error) {
		return append(dst, strings.ReplaceAll(string(value), "captured", "e")...), string(value) != "x", nil
	}})
	h.send(t, message{raw: []byte("x")}, event("captured", nil))
	h.await(t, []string{"1|1|e"})
}
