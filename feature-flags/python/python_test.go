// Package python_test runs the tests of the Python package against a service and real databases.
package python_test

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/schema"
	"github.com/hog-go/hog/common/schema/schematest"
	"github.com/hog-go/hog/common/testkit"
	featureflags "github.com/hog-go/hog/feature-flags"
	_ "github.com/hog-go/hog/feature-flags/internal/library" // what the C library is built of, for the same reason as noteFiles
)

func TestMain(m *testing.M) { testkit.Main(m) }

// python is the interpreter of the environment that tests/setup makes.
const python = ".venv/bin/python"

// TestPython runs pytest.
func TestPython(t *testing.T) {
	install(t)
	w := newWorld(t)
	g := newGenerator()
	flags := w.seed(t, g)
	cases := filepath.Join(t.TempDir(), "cases.json")
	require.NoError(t, os.WriteFile(cases, encode(map[string]any{"flags": flags, "questions": g.questions(200, flags)}), 0o600))
	cmd := exec.CommandContext(t.Context(), python, "-m", "pytest", "-q", "-rA", "--durations=5", "tests")
	cmd.Env = append(os.Environ(), "HOG_SERVICE_URL="+w.service(t), "HOG_CASES="+cases, "HOG_MAIN_URL="+string(w.mainURL), "HOG_PERSONS_URL="+string(w.personsURL),
		"HOG_EMPTY_URL="+testkit.Postgres(t))
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err)
}

// install makes the package importable. Without Python, its venv, or a C compiler it cannot be built.
func install(t testing.TB) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import venv, ensurepip").Run(); err != nil {
		t.Skip("python3 with venv is not installed: the Python package is not tested")
	}
	if cc, err := exec.CommandContext(t.Context(), "go", "env", "CC").Output(); err != nil || exec.CommandContext(t.Context(), "sh", "-c", string(cc[:max(len(cc)-1, 0)])+" --version").Run() != nil {
		t.Skip("there is no C compiler: the Python package is not tested")
	}
	noteFiles(t)
	out, err := exec.CommandContext(t.Context(), "tests/setup").CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// noteFiles looks at what Python will run: the go command takes a stored result for good while no file has changed that the test looked at.
func noteFiles(t testing.TB) {
	t.Helper()
	for _, pattern := range []string{"*.py", "*.toml", "src/*/*.py", "tests/*"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, f := range files {
			_, err := os.Stat(f)
			require.NoError(t, err)
		}
	}
}

// world is the databases, with persons in one of their own.
type world struct {
	mainURL, personsURL postgres.URL
	main, persons       *postgres.DB
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{mainURL: postgres.URL(testkit.Postgres(t)), personsURL: postgres.URL(testkit.Postgres(t))}
	w.main, w.persons = schematest.Migrate(t, w.mainURL, schema.Main), schematest.Migrate(t, w.personsURL, schema.Persons)
	const org = "00000000-0000-0000-0000-000000000001"
	w.exec(t, w.main, `INSERT INTO posthog_organization (id, name, slug) VALUES ($1, 'test', 'test')`, org)
	w.exec(t, w.main, `INSERT INTO posthog_project (id, organization_id) VALUES (1, $1::uuid)`, org)
	w.exec(t, w.main, `INSERT INTO posthog_team (id, organization_id, project_id, api_token, timezone) VALUES (1, $1, 1, 'phc_1', 'America/Los_Angeles')`, org)
	return w
}

func (w *world) exec(t testing.TB, db *postgres.DB, query string, args ...any) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), query, args...)
	require.NoError(t, err, query)
}

// seed puts what g draws into the databases.
func (w *world) seed(t testing.TB, g generator) []flagRow {
	t.Helper()
	w.exec(t, w.main, `INSERT INTO posthog_cohort (id, team_id, is_static) VALUES (1, 1, true)`)
	for id, filters := range g.cohorts() {
		w.exec(t, w.main, `INSERT INTO posthog_cohort (id, team_id, filters) VALUES ($1, 1, $2)`, id, encode(filters))
	}
	flags := g.flags(60)
	for _, f := range flags {
		_, err := w.main.NamedExecContext(t.Context(), `INSERT INTO posthog_featureflag (id, team_id, key, filters, active, deleted, version, ensure_experience_continuity)
			VALUES (:id, :team_id, :key, :filters, :active, :deleted, :version, :ensure_experience_continuity)`, f)
		require.NoError(t, err)
	}
	for i := range 10 {
		w.exec(t, w.persons, `WITH p AS (INSERT INTO posthog_person (team_id, properties, created_at) VALUES (1, $2, '2024-05-01') RETURNING id),
			d AS (INSERT INTO posthog_persondistinctid (team_id, distinct_id, person_id) SELECT 1, $1, id FROM p)
			INSERT INTO posthog_cohortpeople (cohort_id, person_id) SELECT 1, id FROM p WHERE $3`, "p"+string(rune('0'+i)), encode(g.properties()), g.chance(50))
	}
	w.exec(t, w.persons, `INSERT INTO posthog_grouptypemapping (team_id, project_id, group_type, group_type_index) VALUES (1, 1, 'company', 0), (1, 1, 'project', 1)`)
	for index := range 2 {
		for _, key := range []string{"acme", "globex"} {
			w.exec(t, w.persons, `INSERT INTO posthog_group (team_id, group_key, group_type_index, group_properties) VALUES (1, $1, $2, $3)`, key, index, encode(g.properties()))
		}
	}
	return flags
}

// service runs the HTTP service on the same databases and returns its URL.
func (w *world) service(t testing.TB) string {
	t.Helper()
	var cfg featureflags.Config
	require.NoError(t, config.LoadFrom(&cfg, []string{
		"READ_DATABASE_URL=" + string(w.mainURL), "WRITE_DATABASE_URL=" + string(w.mainURL),
		"PERSONS_READ_DATABASE_URL=" + string(w.personsURL), "PERSONS_WRITE_DATABASE_URL=" + string(w.personsURL),
		"REDIS_URL=" + testkit.Redis(t), "OBJECT_STORAGE_BUCKET=", "COOKIELESS_DISABLED=true",
	}))
	cfg.Address = ""
	svc, err := featureflags.New(t.Context(), cfg, featureflags.Deps{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- svc.Run(ctx) }()
	server := httptest.NewServer(svc.Handler())
	t.Cleanup(func() {
		server.Close()
		cancel()
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(time.Minute):
			require.FailNow(t, "the service does not end")
		}
	})
	return server.URL
}
