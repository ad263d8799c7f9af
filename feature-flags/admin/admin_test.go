package admin_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/common/schema"
	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/feature-flags/admin"
)

var update = flag.Bool("update", false, "write what is published to the golden files of testdata")

func TestMain(m *testing.M) { testkit.Main(m) }

type bundle struct {
	*admin.Store
	db    *postgres.DB
	cache *redis.Client // of pickled values
}

func setup(t *testing.T) *bundle {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	url, err := postgres.ParseURL(testkit.Postgres(t))
	require.NoError(t, err)
	for _, set := range []schema.Set{schema.Main, schema.Persons} {
		_, err = set.Migrate(t.Context(), url, log)
		require.NoError(t, err)
	}
	db, err := postgres.Open(postgres.Config{URL: url}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	cache, err := redis.New(redis.Config{URL: testkit.Redis(t)}, log)
	require.NoError(t, err)
	t.Cleanup(func() { _ = cache.Close() })
	config := func(token string) []byte { return []byte(`{"token":"` + token + `"}`) }
	return &bundle{
		Store: admin.New(admin.Options{DB: db, Persons: db, Caches: []*redis.Client{cache}, ClientConfig: config}),
		db:    db, cache: cache.As(redis.Pickle),
	}
}

func (b *bundle) team(t *testing.T) admin.Team {
	t.Helper()
	team, err := b.CreateTeam(t.Context(), admin.NewTeam{Name: "Shop", Token: "phc_shop"})
	require.NoError(t, err)
	return team
}

func (b *bundle) importText(t *testing.T, team admin.Team, text string, prune bool) admin.Imported {
	t.Helper()
	d, err := admin.Parse([]byte(text))
	require.NoError(t, err)
	n, err := b.Import(t.Context(), team, d, prune)
	require.NoError(t, err)
	return n
}

func (b *bundle) published(t *testing.T, key string) string {
	t.Helper()
	text, err := b.cache.Get(t.Context(), "posthog:1:cache/"+key)
	require.NoError(t, err, key)
	return text
}

func TestTeams(t *testing.T) {
	b := setup(t)
	first := b.team(t)
	require.Equal(t, "phc_shop", first.Token)
	require.True(t, strings.HasPrefix(first.Secret, "phs_"))
	require.JSONEq(t, `{"token":"phc_shop"}`, b.published(t, "team_tokens/phc_shop/array/config.json"))
	metadata := b.published(t, "team_tokens/phc_shop/team_metadata/full_metadata.json")
	require.Contains(t, metadata, `"api_token": "phc_shop"`)
	require.NotContains(t, metadata, first.Secret)

	_, err := b.CreateTeam(t.Context(), admin.NewTeam{Name: "Again", Token: "phc_shop"})
	require.ErrorIs(t, err, admin.ErrTaken)
	_, err = b.CreateTeam(t.Context(), admin.NewTeam{Name: "Odd", Token: "phc shop"})
	require.ErrorIs(t, err, admin.ErrToken)

	second, err := b.CreateTeam(t.Context(), admin.NewTeam{Name: "Blog"})
	require.NoError(t, err)
	require.Regexp(t, `^phc_[A-Z0-9]{26}$`, second.Token)
	require.Greater(t, second.ID, first.ID)
	_, err = b.Team(t.Context(), "phc_x")
	require.ErrorIs(t, err, admin.ErrNoTeam)
	same, err := b.EnsureTeam(t.Context(), admin.NewTeam{Token: "phc_shop"})
	require.NoError(t, err)
	require.Equal(t, first, same)

	for range 2 { // another key of the same user
		key, err := b.CreatePersonalKey(t.Context(), first, "ann@example.com")
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(key, "phx_"))
	}
	var users, keys int
	require.NoError(t, b.db.GetContext(t.Context(), &users, `SELECT count(*) FROM posthog_user`))
	require.NoError(t, b.db.GetContext(t.Context(), &keys, `SELECT count(*) FROM posthog_personalapikey WHERE scoped_teams = ARRAY[$1::integer]`, first.ID))
	require.Equal(t, []int{1, 2}, []int{users, keys})
}

// A page that is opened by many asks for the flags of a new key many times at once.
func TestEnsureTeamAtOnce(t *testing.T) {
	b := setup(t)
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			team, err := b.EnsureTeam(t.Context(), admin.NewTeam{Name: "Shop", Token: "phc_shop"})
			if err == nil && team.Token != "phc_shop" {
				err = fmt.Errorf("another team: %+v", team)
			}
			return err
		})
	}
	require.NoError(t, g.Wait())
	teams, err := b.Teams(t.Context())
	require.NoError(t, err)
	require.Len(t, teams, 1)
}

