package featureflags

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hog-go/hog/feature-flags/internal/agent"
	"github.com/hog-go/hog/feature-flags/internal/fault"
	"github.com/hog-go/hog/feature-flags/internal/refusal"
)

// maxAgent is how much of a user agent is logged: some crawlers send thousands of characters.
const maxAgent = 512

// canonical logs a request in one line, at the level debug, under the names that PostHog's service has. Tokens and properties stay out.
func (s *Service) canonical(ctx context.Context, x *exchange, status int, took time.Duration) {
	if !s.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	var teamID, errored, unstaged, cohorts int
	if x.team != nil {
		teamID = int(x.team.ID)
	}
	for _, r := range x.results {
		if r.Failure != nil {
			errored++
		}
	}
	if x.evaluation != nil {
		unstaged, cohorts = x.evaluation.Unstaged(), x.evaluation.CohortsEvaluated()
	}
	code := ""
	if x.err != nil {
		code = fault.Of(x.err).Code
	}
	evaluation := "sequential"
	if x.flags != nil && x.flags.Set.Len() >= s.cfg.Evaluation.ParallelThreshold {
		evaluation = "parallel"
	}
	hits, misses := 0, 0
	switch {
	case x.fetch:
		misses = 1
	case x.evaluation != nil:
		hits = 1
	}
	userAgent := x.userAgent()
	s.log.DebugContext(ctx, "canonical_log_line",
		"request_id", x.requestID(), "path", x.http.URL.Path, "team_id", teamID, "distinct_id", x.question.DistinctID, "ip", x.ip,
		"user_agent", userAgent[:min(len(userAgent), maxAgent)], "lib", agent.SDK(x.http.Header), "lib_version", cmp.Or(x.query.LibVersion, agent.SDKVersion(userAgent)), "api_version", x.query.Version,
		"http_status", status, "error_code", code, "err", x.err, "rate_limited", errors.Is(x.err, refusal.RateLimited), "rate_limit_warned", x.warned, "is_bot", x.bot,
		"flags_evaluated", len(x.results), "flags_errored", errored, "flags_disabled", x.request.NoFlags, "quota_limited", x.quotas,
		"property_cache_hits", hits, "property_cache_misses", misses, "cohorts_evaluated", cohorts, "hash_key_override_status", x.hashKeys,
		"evaluation_type", evaluation, "dependency_graph_errors", unstaged, "duration_ms", took.Milliseconds(),
		"evaluation_ms", float64(x.evaluating.Microseconds())/1000)
}
