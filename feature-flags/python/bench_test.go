package python_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/internal/workload"
)

// BenchmarkPython runs bench.py, which prints a table: the package beside the service and beside posthog-python.
func BenchmarkPython(b *testing.B) {
	install(b)
	out, err := exec.CommandContext(b.Context(), python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "posthog==7.91.1").CombinedOutput()
	require.NoError(b, err, "%s", out)
	w := newWorld(b)
	load := workload.New(100, 1000)
	w.store(b, load)
	type person struct {
		ID         string         `json:"id"`
		Properties map[string]any `json:"properties"`
	}
	people := make([]person, len(load.People))
	for i, p := range load.People {
		people[i] = person{p.ID, p.Properties}
	}
	file := filepath.Join(b.TempDir(), "bench.json")
	require.NoError(b, os.WriteFile(file, encode(map[string]any{"document": json.RawMessage(load.Definitions), "people": people}), 0o600))
	cmd := exec.CommandContext(b.Context(), python, "bench.py")
	cmd.Env = append(os.Environ(), "HOG_SERVICE_URL="+w.service(b), "HOG_BENCH="+file, "HOG_MAIN_URL="+string(w.mainURL), "HOG_PERSONS_URL="+string(w.personsURL))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	require.NoError(b, cmd.Run())
	for b.Loop() { // the script has repeated its own measurements
	}
}

// store puts a workload into the databases.
func (w *world) store(b *testing.B, load *workload.Workload) {
	b.Helper()
	w.exec(b, w.main, `INSERT INTO posthog_featureflag (id, team_id, key, filters, active, deleted, version, ensure_experience_continuity)
		SELECT id, 1, key, filters, true, false, version, false FROM jsonb_to_recordset($1::jsonb) AS f (id int, key text, filters jsonb, version int)`, load.Flags)
	w.exec(b, w.main, `INSERT INTO posthog_cohort (id, team_id, filters) SELECT id, 1, filters FROM jsonb_to_recordset($1::jsonb) AS c (id int, filters jsonb)`, load.Cohorts)
	for _, p := range load.People {
		w.exec(b, w.persons, `WITH p AS (INSERT INTO posthog_person (team_id, properties, created_at) VALUES (1, $2, now()) RETURNING id)
			INSERT INTO posthog_persondistinctid (team_id, distinct_id, person_id) SELECT 1, $1, id FROM p`, p.ID, p.JSON)
	}
}
