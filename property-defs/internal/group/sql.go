package group

import (
	"context"
	"fmt"

	"github.com/hog-go/hog/common/postgres"
)

// A mapping belongs to a project; teams of a project that is not the team's own share it. An index over 4 could not be used.
const lookup = `SELECT u.place, m.group_type_index
FROM UNNEST($1::integer[], $2::bigint[], $3::text[]) WITH ORDINALITY AS u (team_id, project_id, group_type, place)
JOIN posthog_grouptypemapping m ON m.group_type = u.group_type AND (m.project_id = u.project_id OR m.team_id = u.team_id)
WHERE m.group_type_index BETWEEN 0 AND 4
ORDER BY u.place, m.project_id = u.project_id`

// SQL is the table of the persons database, or of the main one.
type SQL struct{ DB *postgres.DB }

// Indexes reads all names in one statement. Of a row of the team and one of the project, that of the project counts.
func (s SQL) Indexes(ctx context.Context, names []Name) (map[Name]int16, error) {
	rows, err := s.DB.QueryContext(ctx, lookup,
		postgres.Column(names, func(n *Name) int32 { return n.Team }),
		postgres.Column(names, func(n *Name) int64 { return n.Project }),
		postgres.Column(names, func(n *Name) string { return n.Name }))
	if err != nil {
		return nil, fmt.Errorf("read posthog_grouptypemapping: %w", err)
	}
	defer rows.Close()
	found := map[Name]int16{}
	for rows.Next() {
		var place int
		var index int16
		if err := rows.Scan(&place, &index); err != nil {
			return nil, fmt.Errorf("read posthog_grouptypemapping: %w", err)
		}
		found[names[place-1]] = index
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read posthog_grouptypemapping: %w", err)
	}
	return found, nil
}
