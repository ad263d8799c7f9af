package migrator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/postgres/migrator"
	"github.com/hog-go/hog/common/testkit"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// set makes a table of its own name.
func set(name string) migrator.Migrate {
	files := fstest.MapFS{
		"0001_make.up.sql":   {Data: []byte("CREATE TABLE IF NOT EXISTS made_by_" + name + " (x int)")},
		"0001_make.down.sql": {},
	}
	return func(ctx context.Context, url postgres.URL, log *slog.Logger) (postgres.MigrateResult, error) {
		return postgres.Migrate(ctx, url, files, postgres.MigrateOptions{Set: name, Table: "versions_of_" + name, Log: log})
	}
}

var targets = []migrator.Target{
	{Name: "main", URLEnv: "DATABASE_URL", Database: "posthog", Owner: "django_migrations", Migrate: set("main")},
	{Name: "jobs", URLEnv: "JOBS_DATABASE_URL", NameEnv: "JOBS_DATABASE_NAME", Database: "jobs", Migrate: set("jobs")},
}

// call runs the command and returns its exit code and output.
func call(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = migrator.Command{
		Name: "migrate", Targets: targets, Args: args,
		Getenv: func(name string) string { return env[name] },
		Stdout: &out, Stderr: &errs,
	}.Run(t.Context())
	return code, out.String(), errs.String()
}

