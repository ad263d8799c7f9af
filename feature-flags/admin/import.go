package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/hog-go/hog/feature-flags/match"
)

// Imported counts what an import found.
type Imported struct{ Created, Changed, Unchanged, Deleted, Cohorts int }

// Import writes a document to a team and publishes it: all of it or, in case of an error, nothing. Flags are found again by their
// keys and cohorts by their names, so importing a changed document changes them. With prune the team's other flags are deleted.
func (s *Store) Import(ctx context.Context, team Team, d *Document, prune bool) (n Imported, err error) {
	if err := s.writable(ctx); err != nil {
		return n, err
	}
	if err := s.importGroups(ctx, team, d.Groups); err != nil {
		return n, err
	}
	i := &importer{team: team.ID, document: d}
	err = s.DB.InTx(ctx, func(tx *sqlx.Tx) error {
		if err := i.run(ctx, tx, prune); err != nil {
			return err
		}
		return s.try(ctx, tx, team.ID)
	})
	if err != nil {
		return n, fmt.Errorf("import: %w", err)
	}
	if err := s.importMembers(ctx, team, d.Cohorts, i.cohorts); err != nil {
		return n, err
	}
	return i.Imported, s.Publish(ctx, team.ID)
}

// try evaluates the team's flags once, for nobody: what the matcher cannot read is better found now.
func (s *Store) try(ctx context.Context, tx *sqlx.Tx, teamID int32) error {
	rows, err := s.read(ctx, tx, teamID)
	if err != nil {
		return err
	}
	_, set, err := rows.evaluation()
	if err != nil {
		return err
	}
	e := set.Begin(&match.Request{DistinctID: "nobody", Runtime: match.RuntimeAll, Now: time.Now()})
	defer e.End()
	var problems []error
	for _, r := range e.Run(&match.Data{Fetched: true}, nil) {
		if r.Failure != nil {
			problems = append(problems, fmt.Errorf("flag %q: %s", r.Flag.Key, r.Failure.Description))
		}
	}
	for i := range set.Len() {
		if e.Status(i) == match.InCycle {
			problems = append(problems, fmt.Errorf("flag %q depends on itself, or on a flag that does", set.Flag(i).Key))
		}
	}
	return errors.Join(problems...)
}

// importer writes one document.
type importer struct {
	Imported
	team     int32
	document *Document
	cohorts  map[int64]int64  // id in the tables, by id in the document
	flags    map[string]int64 // likewise, by key
	created  map[string]bool  // the flags that are new, by key
	keys     map[int64]string // key, by id in the document
}

func (i *importer) run(ctx context.Context, tx *sqlx.Tx, prune bool) error {
	if err := i.number(ctx, tx); err != nil {
		return err
	}
	for _, c := range i.document.Cohorts {
		if err := i.cohort(ctx, tx, &c); err != nil {
			return fmt.Errorf("cohort %q: %w", c.Name, err)
		}
	}
	kept := make([]string, 0, len(i.document.Flags))
	for _, f := range i.document.Flags {
		if err := i.flag(ctx, tx, &f); err != nil {
			return fmt.Errorf("flag %q: %w", f.Key, err)
		}
		kept = append(kept, f.Key)
	}
	if !prune {
		return nil
	}
	deleted, err := tx.ExecContext(ctx, `UPDATE posthog_featureflag SET deleted = true, active = false, updated_at = now(), version = version + 1
		WHERE team_id = $1 AND NOT deleted AND NOT key = ANY($2)`, i.team, kept)
	if err != nil {
		return fmt.Errorf("delete other flags: %w", err)
	}
	rows, err := deleted.RowsAffected()
	i.Deleted = int(rows)
	return err
}

// number gives everything in the document its id in the tables, before anything refers to it. A new flag has version 0 until its
// content is written.
func (i *importer) number(ctx context.Context, tx *sqlx.Tx) error {
	i.cohorts, i.flags, i.created, i.keys = map[int64]int64{}, map[string]int64{}, map[string]bool{}, map[int64]string{}
	for _, c := range i.document.Cohorts {
		var id int64
		err := tx.GetContext(ctx, &id, numberCohort, i.team, c.Name)
		if err != nil {
			return fmt.Errorf("cohort %q: %w", c.Name, err)
		}
		i.cohorts[c.ID] = id
		i.Cohorts++
	}
	for _, f := range i.document.Flags {
		var row struct {
			ID  int64 `db:"id"`
			New bool  `db:"new"`
		}
		if err := tx.GetContext(ctx, &row, numberFlag, i.team, f.Key); err != nil {
			return fmt.Errorf("flag %q: %w", f.Key, err)
		}
		i.flags[f.Key], i.created[f.Key] = row.ID, row.New
		i.keys[f.ID] = f.Key
	}
	return nil
}

const numberCohort = `
WITH found AS (SELECT id FROM posthog_cohort WHERE team_id = $1 AND name = $2 AND NOT deleted ORDER BY id LIMIT 1),
made AS (INSERT INTO posthog_cohort (team_id, name) SELECT $1::integer, $2::text WHERE NOT EXISTS (SELECT FROM found) RETURNING id)
SELECT id FROM found UNION ALL SELECT id FROM made`

