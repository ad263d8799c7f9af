package admin

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"
)

// importGroups names the types of groups. One that has a name keeps it: groups that are stored under its index would change meaning.
func (s *Store) importGroups(ctx context.Context, team Team, types map[int]string) error {
	for index, name := range types {
		var have string
		err := s.Persons.GetContext(ctx, &have, nameGroups, team.ID, index, name)
		if err != nil {
			return fmt.Errorf("group type %q with index %d: %w", name, index, err)
		}
		if have != name {
			return fmt.Errorf("group type %q cannot have the index %d, which is that of %q", name, index, have)
		}
	}
	return nil
}

const nameGroups = `
WITH found AS (SELECT group_type FROM posthog_grouptypemapping WHERE team_id = $1 AND group_type_index = $2),
made AS (
    INSERT INTO posthog_grouptypemapping (team_id, project_id, group_type, group_type_index)
    SELECT $1::integer, $1::integer, $3::text, $2::integer WHERE NOT EXISTS (SELECT FROM found) RETURNING group_type
)
SELECT group_type FROM found UNION ALL SELECT group_type FROM made`

// importMembers makes the listed people, and nobody else, the members of static cohorts. Unknown people are made.
func (s *Store) importMembers(ctx context.Context, team Team, cohorts []Cohort, ids map[int64]int64) error {
	for _, c := range cohorts {
		if !c.IsStatic {
			continue
		}
		err := s.Persons.InTx(ctx, func(tx *sqlx.Tx) error {
			for _, id := range c.DistinctIDs {
				if _, err := tx.ExecContext(ctx, makePerson, team.ID, id); err != nil {
					return fmt.Errorf("person %q: %w", id, err)
				}
			}
			_, err := tx.ExecContext(ctx, replaceMembers, team.ID, ids[c.ID], c.DistinctIDs)
			return err
		})
		if err != nil {
			return fmt.Errorf("members of cohort %q: %w", c.Name, err)
		}
	}
	return nil
}

const makePerson = `
WITH made AS (
    INSERT INTO posthog_person (team_id) SELECT $1::integer
    WHERE NOT EXISTS (SELECT FROM posthog_persondistinctid WHERE team_id = $1 AND distinct_id = $2) RETURNING id
)
INSERT INTO posthog_persondistinctid (team_id, distinct_id, person_id) SELECT $1::integer, $2::text, id FROM made`

const replaceMembers = `
WITH members AS (SELECT person_id FROM posthog_persondistinctid WHERE team_id = $1 AND distinct_id = ANY($3::text[])),
gone AS (DELETE FROM posthog_cohortpeople WHERE cohort_id = $2 AND person_id NOT IN (SELECT person_id FROM members))
INSERT INTO posthog_cohortpeople (cohort_id, person_id) SELECT DISTINCT $2::integer, person_id FROM members
ON CONFLICT (cohort_id, person_id) DO NOTHING`
