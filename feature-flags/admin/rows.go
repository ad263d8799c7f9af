package admin

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/hog-go/hog/feature-flags/match"
)

// rows are what the tables hold of a team's flags.
type rows struct {
	flags   []flagRow
	cohorts []cohortRow
	groups  map[string]string // type by index
}

// flagRow is a flag as the main app publishes it.
type flagRow struct {
	ID                         int64           `json:"id"`
	TeamID                     int32           `json:"team_id"`
	Name                       string          `json:"name"`
	Key                        string          `json:"key"`
	Filters                    json.RawMessage `json:"filters"`
	Deleted                    bool            `json:"deleted"`
	Active                     bool            `json:"active"`
	EnsureExperienceContinuity *bool           `json:"ensure_experience_continuity"`
	HasEncryptedPayloads       bool            `json:"has_encrypted_payloads"`
	Version                    *int64          `json:"version"`
	EvaluationRuntime          *string         `json:"evaluation_runtime"`
	EvaluationContexts         []string        `json:"evaluation_contexts"`
	EvaluationTags             []string        `json:"evaluation_tags"` // the older name, which older readers know
	BucketingIdentifier        *string         `json:"bucketing_identifier"`
	HasExperiment              bool            `json:"has_experiment"`
}

// cohortRow is a cohort as the main app publishes it.
type cohortRow struct {
	ID       int64
	IsStatic bool
	Filters  json.RawMessage // of a dynamic one
	Row      json.RawMessage // all of it
}

// MarshalJSON writes the row.
func (c cohortRow) MarshalJSON() ([]byte, error) { return c.Row, nil }

// flagsQuery makes the row of a flag in the database, so that there is one list of columns. Flags whose payloads are encrypted are
// nobody's to evaluate: their values are fetched one by one. Its verb is where the evaluation contexts are.
const flagsQuery = `
SELECT json_build_object('id', f.id, 'team_id', f.team_id, 'name', f.name, 'key', f.key, 'filters', f.filters, 'deleted', f.deleted,
    'active', f.active, 'ensure_experience_continuity', f.ensure_experience_continuity, 'version', f.version,
    'evaluation_runtime', f.evaluation_runtime, 'bucketing_identifier', f.bucketing_identifier,
    'evaluation_contexts', tags.names, 'evaluation_tags', tags.names,
    'has_experiment', EXISTS (SELECT FROM posthog_experiment e WHERE e.feature_flag_id = f.id AND NOT COALESCE(e.deleted, false)))
FROM posthog_featureflag f
CROSS JOIN LATERAL (
    SELECT COALESCE(array_agg(t.name ORDER BY t.name), '{}') AS names FROM %s WHERE l.feature_flag_id = f.id
) tags
WHERE f.team_id = $1 AND NOT f.deleted AND NOT COALESCE(f.has_encrypted_payloads, false)
ORDER BY f.key`

// Newer main apps have renamed the tables of evaluation contexts.
const (
	contextsOfOld = `posthog_featureflagevaluationtag l JOIN posthog_tag t ON t.id = l.tag_id`
	contextsOfNew = `posthog_featureflagevaluationcontext l JOIN posthog_evaluationcontext t ON t.id = l.evaluation_context_id`
)

const cohortsQuery = `
SELECT c.id, c.is_static, COALESCE(c.filters, 'null'), json_build_object('id', c.id, 'name', c.name, 'description', c.description,
    'team_id', c.team_id, 'deleted', c.deleted, 'filters', c.filters, 'query', c.query, 'version', c.version,
    'pending_version', c.pending_version, 'count', c.count, 'is_calculating', c.is_calculating, 'is_static', c.is_static,
    'errors_calculating', c.errors_calculating, 'groups', c.groups, 'created_by_id', c.created_by_id, 'cohort_type', c.cohort_type,
    'condition_type', c.condition_type, 'last_backfill_person_properties_at', c.last_backfill_person_properties_at)
FROM posthog_cohort c WHERE c.team_id = $1 AND NOT c.deleted ORDER BY c.id`

