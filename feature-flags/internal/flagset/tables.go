package flagset

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hog-go/hog/common/postgres"
)

// tables reads definitions from the main database.
type tables struct {
	db      *postgres.DB
	timeout time.Duration
	query   atomic.Pointer[string] // of the flags, once it is known which tables there are
}

// flagRow is a flag, under the names that the cached document has for its columns.
type flagRow struct {
	ID            int32            `db:"id" json:"id"`
	TeamID        int32            `db:"team_id" json:"team_id"`
	Name          *string          `db:"name" json:"name"`
	Key           string           `db:"key" json:"key"`
	Filters       json.RawMessage  `db:"filters" json:"filters"`
	Deleted       bool             `db:"deleted" json:"deleted"`
	Active        bool             `db:"active" json:"active"`
	Continuity    *bool            `db:"ensure_experience_continuity" json:"ensure_experience_continuity"`
	Version       *int32           `db:"version" json:"version"`
	Runtime       *string          `db:"evaluation_runtime" json:"evaluation_runtime"`
	Bucketing     *string          `db:"bucketing_identifier" json:"bucketing_identifier"`
	Contexts      *json.RawMessage `db:"contexts" json:"evaluation_contexts"`
	HasExperiment bool             `db:"has_experiment" json:"has_experiment"`
}

// flagsQuery reads the flags of a team as the main app's cache has them: inactive ones too, since others may depend on them, and none
// whose payloads are encrypted. Its verbs are the contexts and whether there is an experiment.
const flagsQuery = `SELECT f.id, f.team_id, f.name, f.key, f.filters, f.deleted, f.active, f.ensure_experience_continuity, f.version,
	f.evaluation_runtime, f.bucketing_identifier, %s AS contexts, %s AS has_experiment
FROM posthog_featureflag f
WHERE f.team_id = $1 AND NOT f.deleted AND f.has_encrypted_payloads IS NOT TRUE
ORDER BY f.id`

// Where the contexts of a flag are: newer main apps have renamed the tables.
const (
	contextsOfNew = `(SELECT json_agg(c.name ORDER BY c.name) FROM posthog_featureflagevaluationcontext l
		JOIN posthog_evaluationcontext c ON c.id = l.evaluation_context_id WHERE l.feature_flag_id = f.id)`
	contextsOfOld = `(SELECT json_agg(t.name ORDER BY t.name) FROM posthog_featureflagevaluationtag l
		JOIN posthog_tag t ON t.id = l.tag_id WHERE l.feature_flag_id = f.id AND t.name IS NOT NULL)`
	noContexts  = `NULL::json`
	experiments = `EXISTS (SELECT 1 FROM posthog_experiment e WHERE e.feature_flag_id = f.id AND e.deleted IS NOT TRUE)`
)

func (t *tables) flags(ctx context.Context, teamID int32) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	query, err := t.flagsQuery(ctx)
	if err != nil {
		return nil, err
	}
	rows := []flagRow{}
	if err := t.db.SelectContext(ctx, &rows, query, teamID); err != nil {
		return nil, fmt.Errorf("read the flags of team %d: %w", teamID, err)
	}
	document, err := json.Marshal(map[string]any{"flags": rows})
	if err != nil {
		return nil, fmt.Errorf("encode the flags of team %d: %w", teamID, err)
	}
	return document, nil
}

// flagsQuery looks once which tables there are.
func (t *tables) flagsQuery(ctx context.Context) (string, error) {
	if q := t.query.Load(); q != nil {
		return *q, nil
	}
	var there struct {
		New        bool `db:"new"`
		Old        bool `db:"old"`
		Experiment bool `db:"experiment"`
	}
	err := t.db.GetContext(ctx, &there, `SELECT to_regclass('posthog_featureflagevaluationcontext') IS NOT NULL AS new,
		to_regclass('posthog_featureflagevaluationtag') IS NOT NULL AS old, to_regclass('posthog_experiment') IS NOT NULL AS experiment`)
	if err != nil {
		return "", fmt.Errorf("look for the tables of flags: %w", err)
	}
	contexts, experiment := noContexts, "FALSE"
	if there.Old {
		contexts = contextsOfOld
	}
	if there.New {
		contexts = contextsOfNew
	}
	if there.Experiment {
		experiment = experiments
	}
	query := fmt.Sprintf(flagsQuery, contexts, experiment)
	t.query.Store(&query)
	return query, nil
}

// cohorts reads the cohorts of a team as a JSON array.
func (t *tables) cohorts(ctx context.Context, teamID int32) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	// to_jsonb takes the columns that there are: condition_type is newer than the others.
	var rows []string
	err := t.db.SelectContext(ctx, &rows, `SELECT (to_jsonb(c) - '{created_at,last_calculation,last_error_at,query}'::text[])::text
		FROM posthog_cohort c WHERE c.team_id = $1 AND NOT c.deleted ORDER BY c.id`, teamID)
	if err != nil {
		return nil, fmt.Errorf("read the cohorts of team %d: %w", teamID, err)
	}
	return []byte("[" + strings.Join(rows, ",") + "]"), nil
}