// summary checks that every line has the fields that scripts read, and reduces it to the ones that vary.
func summary(t *testing.T, output string) (lines []string) {
	t.Helper()
	for raw := range strings.Lines(output) {
		var l struct {
			Timestamp, Level, Message, Status string
			Type                              string `json:"migration_type"`
			Fresh                             *bool  `json:"fresh_mode"`
			Code                              *int   `json:"exit_code"`
		}
		require.NoError(t, json.Unmarshal([]byte(raw), &l), raw)
		require.Regexp(t, regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`), l.Timestamp)
		require.NotNil(t, l.Fresh)
		require.Equal(t, l.Status == "failed", l.Level == "error")
		require.Equal(t, l.Status == "completed" || l.Status == "failed", l.Code != nil, raw)
		end := ""
		if l.Code != nil {
			end = fmt.Sprint(" ", *l.Code)
		}
		lines = append(lines, fmt.Sprintf("%s %s%s: %s", l.Type, l.Status, end, l.Message))
	}
	return lines
}

func TestUsage(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no target":      {nil, "no target: give one of all, main, jobs"},
		"only an option": {[]string{"--fresh"}, "no target: give one of all, main, jobs"},
		"unknown target": {[]string{"mian"}, "unknown target mian: give one of all, main, jobs"},
		"unknown option": {[]string{"main", "--force"}, "unknown option --force: the only one is --fresh"},
		"two targets":    {[]string{"main", "jobs"}, "two targets, main and jobs"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := call(t, nil, tt.args...)
			require.Equal(t, migrator.ExitUsage, code)
			require.Empty(t, stdout)
			require.Contains(t, stderr, tt.want)
			require.Contains(t, stderr, "usage: migrate all|main|jobs [--fresh]")
		})
	}
	code, stdout, stderr := call(t, nil, "--help")
	require.Equal(t, migrator.ExitOK, code)
	require.Empty(t, stderr)
	require.Contains(t, stdout, "JOBS_DATABASE_URL (default postgres://posthog:posthog@localhost:5432/jobs), or the name alone in JOBS_DATABASE_NAME")
}

func TestBadSettings(t *testing.T) {
	for name, tt := range map[string]struct{ url, want string }{
		"unreadable":  {"postgres://hog:s3/cret@db/posthog", "DATABASE_URL: postgres URL cannot be read"},
		"no database": {"postgres://hog:s3cret@db", "DATABASE_URL names no database"},
		"no server":   {"postgres://hog:s3cret@127.0.0.1:1/posthog", "check that Postgres runs there"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, _ := call(t, map[string]string{"DATABASE_URL": tt.url}, "main")
			require.Equal(t, migrator.ExitFailed, code)
			require.Contains(t, stdout, tt.want)
			require.Contains(t, stdout, `"exit_code":1`)
			require.NotContains(t, stdout, "cret")
		})
	}
}

func TestDefaultURLTakesItsNameFromTheEnvironment(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel() // so that a server that happens to run on localhost is not touched
	for name, want := range map[string]string{"": "jobs", "other": "other"} {
		var out bytes.Buffer
		migrator.Command{
			Name: "migrate", Targets: targets, Args: []string{"jobs"}, Stdout: &out,
			Getenv: func(v string) string { return map[string]string{"JOBS_DATABASE_NAME": name}[v] },
		}.Run(ended)
		require.Contains(t, out.String(), `"database_name":"`+want+`"`)
		require.Contains(t, out.String(), "postgres://posthog:*****@localhost:5432/"+want)
	}
}

// fresh gives the URL of a database that is not there yet.
func fresh(t *testing.T) postgres.URL {
	t.Helper()
	base := postgres.URL(testkit.Postgres(t))
	url := base.WithDatabase(base.Database() + "_migrator")
	t.Cleanup(func() { require.NoError(t, postgres.DropDatabase(context.WithoutCancel(t.Context()), url)) })
	return url
}

func exec(t *testing.T, url postgres.URL, statement string) error {
	t.Helper()
	db, err := postgres.Open(postgres.Config{URL: url}, nil)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), statement)
	return err
}

func TestRun(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	env := map[string]string{"DATABASE_URL": url.Reveal(), "JOBS_DATABASE_URL": url.Reveal()} // both in one database

	code, stdout, _ := call(t, env, "main")
	require.Equal(t, migrator.ExitOK, code, stdout)
	require.Equal(t, []string{
		"main starting: migrations starting",
		"main running: database created",
		"main running: applied 0001_make.up.sql",
		"main completed 0: migrations completed",
	}, summary(t, stdout))
	require.Contains(t, stdout, `"database_name":"`+url.Database()+`","fresh_mode":false`)
	require.NoError(t, exec(t, url, "INSERT INTO made_by_main VALUES (1)"))

	code, stdout, _ = call(t, env, "all")
	require.Equal(t, migrator.ExitOK, code, stdout)
	require.Equal(t, []string{
		"main starting: migrations starting",
		"jobs starting: migrations starting",
		"main running: nothing to apply, version is 1",
		"main completed 0: migrations completed",
		"jobs running: applied 0001_make.up.sql",
		"jobs completed 0: migrations completed",
		"all completed 0: migrations completed",
	}, summary(t, stdout))
	require.NoError(t, exec(t, url, "DELETE FROM made_by_main WHERE x = 1"), "nothing was dropped")

	code, stdout, _ = call(t, env, "all", "--fresh")
	require.Equal(t, migrator.ExitOK, code, stdout)
	require.NoError(t, exec(t, url, "SELECT 1 FROM made_by_main, made_by_jobs"), "the second target did not drop the first one's tables")
	require.Contains(t, stdout, `"fresh_mode":true`)
	require.Contains(t, stdout, "database dropped and created")

	require.NoError(t, exec(t, url, "CREATE TABLE django_migrations (id int)"))
	code, stdout, _ = call(t, env, "main", "--fresh")
	require.Equal(t, migrator.ExitFailed, code)
	require.Contains(t, stdout, "belongs to another application")
	require.NoError(t, exec(t, url, "SELECT 1 FROM made_by_main"), "refused, not dropped")
}

func TestOneFailureDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	code, stdout, _ := call(t, map[string]string{
		"DATABASE_URL":      "postgres://hog:s3cret@127.0.0.1:1/posthog",
		"JOBS_DATABASE_URL": url.Reveal(),
	}, "all")
	require.Equal(t, migrator.ExitFailed, code)
	lines := summary(t, stdout)
	require.Contains(t, lines, "jobs completed 0: migrations completed")
	require.Equal(t, "all failed 1: migrations failed, see the lines above", lines[len(lines)-1])
}
