package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/testkit"
	"github.com/stretchr/testify/require"
)

// files makes a set out of up files; the down files are empty.
func files(ups map[string]string) fs.FS {
	m := fstest.MapFS{}
	for name, sql := range ups {
		m[name+".up.sql"] = &fstest.MapFile{Data: []byte(sql)}
		m[name+".down.sql"] = &fstest.MapFile{}
	}
	return m
}

const (
	createA = "CREATE TABLE IF NOT EXISTS a (x int);"
	createB = "CREATE TABLE IF NOT EXISTS b (x int);"
)

var options = postgres.MigrateOptions{Set: "demo", Table: "hog_migrations_demo"}

func TestMigrate(t *testing.T) {
	t.Parallel()
	url := postgres.URL(testkit.Postgres(t))
	db := open(t, func(c *postgres.Config) { c.URL = url })

	result, err := postgres.Migrate(t.Context(), url, files(map[string]string{"0001_a": createA}), options)
	require.NoError(t, err)
	require.Equal(t, postgres.MigrateResult{From: 0, To: 1, Applied: []string{"0001_a.up.sql"}}, result)

	both := files(map[string]string{"0001_a": createA, "0002_b": createB})
	result, err = postgres.Migrate(t.Context(), url, both, options)
	require.NoError(t, err)
	require.Equal(t, postgres.MigrateResult{From: 1, To: 2, Applied: []string{"0002_b.up.sql"}}, result)

	result, err = postgres.Migrate(t.Context(), url, both, options)
	require.NoError(t, err)
	require.Equal(t, postgres.MigrateResult{From: 2, To: 2}, result)
	require.Equal(t, []string{"a", "b", "hog_migrations_demo"}, tables(t, db))

	t.Run("a second set has a version of its own", func(t *testing.T) {
		other := options
		other.Table = "hog_migrations_other"
		result, err := postgres.Migrate(t.Context(), url, files(map[string]string{"0001_b": createB}), other)
		require.NoError(t, err)
		require.Equal(t, postgres.MigrateResult{To: 1, Applied: []string{"0001_b.up.sql"}}, result)
	})
	t.Run("an older build leaves a newer database alone", func(t *testing.T) {
		result, err := postgres.Migrate(t.Context(), url, files(map[string]string{"0001_a": createA}), options)
		require.NoError(t, err)
		require.Equal(t, postgres.MigrateResult{From: 2, To: 2}, result)
	})
	t.Run("a version between ours is explained", func(t *testing.T) {
		_, err := postgres.Migrate(t.Context(), url, files(map[string]string{"0001_a": createA, "0003_b": createB}), options)
		require.ErrorContains(t, err, "table hog_migrations_demo says version 2")
	})
}

func tables(t *testing.T, db *postgres.DB) (names []string) {
	t.Helper()
	require.NoError(t, db.SelectContext(t.Context(), &names,
		"SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"))
	return names
}

func TestMigrateRunsACutOffVersionAgain(t *testing.T) {
	t.Parallel()
	for version, applied := range map[int][]string{
		1: {"0001_a.up.sql", "0002_b.up.sql"},
		2: {"0002_b.up.sql"},
	} {
		t.Run(fmt.Sprintf("version %d", version), func(t *testing.T) {
			t.Parallel()
			url := postgres.URL(testkit.Postgres(t))
			db := open(t, func(c *postgres.Config) { c.URL = url })
			_, err := db.ExecContext(t.Context(), "CREATE TABLE hog_migrations_demo (version bigint PRIMARY KEY, dirty boolean NOT NULL)")
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), "INSERT INTO hog_migrations_demo VALUES ($1, true)", version)
			require.NoError(t, err)

			var logged bytes.Buffer
			o := options
			o.Log = slog.New(slog.NewTextHandler(&logged, nil))
			result, err := postgres.Migrate(t.Context(), url, files(map[string]string{"0001_a": createA, "0002_b": createB}), o)
			require.NoError(t, err)
			require.Equal(t, applied, result.Applied)
			require.EqualValues(t, 2, result.To)
			require.Contains(t, logged.String(), "cut off earlier")
		})
	}
}

