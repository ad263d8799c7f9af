// Package pgtest gives a test a database with the main app's tables and some tenants.
package pgtest

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/schema"
	"github.com/hog-go/hog/common/testkit"
)

// DB is a database of its own, dropped at the end of the test.
type DB struct {
	*postgres.DB
	URL postgres.URL
}

// New makes the tables of the main app and of persons. The teams 1 to 5 are the projects 1 to 5; team 11 is the second one of project 1.
func New(tb testing.TB) *DB {
	tb.Helper()
	url := postgres.URL(testkit.Postgres(tb))
	for _, set := range []schema.Set{schema.Main, schema.Persons} {
		_, err := set.Migrate(tb.Context(), url, slog.New(slog.DiscardHandler))
		require.NoError(tb, err)
	}
	db := &DB{DB: Open(tb, url), URL: url}
	org := "00000000-0000-0000-0000-000000000001"
	db.MustExec(`INSERT INTO posthog_organization (id, name, slug) VALUES ($1, 'test', 'test')`, org)
	db.MustExec(`INSERT INTO posthog_project (id, organization_id) SELECT n, $1::uuid FROM generate_series(1, 5) n`, org)
	db.MustExec(`INSERT INTO posthog_team (id, organization_id, project_id, api_token) SELECT n, $1::uuid, n, 'phc_' || n FROM generate_series(1, 5) n
		UNION ALL SELECT 11, $1::uuid, 1, 'phc_11'`, org)
	return db
}

// Clean empties the tables of definitions and of group types.
func (db *DB) Clean(tb testing.TB) {
	tb.Helper()
	_, err := db.ExecContext(tb.Context(), `TRUNCATE posthog_eventdefinition, posthog_eventproperty, posthog_propertydefinition, posthog_grouptypemapping,
		ee_enterprisepropertydefinition`)
	require.NoError(tb, err)
}

// Open makes a pool that is closed at the end of the test.
func Open(tb testing.TB, url postgres.URL) *postgres.DB {
	tb.Helper()
	db, err := postgres.Open(postgres.Config{URL: url}, nil)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

// Rows reads a query as lines of text, columns parted by |.
func (db *DB) Rows(tb testing.TB, query string, args ...any) (lines []string) {
	tb.Helper()
	rows, err := db.QueryxContext(tb.Context(), query, args...)
	require.NoError(tb, err)
	defer rows.Close()
	for rows.Next() {
		values, err := rows.SliceScan()
		require.NoError(tb, err)
		line := ""
		for i, v := range values {
			if i > 0 {
				line += "|"
			}
			if v != nil {
				line += fmt.Sprint(v)
			}
		}
		lines = append(lines, line)
	}
	require.NoError(tb, rows.Err())
	return lines
}

// Events, Pairs and Properties are the contents of the three tables, without ids and times, in order.
const (
	Events     = `SELECT team_id, project_id, name FROM posthog_eventdefinition ORDER BY 2, 3, 1`
	Pairs      = `SELECT team_id, project_id, event, property FROM posthog_eventproperty ORDER BY 2, 3, 4, 1`
	Properties = `SELECT team_id, project_id, type, group_type_index, name, property_type, is_numerical FROM posthog_propertydefinition ORDER BY 2, 3, 4, 5, 1`
)

// Dump is all three.
func (db *DB) Dump(tb testing.TB) (lines []string) {
	for _, q := range []string{Events, Pairs, Properties} {
		lines = append(lines, db.Rows(tb, q)...)
	}
	return lines
}