const numberFlag = `
WITH found AS (SELECT id FROM posthog_featureflag WHERE team_id = $1 AND key = $2),
made AS (INSERT INTO posthog_featureflag (team_id, key, version) SELECT $1::integer, $2::text, 0 WHERE NOT EXISTS (SELECT FROM found) RETURNING id)
SELECT id, false AS new FROM found UNION ALL SELECT id, true FROM made`

func (i *importer) cohort(ctx context.Context, tx *sqlx.Tx, c *Cohort) error {
	var filters any // NULL for a static one
	if !c.IsStatic {
		if len(c.Filters) == 0 {
			return errors.New("it has no filters; a list of members needs is_static")
		}
		text, err := rewrite(c.Filters, i.refer)
		if err != nil {
			return err
		}
		filters = string(text)
	}
	_, err := tx.ExecContext(ctx, `UPDATE posthog_cohort SET filters = $2, is_static = $3, version = COALESCE(version, 0) + 1 WHERE id = $1
		AND (filters, is_static) IS DISTINCT FROM ($2::jsonb, $3)`, i.cohorts[c.ID], filters, c.IsStatic)
	return err
}

// refer turns a reference of the document into one of the tables.
func (i *importer) refer(p property) error {
	switch p["type"] {
	case "cohort":
		id, ok := number(p["value"])
		to, known := i.cohorts[id]
		if !ok || !known {
			return fmt.Errorf("a condition names the cohort %v, which is not in the document (the definitions for SDKs leave static ones out)", p["value"])
		}
		p["value"] = json.Number(strconv.FormatInt(to, 10))
	case "flag":
		key, _ := p["key"].(string)
		if id, ok := number(p["key"]); ok && i.flags[key] == 0 {
			key = i.keys[id]
		}
		to, known := i.flags[key]
		if !known {
			return fmt.Errorf("a condition names the flag %v, which is not in the document", p["key"])
		}
		p["key"] = strconv.FormatInt(to, 10)
		delete(p, "dependency_chain") // only SDKs read it; publishing makes it anew
	}
	return nil
}

func (i *importer) flag(ctx context.Context, tx *sqlx.Tx, f *Flag) error {
	filters, err := rewrite(f.Filters, i.refer)
	if err != nil {
		return err
	}
	active := f.Active == nil || *f.Active
	changed, err := tx.ExecContext(ctx, writeFlag, i.flags[f.Key], f.Name, string(filters), active && !f.Deleted, f.Deleted,
		f.EnsureExperienceContinuity, f.EvaluationRuntime, f.BucketingIdentifier, f.IsRemoteConfiguration, f.HasEncryptedPayloads)
	if err != nil {
		return err
	}
	rows, err := changed.RowsAffected()
	if err != nil {
		return err
	}
	contexts := append(append([]string{}, f.EvaluationContexts...), f.EvaluationTags...)
	if _, err := tx.ExecContext(ctx, makeTags, i.team, contexts); err != nil {
		return fmt.Errorf("evaluation contexts: %w", err)
	}
	if _, err := tx.ExecContext(ctx, unlinkTags, i.flags[f.Key], contexts); err != nil {
		return fmt.Errorf("evaluation contexts: %w", err)
	}
	if _, err := tx.ExecContext(ctx, linkTags, i.flags[f.Key], i.team, contexts); err != nil {
		return fmt.Errorf("evaluation contexts: %w", err)
	}
	switch {
	case i.created[f.Key]:
		i.Created++
	case rows > 0:
		i.Changed++
	default:
		i.Unchanged++
	}
	return nil
}

const writeFlag = `
UPDATE posthog_featureflag SET
    name = $2, filters = $3, active = $4, deleted = $5, ensure_experience_continuity = COALESCE($6, false),
    evaluation_runtime = COALESCE($7, 'all'), bucketing_identifier = COALESCE($8, 'distinct_id'),
    is_remote_configuration = $9, has_encrypted_payloads = $10, version = COALESCE(version, 0) + 1, updated_at = now()
WHERE id = $1 AND (version = 0 OR
    (name, filters, active, deleted, ensure_experience_continuity, evaluation_runtime, bucketing_identifier, is_remote_configuration, has_encrypted_payloads)
    IS DISTINCT FROM
    ($2, $3::jsonb, $4, $5, COALESCE($6, false), COALESCE($7, 'all'), COALESCE($8, 'distinct_id'), $9, $10))`

const (
	makeTags   = `INSERT INTO posthog_tag (team_id, name) SELECT $1::integer, UNNEST($2::text[]) ON CONFLICT (name, team_id) DO NOTHING`
	unlinkTags = `DELETE FROM posthog_featureflagevaluationtag l USING posthog_tag t
		WHERE l.feature_flag_id = $1 AND t.id = l.tag_id AND NOT t.name = ANY($2::text[])`
	linkTags = `INSERT INTO posthog_featureflagevaluationtag (feature_flag_id, tag_id)
		SELECT $1::integer, id FROM posthog_tag WHERE team_id = $2 AND name = ANY($3::text[]) ON CONFLICT (feature_flag_id, tag_id) DO NOTHING`
)
