package library_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/schema"
	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/feature-flags/internal/library"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// setup makes a database with team 1, which lives in Los Angeles, and the person ann, who pays.
func setup(t *testing.T) (*postgres.DB, library.URLs) {
	t.Helper()
	url := postgres.URL(testkit.Postgres(t))
	for _, set := range []schema.Set{schema.Main, schema.Persons} {
		_, err := set.Migrate(t.Context(), url, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
	}
	db, err := postgres.Open(postgres.Config{URL: url, MaxConns: 2}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	const org = "00000000-0000-0000-0000-000000000001"
	for _, query := range []string{
		`INSERT INTO posthog_organization (id, name, slug) VALUES ('` + org + `', 'test', 'test')`,
		`INSERT INTO posthog_project (id, organization_id) VALUES (1, '` + org + `')`,
		`INSERT INTO posthog_team (id, organization_id, project_id, api_token, timezone) VALUES (1, '` + org + `', 1, 'phc_1', 'America/Los_Angeles')`,
		`INSERT INTO posthog_person (id, team_id, properties, created_at) VALUES (1, 1, '{"plan":"pro","at":"2024-01-01 02:00:00"}', now())`,
		`INSERT INTO posthog_persondistinctid (team_id, distinct_id, person_id) VALUES (1, 'ann', 1)`,
		`INSERT INTO posthog_cohort (id, team_id, is_static) VALUES (7, 1, true)`,
	} {
		_, err := db.ExecContext(t.Context(), query)
		require.NoError(t, err, query)
	}
	return db, library.URLs{PersonsReader: url.Reveal(), PersonsWriter: url.Reveal(), MainReader: url.Reveal(), MainWriter: url.Reveal()}
}

// document is a flag "f" with a filter.
func document(filter string) string {
	return `{"flags":[{"id":3,"key":"f","active":true,"version":2,"filters":{"groups":[{"properties":[` + filter + `]}],"payloads":{"true":"P"}}}]}`
}

func evaluate(t *testing.T, l *library.Library, r library.Request, flags string) string {
	t.Helper()
	a, err := l.Evaluate(t.Context(), &r, flags)
	require.NoError(t, err)
	return string(a.Append(nil))
}

const (
	on  = `[false,[],[["f",true,null,"condition_match",0,"P",3,2]]]`
	off = `[false,[],[["f",false,null,"no_condition_match",0,null,3,2]]]`
)

func TestEvaluate(t *testing.T) {
	db, urls := setup(t)
	l := library.New(library.Config{CacheTTL: -1})
	defer func() { require.NoError(t, l.Close()) }()
	ann := library.Request{URLs: urls, TeamID: 1, DistinctID: "ann"}

	pro := document(`{"key":"plan","type":"person","value":"pro"}`)
	require.Equal(t, on, evaluate(t, l, ann, pro))
	require.Equal(t, off, evaluate(t, l, library.Request{URLs: urls, TeamID: 1, DistinctID: "bob"}, pro))
	require.Equal(t, off, evaluate(t, l, library.Request{URLs: urls, TeamID: 1, DistinctID: "ann", Person: json.RawMessage(`{"plan":"free"}`)}, pro))
	require.Equal(t, `[false,[],[]]`, evaluate(t, l, library.Request{URLs: urls, TeamID: 1, DistinctID: "ann", FlagKeys: []string{}}, pro))

	t.Run("dates are in the team's time zone", func(t *testing.T) {
		at := document(`{"key":"at","type":"person","operator":"is_date_after","value":"2024-01-01T09:59:00Z"}`)
		require.Equal(t, on, evaluate(t, l, ann, at))
		_, err := db.ExecContext(t.Context(), `UPDATE posthog_team SET timezone = 'UTC'`)
		require.NoError(t, err)
		require.Equal(t, off, evaluate(t, l, ann, at))
	})
	t.Run("cohorts are read anew when they are old", func(t *testing.T) {
		in := document(`{"key":"id","type":"cohort","value":7}`)
		require.Equal(t, off, evaluate(t, l, ann, in))
		_, err := db.ExecContext(t.Context(), `INSERT INTO posthog_cohortpeople (cohort_id, person_id) VALUES (7, 1)`)
		require.NoError(t, err)
		require.Equal(t, on, evaluate(t, l, ann, in))
		_, err = db.ExecContext(t.Context(), `UPDATE posthog_cohort SET is_static = false, filters = '{"properties":{"type":"AND","values":[{"key":"plan","type":"person","value":"free"}]}}'`)
		require.NoError(t, err)
		require.Equal(t, off, evaluate(t, l, ann, in))
	})
	t.Run("a statement that fails costs the flags that need it", func(t *testing.T) {
		_, err := db.ExecContext(t.Context(), `ALTER TABLE posthog_persondistinctid RENAME TO gone`)
		require.NoError(t, err)
		a, err := l.Evaluate(t.Context(), &ann, pro)
		require.NoError(t, err)
		require.True(t, a.Errors)
		require.Len(t, a.Warnings, 1)
		require.Contains(t, a.Warnings[0], "persons reader pool")
		require.Contains(t, string(a.Append(nil)), `[["f",false,null,"database_error",null,null,3,2]]`)
	})
}

func TestDefinitionsThatAreNone(t *testing.T) {
	_, urls := setup(t)
	l := library.New(library.Config{})
	defer func() { require.NoError(t, l.Close()) }()
	for _, text := range []string{"", "null", "[]", "{}", `{"flags":null}`, `{"flags":{}}`, `{"flags":[`} {
		_, err := l.Evaluate(t.Context(), &library.Request{URLs: urls, TeamID: 1}, text)
		require.ErrorAs(t, err, new(*library.DefinitionsError), text)
	}
}

func TestPoolsThatCannotBeUsed(t *testing.T) {
	_, urls := setup(t)
	l := library.New(library.Config{})
	defer func() { require.NoError(t, l.Close()) }()
	for pool, set := range map[string]func(u *library.URLs, url string){
		"persons reader":     func(u *library.URLs, url string) { u.PersonsReader = url },
		"persons writer":     func(u *library.URLs, url string) { u.PersonsWriter = url },
		"non-persons reader": func(u *library.URLs, url string) { u.MainReader = url },
		"non-persons writer": func(u *library.URLs, url string) { u.MainWriter = url },
	} {
		for _, url := range []string{"", "nonsense", "postgres://u:secret@127.0.0.1:1/none"} {
			u := urls
			set(&u, url)
			_, err := l.Evaluate(t.Context(), &library.Request{URLs: u, TeamID: 1}, document(""))
			var failure *library.PoolError
			require.ErrorAs(t, err, &failure)
			require.Equal(t, pool, failure.Pool)
			require.True(t, strings.HasPrefix(err.Error(), "Failed to create "+pool+" pool: "), err)
			require.NotContains(t, err.Error(), "secret")
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	_, urls := setup(t)
	l := library.New(library.Config{CacheTTL: time.Millisecond, MaxConns: 2})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			text := document(`{"key":"id","type":"cohort","value":7,"operator":"not_in"}`)
			for range 50 {
				r := library.Request{URLs: urls, TeamID: 1, DistinctID: []string{"ann", "bob"}[i%2]}
				a, err := l.Evaluate(t.Context(), &r, text)
				if err != nil || string(a.Append(nil)) != on {
					t.Errorf("%v %v", a, err)
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, l.Close())
}
