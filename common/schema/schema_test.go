package schema_test

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/schema"
	"github.com/hog-go/hog/common/testkit"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) { testkit.Main(m) }

var (
	log  = slog.New(slog.DiscardHandler)
	sets = []schema.Set{schema.Main, schema.Persons}
)

// open gives a pool on a fresh, empty database.
func open(t *testing.T) (*postgres.DB, postgres.URL) {
	t.Helper()
	url := postgres.URL(testkit.Postgres(t))
	db, err := postgres.Open(postgres.Config{URL: url}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db, url
}

func migrate(t *testing.T, url postgres.URL, sets ...schema.Set) {
	t.Helper()
	for _, s := range sets {
		_, err := s.Migrate(t.Context(), url, log)
		require.NoError(t, err)
	}
}

// describe lists all that makes up the tables: columns, constraints, indexes.
func describe(t *testing.T, db *postgres.DB) string {
	t.Helper()
	var lines []string
	require.NoError(t, db.SelectContext(t.Context(), &lines, `
		SELECT line FROM (
			SELECT c.relname, 1 AS part, a.attnum::text AS rank, format('  %s %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
				CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
				CASE WHEN a.attidentity <> '' THEN ' identity' ELSE COALESCE(' default ' || pg_get_expr(d.adbin, d.adrelid), '') END) AS line
			FROM pg_class c
			JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
			WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
		UNION ALL
			SELECT c.relname, 0, '', c.relname
			FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
		UNION ALL
			SELECT c.relname, 2, k.conname, format('  constraint %s %s', k.conname, pg_get_constraintdef(k.oid))
			FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid
			WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND k.contype <> 'n'
		UNION ALL
			SELECT i.tablename, 3, i.indexname, '  ' || i.indexdef
			FROM pg_indexes i
			WHERE i.schemaname = 'public' AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = format('%I', i.indexname)::regclass)
		) x WHERE relname NOT LIKE 'hog\_migrations%'
		ORDER BY relname, part, CASE WHEN part = 1 THEN lpad(rank, 4, '0') ELSE rank END COLLATE "C"`))
	return strings.Join(lines, "\n") + "\n"
}

// The golden files are the list of what the services may rely on: a change here is a change for them.
func TestColumns(t *testing.T) {
	t.Parallel()
	for _, s := range sets {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			db, url := open(t)
			migrate(t, url, s)
			got := describe(t, db)
			golden := "testdata/" + s.Name + ".golden"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got, "if this is meant, run the test with -update")
		})
	}
}

// rows holds the least that makes a row of each table, in an order in which the keys fit.
var rows = []struct{ table, insert string }{
	{"posthog_organization", `(id, name, slug) VALUES ('00000000-0000-0000-0000-000000000001', 'Org', 'org')`},
	{"posthog_project", `(id, organization_id) VALUES (1, '00000000-0000-0000-0000-000000000001')`},
	{"posthog_team", `(id, organization_id, project_id, api_token) VALUES (1, '00000000-0000-0000-0000-000000000001', 1, 'phc_token')`},
	{"posthog_user", `(id, email) VALUES (1, 'a@example.com')`},
	{"posthog_organizationmembership", `(organization_id, user_id) VALUES ('00000000-0000-0000-0000-000000000001', 1)`},
	{"posthog_personalapikey", `(id, user_id, label) VALUES ('key', 1, 'label')`},
	{"posthog_projectsecretapikey", `(id, team_id, label) VALUES ('key', 1, 'label')`},
	{"posthog_tag", `(id, name, team_id) VALUES ('00000000-0000-0000-0000-000000000002', 'tag', 1)`},
	{"posthog_featureflag", `(id, team_id, key) VALUES (1, 1, 'flag')`},
	{"posthog_featureflagevaluationtag", `(feature_flag_id, tag_id) VALUES (1, '00000000-0000-0000-0000-000000000002')`},
	{"posthog_experiment", `(team_id, feature_flag_id, name) VALUES (1, 1, 'experiment')`},
	{"posthog_cohort", `(team_id) VALUES (1)`},
	{"posthog_eventdefinition", `(name, team_id) VALUES ('event', 1)`},
	{"posthog_propertydefinition", `(id, name, team_id) VALUES ('00000000-0000-0000-0000-000000000003', 'property', 1)`},
	{"posthog_eventproperty", `(event, property, team_id) VALUES ('event', 'property', 1)`},
	{"ee_enterprisepropertydefinition", `(propertydefinition_ptr_id) VALUES ('00000000-0000-0000-0000-000000000003')`},
	{"posthog_person", `(id, team_id) VALUES (1, 1)`},
	{"posthog_persondistinctid", `(distinct_id, person_id, team_id) VALUES ('id', 1, 1)`},
	{"posthog_cohortpeople", `(cohort_id, person_id) VALUES (1, 1)`},
	{"posthog_featureflaghashkeyoverride", `(team_id, person_id, feature_flag_key, hash_key) VALUES (1, 1, 'flag', 'key')`},
	{"posthog_group", `(team_id, group_key, group_type_index) VALUES (1, 'key', 0)`},
	{"posthog_grouptypemapping", `(team_id, project_id, group_type, group_type_index) VALUES (1, 1, 'company', 0)`},
}