// TestImport compares all that is published of a document with every kind of reference.
func TestImport(t *testing.T) {
	b := setup(t)
	// Ids of the tables differ from those of the document.
	b.importText(t, b.other(t), `{"flags":[{"key":"x"},{"key":"y"}],"cohorts":[{"id":1,"name":"z","is_static":true}]}`, false)
	team := b.team(t)
	text, err := os.ReadFile("testdata/flags.json")
	require.NoError(t, err)
	require.Equal(t, admin.Imported{Created: 5, Cohorts: 3}, b.importText(t, team, string(text), false))
	for _, name := range []string{"flags.json", "flags_with_cohorts.json"} {
		key := "teams/2/feature_flags/" + name
		document := b.published(t, key)
		require.Len(t, b.published(t, key+":etag"), 16)
		compareWithGolden(t, name, document)
	}
	var members []string
	require.NoError(t, b.db.SelectContext(t.Context(), &members, `SELECT d.distinct_id FROM posthog_cohortpeople m
		JOIN posthog_persondistinctid d USING (person_id) JOIN posthog_cohort c ON c.id = m.cohort_id WHERE c.name = 'testers' ORDER BY 1`))
	require.Equal(t, []string{"ann", "bob"}, members)

	t.Run("again", func(t *testing.T) {
		before := b.published(t, "teams/2/feature_flags/flags.json:etag")
		require.Equal(t, admin.Imported{Unchanged: 5, Cohorts: 3}, b.importText(t, team, string(text), false))
		require.Equal(t, before, b.published(t, "teams/2/feature_flags/flags.json:etag"))
	})
	t.Run("what SDKs are given can be imported", func(t *testing.T) {
		// But for static cohorts, whose members SDKs are not told.
		document := strings.NewReplacer(`"type":"cohort","value":2`, `"type":"person","operator":"is_set","value":2`).
			Replace(b.published(t, "teams/2/feature_flags/flags_with_cohorts.json"))
		require.Equal(t, admin.Imported{Created: 5, Cohorts: 1}, b.importText(t, b.other(t), document, false))
		copied := b.published(t, "teams/3/feature_flags/flags_with_cohorts.json")
		require.Contains(t, copied, `"dependency_chain":["new-nav","needs-nav"]`)
		require.Contains(t, copied, `"cohorts":{"5":`)
	})
	t.Run("a changed flag", func(t *testing.T) {
		n := b.importText(t, team, `[{"key":"new-nav","active":false}]`, false)
		require.Equal(t, admin.Imported{Changed: 1}, n)
		flags, err := b.Flags(t.Context(), team)
		require.NoError(t, err)
		require.Len(t, flags, 5)
		require.Equal(t, admin.FlagSummary{Key: "new-nav", Version: 2, Conditions: 0}, flags[4])
	})
	t.Run("prune", func(t *testing.T) {
		require.Equal(t, admin.Imported{Unchanged: 1, Deleted: 4}, b.importText(t, team, `[{"key":"new-nav","active":false}]`, true))
		require.NotContains(t, b.published(t, "teams/2/feature_flags/flags.json"), `"key":"needs-nav"`)
	})
	t.Run("a deleted flag comes back", func(t *testing.T) {
		require.Equal(t, admin.Imported{Changed: 1}, b.importText(t, team, `[{"key":"half"}]`, false))
		require.Contains(t, b.published(t, "teams/2/feature_flags/flags.json"), `"half"`)
	})
}

func (b *bundle) other(t *testing.T) admin.Team {
	t.Helper()
	team, err := b.CreateTeam(t.Context(), admin.NewTeam{Name: "Other"})
	require.NoError(t, err)
	return team
}

