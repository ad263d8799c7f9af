package featureflags_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wanted are the metrics that dashboards of the original look at, with their labels; of histograms the name without _bucket.
var wanted = map[string]string{
	"flags_requests_total": "flags_disabled,team_id", "flags_request_faults_total": "team_id", "flags_flag_evaluation_error_total": "reason",
	"flags_database_error_total":       "error_type,operation,retried,timeout_type",
	"flags_flag_hash_key_writes_total": "successful_write", "flags_hash_key_retries_total": "operation,team_id",
	"flags_experience_continuity_requests_total": "", "flags_experience_continuity_optimized_total": "status,team_id",
	"flags_hash_key_query_result_total": "result", "flags_team_cache_hit_total": "", "flags_team_negative_cache_hit_total": "",
	"flags_db_team_reads_total": "", "flags_token_validation_errors_total": "reason", "flags_cohort_cache_hit_total": "",
	"flags_cohort_cache_miss_total": "", "flags_cohort_source_total": "source", "flags_db_cohort_reads_total": "",
	"flags_group_type_cache_hit_total": "", "flags_group_type_cache_miss_total": "", "flags_definitions_inmem_cache_hit_total": "",
	"flags_definitions_inmem_cache_miss_total": "", "flags_definitions_inmem_cache_no_version_total": "reason",
	"flags_property_cache_hits_total": "type", "flags_property_cache_misses_total": "type",
	"flags_flag_definitions_requests_total": "", "flags_flag_definitions_rate_limited_total": "",
	"flags_flag_definitions_rate_limit_bypassed_total": "budget", "flags_flag_definitions_cache_hit_total": "source",
	"flags_flag_definitions_cache_miss_total": "reason", "flags_flag_definitions_etag_total": "result", "flags_flag_definitions_auth_total": "method",
	"flags_rate_limit_exceeded_total": "action,mode", "flags_bot_detected_total": "bot_category,bot_source,mode", "flags_request_kludge_total": "type",
	"flags_request_timeout_total": "", "flags_acquire_timeout_total": "", "flag_request_redis_error": "error_type",
	"flags_billing_records_total": "request_type", "flags_billing_entries_flushed_total": "", "flags_billing_flush_errors_total": "error_type",
	"flags_billing_unflushed_requests_total": "cause", "flags_realtime_cohort_query_error_total": "", "flags_dependency_graph_build_total": "",
	"missing_requested_flag_key": "", "posthog_hypercache_get_from_cache": "namespace,result,value", "posthog_tombstone_total": "failure_type,namespace,value",

	"flags_requests_duration_ms": "", "flags_queue_time_ms": "", "flags_pre_handler_time_ms": "", "flags_rate_limit_check_ms": "kind",
	"flags_token_extract_ms": "", "flags_concurrency_limit_wait_ms": "", "flags_evaluation_time": "outcome", "flags_hash_key_processing_time": "",
	"flags_properties_db_fetch_time": "", "flags_groups_db_fetch_time": "", "flags_get_match_time": "", "flags_evaluate_all_conditions_time": "",
	"flags_person_query_time": "", "flags_cohort_query_time": "", "flags_group_query_time": "", "flags_definition_query_time": "",
	"flags_db_connection_time": "", "flags_connection_hold_time_ms": "", "flags_realtime_cohort_query_time": "", "flags_billing_increment_time_ms": "",
	"flags_billing_flush_duration_ms": "", "flags_billing_record_duration_us": "",

	"flags_pool_utilization_ratio": "pool", "flags_db_connection_pool_active_total": "pool", "flags_db_connection_pool_idle_total": "pool",
	"flags_db_connection_pool_max_total": "pool", "flags_cohort_cache_size_bytes": "", "flags_cohort_cache_entries": "",
	"flags_definitions_inmem_cache_size_bytes": "", "flags_rate_limiter_token_entries": "", "flags_rate_limiter_ip_entries": "",
	"flags_rate_limiter_definitions_entries": "", "flags_billing_pending_entries": "", "flags_billing_pending_records": "",
	"flags_billing_seconds_since_successful_flush": "", "feature_flags_billing_limits_loaded_tokens": "cache_key",
}

// used are the histograms that the run of the test must have filled, since nothing else shows that they are connected.
var used = []string{
	"flags_requests_duration_ms", "flags_queue_time_ms", "flags_pre_handler_time_ms", "flags_rate_limit_check_ms", "flags_token_extract_ms",
	"flags_concurrency_limit_wait_ms", "flags_evaluation_time", "flags_hash_key_processing_time", "flags_properties_db_fetch_time",
	"flags_groups_db_fetch_time", "flags_get_match_time", "flags_evaluate_all_conditions_time", "flags_person_query_time", "flags_cohort_query_time",
	"flags_group_query_time", "flags_definition_query_time", "flags_db_connection_time", "flags_connection_hold_time_ms",
	"flags_billing_increment_time_ms", "flags_billing_flush_duration_ms", "flags_billing_record_duration_us",
}

var sample = regexp.MustCompile(`^([a-z_:]+)(?:\{(.*)\})? `)