func TestBothSetsInOneDatabaseTakeARowPerTable(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	migrate(t, url, schema.Persons, schema.Main)
	before := describe(t, db)
	migrate(t, url, sets...) // again
	require.Equal(t, before, describe(t, db))

	var tables []string
	for _, r := range rows {
		_, err := db.ExecContext(t.Context(), "INSERT INTO "+r.table+" "+r.insert)
		require.NoError(t, err, r.table)
		tables = append(tables, r.table)
	}
	var made []string
	require.NoError(t, db.SelectContext(t.Context(), &made, `SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'hog\_%'`))
	require.ElementsMatch(t, made, tables, "every table has its row above")

	t.Run("team as the services read it", func(t *testing.T) {
		var name string
		require.NoError(t, db.GetContext(t.Context(), &name, `SELECT name FROM (
			SELECT id, project_id, organization_id, uuid, api_token, name, created_at, updated_at, anonymize_ips, person_processing_opt_out
			FROM posthog_team WHERE api_token = $1 LIMIT 1) t`, "phc_token"))
		require.Equal(t, "Default project", name)
	})
	t.Run("person as the services read it", func(t *testing.T) {
		var id int64
		require.NoError(t, db.GetContext(t.Context(), &id, `SELECT id FROM (
			SELECT p.id, p.created_at, p.team_id, p.uuid, p.properties, p.is_identified, p.is_user_id, p.version
			FROM posthog_person p JOIN posthog_persondistinctid d ON d.person_id = p.id
			WHERE d.distinct_id = $1 AND d.team_id = $2 AND p.team_id = $2) t`, "id", 1))
		require.EqualValues(t, 1, id)
	})
	t.Run("a person's overrides and memberships go with it", func(t *testing.T) {
		for _, sql := range []string{"DELETE FROM posthog_persondistinctid", "DELETE FROM posthog_person"} {
			_, err := db.ExecContext(t.Context(), sql)
			require.NoError(t, err)
		}
		var left int
		require.NoError(t, db.GetContext(t.Context(), &left, `SELECT (SELECT count(*) FROM posthog_featureflaghashkeyoverride) + (SELECT count(*) FROM posthog_cohortpeople)`))
		require.Zero(t, left)
	})
	t.Run("an override of a person that is gone is a foreign key error", func(t *testing.T) {
		_, err := db.ExecContext(t.Context(), `INSERT INTO posthog_featureflaghashkeyoverride (team_id, person_id, feature_flag_key, hash_key)
			VALUES (1, 1, 'flag', 'key') ON CONFLICT DO NOTHING`)
		require.True(t, postgres.IsForeignKey(err))
	})
}

// The conflict targets that the writers name must find their index.
func TestConflictTargets(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	migrate(t, url, sets...)
	for _, r := range rows[:3] {
		_, err := db.ExecContext(t.Context(), "INSERT INTO "+r.table+" "+r.insert)
		require.NoError(t, err)
	}
	_, err := db.ExecContext(t.Context(), `INSERT INTO posthog_person (id, team_id) VALUES (1, 1)`)
	require.NoError(t, err)
	for name, insert := range map[string]string{
		"event definition": `posthog_eventdefinition (name, team_id, project_id) VALUES ('e', 1, 1)
			ON CONFLICT (coalesce(project_id, team_id::bigint), name) DO NOTHING`,
		"property definition": `posthog_propertydefinition (name, type, group_type_index, team_id, project_id) VALUES ('p', 3, 0, 1, 1)
			ON CONFLICT (coalesce(project_id, team_id::bigint), name, type, coalesce(group_type_index, -1)) DO NOTHING`,
		"property definition of a team": `posthog_propertydefinition (name, team_id) VALUES ('q', 1)
			ON CONFLICT (team_id, name, type, coalesce(group_type_index, -1)) DO NOTHING`,
		"event property":    `posthog_eventproperty (event, property, team_id, project_id) VALUES ('e', 'p', 1, 1) ON CONFLICT DO NOTHING`,
		"tag":               `posthog_tag (name, team_id) VALUES ('t', 1) ON CONFLICT (name, team_id) DO NOTHING`,
		"distinct id":       `posthog_persondistinctid (distinct_id, person_id, team_id) VALUES ('d', 1, 1) ON CONFLICT (team_id, distinct_id) DO NOTHING`,
		"cohort membership": `posthog_cohortpeople (cohort_id, person_id) VALUES (1, 1) ON CONFLICT (cohort_id, person_id) DO NOTHING`,
		"group":             `posthog_group (team_id, group_key, group_type_index) VALUES (1, 'k', 0) ON CONFLICT (team_id, group_key, group_type_index) DO NOTHING`,
		"group type index":  `posthog_grouptypemapping (team_id, project_id, group_type, group_type_index) VALUES (1, 1, 'g', 1) ON CONFLICT (project_id, group_type_index) DO NOTHING`,
		"group type":        `posthog_grouptypemapping (team_id, project_id, group_type, group_type_index) VALUES (1, 1, 'h', 2) ON CONFLICT (project_id, group_type) DO NOTHING`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, want := range []int64{1, 0} {
				result, err := db.ExecContext(t.Context(), "INSERT INTO "+insert)
				require.NoError(t, err)
				n, err := result.RowsAffected()
				require.NoError(t, err)
				require.Equal(t, want, n)
			}
		})
	}
	for name, insert := range map[string]string{
		"group property without an index": `posthog_propertydefinition (name, team_id, type) VALUES ('g', 1, 3)`,
		"unknown property type":           `posthog_propertydefinition (name, team_id, property_type) VALUES ('u', 1, 'Date')`,
		"group type index 5":              `posthog_grouptypemapping (team_id, project_id, group_type, group_type_index) VALUES (1, 1, 'x', 5)`,
		"team without a project":          `posthog_team (organization_id, api_token) VALUES ('00000000-0000-0000-0000-000000000001', 'x')`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := db.ExecContext(t.Context(), "INSERT INTO "+insert)
			require.Equal(t, "23514", postgres.Code(err), "a check constraint")
		})
	}
	t.Run("row of a team that is not there", func(t *testing.T) {
		_, err := db.ExecContext(t.Context(), `INSERT INTO posthog_eventproperty (event, property, team_id) VALUES ('e', 'p', 999)`)
		require.True(t, postgres.IsForeignKey(err))
	})
}