// querier is the main database, or a transaction in it.
type querier interface {
	SelectContext(ctx context.Context, dst any, query string, args ...any) error
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (s *Store) read(ctx context.Context, db querier, teamID int32) (r rows, err error) {
	var old []bool
	if err := db.SelectContext(ctx, &old, `SELECT to_regclass('posthog_featureflagevaluationtag') IS NOT NULL`); err != nil {
		return r, fmt.Errorf("look for the tables of flags: %w", err)
	}
	contexts := contextsOfNew
	if old[0] {
		contexts = contextsOfOld
	}
	var texts [][]byte
	if err := db.SelectContext(ctx, &texts, fmt.Sprintf(flagsQuery, contexts), teamID); err != nil {
		return r, fmt.Errorf("read flags: %w", err)
	}
	r.flags = make([]flagRow, len(texts))
	for i := range texts {
		if err := json.Unmarshal(texts[i], &r.flags[i]); err != nil {
			return r, fmt.Errorf("read flags: %w", err)
		}
	}
	if r.cohorts, err = readCohorts(ctx, db, teamID); err != nil {
		return r, err
	}
	r.groups = map[string]string{}
	var groups []struct {
		Name  string `db:"group_type"`
		Index int    `db:"group_type_index"`
	}
	if err := s.Persons.SelectContext(ctx, &groups, `SELECT group_type, group_type_index FROM posthog_grouptypemapping WHERE team_id = $1`, teamID); err != nil {
		return r, fmt.Errorf("read group types: %w", err)
	}
	for _, g := range groups {
		r.groups[strconv.Itoa(g.Index)] = g.Name
	}
	return r, nil
}

func readCohorts(ctx context.Context, db querier, teamID int32) (out []cohortRow, err error) {
	found, err := db.QueryContext(ctx, cohortsQuery, teamID)
	if err != nil {
		return nil, fmt.Errorf("read cohorts: %w", err)
	}
	defer found.Close()
	for found.Next() {
		var c cohortRow
		if err := found.Scan(&c.ID, &c.IsStatic, (*[]byte)(&c.Filters), (*[]byte)(&c.Row)); err != nil {
			return nil, fmt.Errorf("read cohorts: %w", err)
		}
		out = append(out, c)
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("read cohorts: %w", err)
	}
	return out, nil
}

// evaluation is the document that the service evaluates, and the same compiled.
func (r *rows) evaluation() (json.RawMessage, *match.Set, error) {
	document := struct {
		Flags    []flagRow       `json:"flags"`
		Metadata *match.Metadata `json:"evaluation_metadata"`
		Cohorts  []cohortRow     `json:"cohorts"`
	}{Flags: r.flags, Cohorts: r.named()}
	text, err := json.Marshal(document)
	if err != nil {
		return nil, nil, fmt.Errorf("encode flags: %w", err)
	}
	set, err := match.Compile(text, nil, match.Options{})
	if err != nil {
		return nil, nil, fmt.Errorf("compile flags: %w", err)
	}
	metadata := set.Metadata()
	document.Metadata = &metadata
	if text, err = json.Marshal(document); err != nil {
		return nil, nil, fmt.Errorf("encode flags: %w", err)
	}
	return text, set, nil
}

// named are the cohorts that active flags name, and those that these name in turn.
func (r *rows) named() []cohortRow {
	byID := map[int64]*cohortRow{}
	for i := range r.cohorts {
		byID[r.cohorts[i].ID] = &r.cohorts[i]
	}
	wanted := map[int64]bool{}
	var want func(text json.RawMessage)
	want = func(text json.RawMessage) {
		_, _ = rewrite(text, func(p property) error { // what cannot be read names nothing
			id, ok := number(p["value"])
			if c := byID[id]; p["type"] == "cohort" && ok && c != nil && !wanted[id] {
				wanted[id] = true
				want(c.Filters)
			}
			return nil
		})
	}
	for i := range r.flags {
		if r.flags[i].Active {
			want(r.flags[i].Filters)
		}
	}
	out := []cohortRow{}
	for _, c := range r.cohorts {
		if wanted[c.ID] {
			out = append(out, c)
		}
	}
	return out
}