func TestMigrateError(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sql  string
		want postgres.MigrationError
		text string
	}{
		"syntax error": {
			sql:  "CREATE TABLE IF NOT EXISTS c (x int);\n\n  CREATE TABEL d (x int);",
			want: postgres.MigrationError{Set: "demo", File: "0002_bad.up.sql", Line: 3, At: "CREATE TABEL d (x int);"},
			text: `migrate demo: 0002_bad.up.sql line 3 (CREATE TABEL d (x int);): ERROR: syntax error at or near "TABEL" (SQLSTATE 42601); what it did was rolled back`,
		},
		"inside a DO block": {
			sql:  "DO $$ BEGIN\nCREATE TABLE c (x int);\nCREATE INDEX i ON a (nope);\nEND $$;",
			want: postgres.MigrationError{Set: "demo", File: "0002_bad.up.sql", At: "CREATE INDEX i ON a (nope)"},
			text: `column "nope" does not exist`,
		},
		"detail": {
			sql:  "CREATE TABLE c (x int UNIQUE); INSERT INTO c VALUES (7), (7);",
			want: postgres.MigrationError{Set: "demo", File: "0002_bad.up.sql"},
			text: "Key (x)=(7) already exists.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgres.URL(testkit.Postgres(t))
			set := map[string]string{"0001_a": createA, "0002_bad": tt.sql, "0003_b": createB}
			result, err := postgres.Migrate(t.Context(), url, files(set), options)
			var got *postgres.MigrationError
			require.ErrorAs(t, err, &got)
			require.ErrorContains(t, err, tt.text)
			require.NotEmpty(t, postgres.Code(err))
			tt.want.Err = got.Err
			require.Equal(t, tt.want, *got)
			require.Equal(t, []string{"0001_a.up.sql"}, result.Applied)

			db := open(t, func(c *postgres.Config) { c.URL = url })
			require.Equal(t, []string{"a", "hog_migrations_demo"}, tables(t, db), "the failed file left nothing behind")

			set["0002_bad"] = "SELECT 1;" // mended
			result, err = postgres.Migrate(t.Context(), url, files(set), options)
			require.NoError(t, err)
			require.Equal(t, []string{"0002_bad.up.sql", "0003_b.up.sql"}, result.Applied)
		})
	}
}

func TestMigrateByManyProcessesAtOnce(t *testing.T) {
	t.Parallel()
	url := postgres.URL(testkit.Postgres(t))
	set := files(map[string]string{ // not idempotent, so that a second run would fail
		"0001_slow":  "SELECT pg_sleep(0.2); CREATE TABLE slow (x int);",
		"0002_index": "CREATE INDEX CONCURRENTLY slow_x ON slow (x);",
	})
	var wg sync.WaitGroup
	applied := make(chan int, 4)
	for range cap(applied) {
		wg.Go(func() {
			result, err := postgres.Migrate(t.Context(), url, set, options)
			if err != nil {
				t.Error(err)
			}
			applied <- len(result.Applied)
		})
	}
	wg.Wait()
	total := 0
	for range cap(applied) {
		total += <-applied
	}
	require.Equal(t, 2, total)
}

func TestMigrateGivesUpOnTheLock(t *testing.T) {
	t.Parallel()
	url := postgres.URL(testkit.Postgres(t))
	db := open(t, func(c *postgres.Config) { c.URL = url })
	conn, err := db.Connx(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	var number int64
	_, err = fmt.Sscanf("686f676d69677238", "%x", &number)
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), "SELECT pg_advisory_lock($1)", number)
	require.NoError(t, err)

	o := options
	o.LockTimeout = 50 * time.Millisecond
	_, err = postgres.Migrate(t.Context(), url, files(map[string]string{"0001_a": createA}), o)
	require.ErrorContains(t, err, "another process has been migrating this database for 50ms")

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = postgres.Migrate(ctx, url, files(map[string]string{"0001_a": createA}), options)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestMigrateLeavesAnOwnedDatabaseAlone(t *testing.T) {
	t.Parallel()
	url := postgres.URL(testkit.Postgres(t))
	db := open(t, func(c *postgres.Config) { c.URL = url })
	_, err := db.ExecContext(t.Context(), "CREATE TABLE django_migrations (id int)")
	require.NoError(t, err)
	o := options
	o.OwnedBy = "django_migrations"
	result, err := postgres.Migrate(t.Context(), url, files(map[string]string{"0001_a": createA}), o)
	require.NoError(t, err)
	require.Equal(t, postgres.MigrateResult{OwnedBy: "django_migrations"}, result)
	require.Equal(t, []string{"django_migrations"}, tables(t, db))
}