// tablesOfTheMainApp stand for what is there already: other columns, other keys, rows.
const tablesOfTheMainApp = `
	CREATE TABLE posthog_team (id serial PRIMARY KEY, api_token text, a_new_column text DEFAULT 'x');
	INSERT INTO posthog_team (api_token) VALUES ('phc_old');
	CREATE TABLE posthog_featureflag (id serial PRIMARY KEY, key text);
	CREATE TABLE posthog_person (team_id int, id bigint, uuid uuid UNIQUE, a_new_column text, PRIMARY KEY (team_id, id));
	CREATE TABLE posthog_persondistinctid (id bigint PRIMARY KEY, distinct_id text);
	CREATE TABLE posthog_cohortpeople (id bigint PRIMARY KEY);
	CREATE TABLE posthog_featureflaghashkeyoverride (id bigint PRIMARY KEY);
	CREATE TABLE posthog_grouptypemapping (id bigint PRIMARY KEY);`

func TestTablesThatAreThereStayAsTheyAre(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	_, err := db.ExecContext(t.Context(), tablesOfTheMainApp)
	require.NoError(t, err)
	before := blocks(describe(t, db))

	migrate(t, url, sets...)
	after := blocks(describe(t, db))
	for table, block := range before {
		require.Equal(t, block, after[table])
	}
	require.Greater(t, len(after), len(before), "the tables that were missing were made")

	t.Run("and the down files leave them, too", func(t *testing.T) {
		for _, s := range slices.Backward(sets) {
			for _, sql := range downs(t, s) {
				_, err := db.ExecContext(t.Context(), sql)
				require.NoError(t, err)
			}
		}
		require.Equal(t, before, blocks(describe(t, db)))
		var token string
		require.NoError(t, db.GetContext(t.Context(), &token, "SELECT api_token FROM posthog_team"))
		require.Equal(t, "phc_old", token)
	})
}

// blocks splits a description by table.
func blocks(description string) map[string]string {
	m := map[string]string{}
	table := ""
	for line := range strings.Lines(description) {
		if !strings.HasPrefix(line, " ") {
			table = line
		}
		m[table] += line
	}
	return m
}

// downs returns the down files of a set, newest first.
func downs(t *testing.T, s schema.Set) (texts []string) {
	t.Helper()
	names, err := fs.Glob(s.Files, "*.down.sql")
	require.NoError(t, err)
	for _, name := range slices.Backward(names) {
		text, err := fs.ReadFile(s.Files, name)
		require.NoError(t, err)
		texts = append(texts, string(text))
	}
	return texts
}

func TestDatabaseOfTheMainAppIsLeftAlone(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	_, err := db.ExecContext(t.Context(), "CREATE TABLE django_migrations (id int)")
	require.NoError(t, err)
	result, err := schema.Main.Migrate(t.Context(), url, log)
	require.NoError(t, err)
	require.Equal(t, postgres.MigrateResult{OwnedBy: schema.DjangoTable}, result)
	require.Len(t, blocks(describe(t, db)), 1)
}

func TestTargets(t *testing.T) {
	names := map[string]bool{}
	for _, target := range schema.Targets() {
		require.False(t, names[target.Name])
		names[target.Name] = true
		require.NotEmpty(t, target.URLEnv)
		require.NotEmpty(t, target.Database)
		_, err := target.Migrate(t.Context(), "postgres://hog:pw@127.0.0.1:1/posthog", log)
		require.ErrorContains(t, err, "migrate "+target.Name)
	}
}

func ExampleSet_Migrate() {
	url, err := postgres.ParseURL("postgres://posthog:posthog@127.0.0.1:1/posthog")
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := schema.Main.Migrate(context.Background(), url, slog.Default()); err != nil {
		fmt.Println("not migrated")
	}
	// Output: not migrated
}