// scrape gives the label names of each metric that has a sample, sorted and separated by commas.
func (h *harness) scrape(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for line := range strings.Lines(h.do(t, "GET", "/metrics", "").body) {
		m := sample.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		var labels []string
		for _, pair := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(m[2], -1) {
			if pair[1] != "le" {
				labels = append(labels, pair[1])
			}
		}
		found[strings.TrimSuffix(m[1], "_bucket")] = strings.Join(labels, ",")
	}
	return found
}

func TestMetrics(t *testing.T) {
	h := setup(t, options{apart: true, env: []string{
		"FLAGS_RATE_LIMIT_ENABLED=true", "FLAGS_IP_RATE_LIMIT_ENABLED=true", `FLAGS_TOKEN_RATE_LIMIT_OVERRIDES={"phc_limited":"1/day"}`, "BOT_FILTER_MODE=log_only",
		"RATE_LIMITING_ALLOW_LIST_TEAMS=1", "TEAM_NEGATIVE_CACHE_TTL_SECONDS=60", "PERSONS_READER_STATEMENT_TIMEOUT_MS=1000", "WRITER_STATEMENT_TIMEOUT_MS=1000", "ACQUIRE_TIMEOUT_SECS=1",
	}})
	h.exec(t, `UPDATE posthog_team SET secret_api_token = 'phs_1' WHERE id = 1`)
	h.exec(t, `INSERT INTO posthog_featureflag (team_id, key, filters, active) VALUES (2, 'table', '{"groups":[{"properties":[{"key":"id","type":"cohort","value":7}]}]}', true)`)
	h.exec(t, `INSERT INTO posthog_cohort (id, team_id, filters) VALUES (7, 2, '{"properties":{"type":"AND","values":[{"key":"plan","type":"person","value":"pro"}]}}')`)
	h.execPersons(t, `INSERT INTO posthog_grouptypemapping (team_id, project_id, group_type, group_type_index) VALUES (1, 1, 'organization', 0)`)
	h.person(t, 1, "ann", `{}`)
	const eec = `"key":"eec","ensure_experience_continuity":true,"filters":{"groups":[{"rollout_percentage":50}]}`
	h.cacheDocument(t, 1, `{"flags":[`+strings.Join(numbered(1, []string{
		onFlag, brokenFlag, eec, flagOn("static", `{"key":"id","type":"cohort","value":10}`), flagOn("group", `{"key":"tier","type":"group","group_type_index":0,"value":"gold"}`),
	}), ",")+`],"cohorts":[{"id":10,"team_id":1,"is_static":true,"deleted":false}]}`)

	const full = `{"token":"phc_1","distinct_id":"ann","anon_distinct_id":"anon","groups":{"organization":"globex"},"flag_keys":["on","broken","eec","static","group","zzz"]}`
	h.post(t, "/flags?v=2", full, "X-Request-Start", "t=1717243200.5", "User-Agent", "Mozilla/5.0 (compatible; ExampleBot/1.0)")
	h.post(t, "/flags?v=2", gzipped(ann))
	h.post(t, "/flags?v=2", `{"token":"phc_1","disable_flags":true}`)
	for range 2 {
		h.post(t, "/flags?v=2", `{"token":"phc_limited","distinct_id":"u"}`)
	}
	h.post(t, "/flags?v=2", `{"token":"phc_2","distinct_id":"u"}`)
	h.post(t, "/flags?v=2&only_use_override_person_properties=1", `{"token":"phc_1","distinct_id":"u","flag_keys":["on"]}`)
	h.do(t, "GET", "/flags/definitions?token=phc_1", "", "Authorization", "Bearer phs_1")
	require.NoError(t, h.caches.Set(t.Context(), "posthog:1:cache/teams/1/feature_flags/flags_with_cohorts.json", `{"flags":[]}`, 0))
	h.do(t, "GET", "/flags/definitions?token=phc_1", "", "Authorization", "Bearer phs_1")
	require.NoError(t, h.redis.Set(t.Context(), "posthog:1:cache/teams/1/feature_flags/flags_with_cohorts.json", "no pickle", 0).Err())
	h.do(t, "GET", "/flags/definitions?token=phc_1", "", "Authorization", "Bearer phs_1")
	require.Eventually(t, func() bool { return h.metric(t, "flags_billing_entries_flushed_total", "") > 0 }, 10*time.Second, 5*time.Millisecond)
	h.personsWire.cut()
	require.Equal(t, http.StatusOK, h.post(t, "/flags?v=2", full).status)
	h.personsWire.mend()
	h.redisWire.cut()
	h.post(t, "/flags?v=2", `{"token":"phc_1","distinct_id":"u"}`)
	require.Eventually(t, func() bool { return h.metric(t, "flags_billing_flush_errors_total", "") > 0 }, 10*time.Second, 5*time.Millisecond)
	h.redisWire.mend()

	found := h.scrape(t)
	for name, labels := range wanted {
		require.Contains(t, found, name)
		require.Equal(t, labels, found[name], name)
	}
	for _, name := range used {
		require.Positive(t, h.metric(t, name+"_count", ""), name)
	}
	require.EqualValues(t, 2, h.metric(t, "missing_requested_flag_key", ""))
}