func TestMigrateWithoutRights(t *testing.T) {
	t.Parallel()
	url := postgres.URL(testkit.Postgres(t))
	db := open(t, func(c *postgres.Config) { c.URL = url })
	role := "reader_of_" + url.Database()
	_, err := db.ExecContext(t.Context(), "CREATE ROLE "+role+" LOGIN PASSWORD 'pw'; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := db.ExecContext(context.WithoutCancel(t.Context()), "DROP ROLE "+role)
		require.NoError(t, err)
	})
	_, err = postgres.Migrate(t.Context(), as(t, url, role, "pw"), files(map[string]string{"0001_a": createA}), options)
	require.ErrorContains(t, err, "the role needs CREATE on the schema")
	require.Equal(t, "42501", postgres.Code(err))
}

func TestMigrateOptionsAndFiles(t *testing.T) {
	good := files(map[string]string{"0001_a": createA})
	empty := &fstest.MapFile{}
	for name, tt := range map[string]struct {
		table string
		files fs.FS
		want  string
	}{
		"no table":              {"", good, "cannot be the bookkeeping table"},
		"upper case":            {"Hog", good, "cannot be the bookkeeping table"},
		"golang-migrate's":      {"schema_migrations", good, "which other tools own"},
		"sqlx's":                {"_sqlx_migrations", good, "which other tools own"},
		"no files":              {"t", fstest.MapFS{}, "no migrations found"},
		"no down file":          {"t", fstest.MapFS{"0001_a.up.sql": empty}, "has no down file"},
		"name without a number": {"t", fstest.MapFS{"a.up.sql": empty}, "want a name like"},
		"number zero":           {"t", fstest.MapFS{"0000_a.up.sql": empty}, "numbers begin at 1"},
		"number twice":          {"t", files(map[string]string{"0001_a": "", "0001_b": ""}), "have the same number"},
		"nobody listens":        {"t", good, "check that Postgres runs there"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := postgres.Migrate(t.Context(), "postgres://hog:s3cret@127.0.0.1:1/posthog", tt.files, postgres.MigrateOptions{Table: tt.table})
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestEnsureAndDropDatabase(t *testing.T) {
	t.Parallel()
	base := postgres.URL(testkit.Postgres(t))
	url := base.WithDatabase(base.Database() + `_new "odd" name`)
	t.Cleanup(func() { require.NoError(t, postgres.DropDatabase(context.WithoutCancel(t.Context()), url)) })

	_, err := postgres.Migrate(t.Context(), url, files(map[string]string{"0001_a": createA}), options)
	require.ErrorContains(t, err, "create the database first")

	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := postgres.EnsureDatabase(t.Context(), url); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	created, err := postgres.EnsureDatabase(t.Context(), url)
	require.NoError(t, err)
	require.False(t, created)

	db := open(t, func(c *postgres.Config) { c.URL = url })
	require.NoError(t, db.PingContext(t.Context()), "a session that is in the way of DROP")
	require.NoError(t, postgres.DropDatabase(t.Context(), url))
	require.NoError(t, postgres.DropDatabase(t.Context(), url))
	created, err = postgres.EnsureDatabase(t.Context(), url)
	require.NoError(t, err)
	require.True(t, created)
	there, err := postgres.TableExists(t.Context(), url, "pg_catalog.pg_class")
	require.NoError(t, err)
	require.True(t, there)
	there, err = postgres.TableExists(t.Context(), url, "nope")
	require.NoError(t, err)
	require.False(t, there)
}

// as changes the user of url.
func as(t *testing.T, url postgres.URL, user, password string) postgres.URL {
	t.Helper()
	_, rest, found := strings.Cut(url.Reveal(), "@")
	require.True(t, found)
	return postgres.URL("postgres://" + user + ":" + password + "@" + rest)
}