func TestRefusedImports(t *testing.T) {
	b := setup(t)
	team := b.team(t)
	tests := map[string]struct{ text, want string }{
		"unknown cohort": {
			`[{"key":"a","filters":{"groups":[{"properties":[{"type":"cohort","key":"id","value":9}]}]}}]`,
			`flag "a": a condition names the cohort 9, which is not in the document`,
		},
		"unknown flag": {
			`[{"key":"a","filters":{"groups":[{"properties":[{"type":"flag","key":"9","value":true}]}]}}]`,
			`flag "a": a condition names the flag 9, which is not in the document`,
		},
		"unknown operator": {
			`[{"key":"a","filters":{"groups":[{"properties":[{"type":"person","key":"x","operator":"resembles","value":1}]}]}}]`, `flag "a": `,
		},
		"cycle": {
			`[{"key":"a","filters":{"groups":[{"properties":[{"type":"flag","key":"b","operator":"flag_evaluates_to","value":true}]}]}},
			{"key":"b","filters":{"groups":[{"properties":[{"type":"flag","key":"a","operator":"flag_evaluates_to","value":true}]}]}}]`,
			`flag "a" depends on itself, or on a flag that does`,
		},
		"dynamic cohort without filters": {`{"cohorts":[{"id":1,"name":"c"}]}`, `cohort "c": it has no filters; a list of members needs is_static`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := admin.Parse([]byte(tt.text))
			require.NoError(t, err)
			_, err = b.Import(t.Context(), team, d, false)
			require.ErrorContains(t, err, tt.want)
			flags, err := b.Flags(t.Context(), team)
			require.NoError(t, err)
			require.Empty(t, flags, "nothing was written")
		})
	}
	t.Run("group types keep their names", func(t *testing.T) {
		b.importText(t, team, `{"group_type_mapping":{"0":"organization"}}`, false)
		d, err := admin.Parse([]byte(`{"group_type_mapping":{"0":"project"}}`))
		require.NoError(t, err)
		_, err = b.Import(t.Context(), team, d, false)
		require.ErrorContains(t, err, `group type "project" cannot have the index 0, which is that of "organization"`)
	})
}

func TestParse(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"no JSON":            {`flags`, "the document is not in order"},
		"no key":             {`[{"name":"x"}]`, "flag 1: its key has to have 1 to 400 characters"},
		"twice":              {`[{"key":"a"},{"key":"a"}]`, `flag "a" is there twice`},
		"filters are a list": {`[{"key":"a","filters":[]}]`, `flag "a": filters is no object`},
		"cohort twice":       {`{"cohorts":[{"id":1},{"id":1}]}`, "cohort 1 is there twice"},
		"dynamic members":    {`{"cohorts":[{"id":1,"name":"c","distinct_ids":["ann"]}]}`, `cohort "c" has distinct_ids, which only static cohorts have`},
		"group index":        {`{"group_type_mapping":{"5":"x"}}`, `group type "x" has the index "5": it is a number from 0 to 4`},
		"cohort id":          {`{"cohorts":{"a":{}}}`, `cohort "a": its id is no number`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := admin.Parse([]byte(tt.text))
			require.ErrorContains(t, err, tt.want)
		})
	}
	t.Run("an answer of PostHog's API", func(t *testing.T) {
		d, err := admin.Parse([]byte(`{"count":1,"results":[{"id":7,"key":"a","filters":{"groups":[]}}]}`))
		require.NoError(t, err)
		require.Equal(t, "a", d.Flags[0].Key)
	})
}

func TestMainApp(t *testing.T) {
	b := setup(t)
	team := b.team(t)
	b.importText(t, team, `[{"key":"x","evaluation_contexts":["docs"]}]`, false)
	for _, statement := range []string{
		`CREATE TABLE django_migrations ()`,
		// as newer ones have it
		`ALTER TABLE posthog_tag RENAME TO posthog_evaluationcontext`,
		`ALTER TABLE posthog_featureflagevaluationtag RENAME TO posthog_featureflagevaluationcontext`,
		`ALTER TABLE posthog_featureflagevaluationcontext RENAME COLUMN tag_id TO evaluation_context_id`,
	} {
		_, err := b.db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	_, err := b.CreateTeam(t.Context(), admin.NewTeam{Name: "x"})
	require.ErrorIs(t, err, admin.ErrMainApp)
	_, err = b.CreatePersonalKey(t.Context(), team, "a@b.c")
	require.ErrorIs(t, err, admin.ErrMainApp)
	_, err = b.Import(t.Context(), team, &admin.Document{}, false)
	require.ErrorIs(t, err, admin.ErrMainApp)
	require.NoError(t, b.PublishAll(t.Context()), "which only reads it")
	require.Contains(t, b.published(t, "teams/1/feature_flags/flags.json"), `"evaluation_contexts":["docs"]`)
}

// compareWithGolden compares a document, whatever the order of members, with testdata/published/<name>.
func compareWithGolden(t *testing.T, name, text string) {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal([]byte(text), &v))
	indented, err := json.MarshalIndent(v, "", "  ")
	require.NoError(t, err)
	path := filepath.Join("testdata", "published", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, append(indented, '\n'), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.JSONEq(t, string(want), text, "if this is right, run the test with -update and look at the difference of %s", path)
}
