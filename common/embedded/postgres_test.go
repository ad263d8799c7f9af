package embedded_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/embedded"
)

// postgresDir is a directory that the server's user can get to, which t.TempDir is not.
func postgresDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hog-embedded-test-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func startPostgres(t *testing.T, o embedded.PostgresOptions) *embedded.Postgres {
	t.Helper()
	p, err := embedded.StartPostgres(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop(context.WithoutCancel(t.Context()))) })
	return p
}

func queryInt(t *testing.T, url, query string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&n))
	return n
}

func TestPostgresLifecycle(t *testing.T) {
	dir := postgresDir(t)
	o := embedded.PostgresOptions{Dir: dir, Databases: []string{"posthog", "posthog_persons", `odd "name"`}, Settings: map[string]string{"work_mem": "5MB"}}
	p := startPostgres(t, o)
	for _, db := range o.Databases {
		require.Equal(t, 1, queryInt(t, p.URL(db), "SELECT 1"))
	}
	conn, err := pgx.Connect(t.Context(), p.URL("posthog"))
	require.NoError(t, err)
	for setting, want := range map[string]string{
		"work_mem": "5MB", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "listen_addresses": "127.0.0.1",
		"server_encoding": "UTF8", "timezone": "UTC", "data_checksums": "on",
	} {
		var got string
		require.NoError(t, conn.QueryRow(t.Context(), "SHOW "+setting).Scan(&got))
		require.Equal(t, want, got, setting)
	}
	_, err = conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 42 AS n")
	require.NoError(t, err)
	_, err = embedded.StartPostgres(t.Context(), o)
	require.ErrorContains(t, err, "in use by process "+strconv.Itoa(os.Getpid()))

	// An open connection does not hold up the stop.
	require.NoError(t, p.Stop(t.Context()))
	require.NoError(t, p.Stop(t.Context()), "a second Stop does nothing")
	<-p.Done()
	conn.Close(t.Context())

	p = startPostgres(t, o)
	require.Equal(t, 42, queryInt(t, p.URL("posthog"), "SELECT n FROM kept"))
	require.NoError(t, p.Stop(t.Context()))

	t.Run("another password", func(t *testing.T) {
		other := o
		other.Password = "something else"
		_, err := embedded.StartPostgres(t.Context(), other)
		require.ErrorContains(t, err, "another user or password")
	})
	t.Run("lock file with the id of a living process that is no postgres", func(t *testing.T) {
		other := exec.Command("sleep", "600")
		require.NoError(t, other.Start())
		defer func() { other.Process.Kill(); other.Wait() }()
		stale := strconv.Itoa(other.Process.Pid) + "\n" + filepath.Join(dir, "data") + "\n0\n0\n\n127.0.0.1\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "postmaster.pid"), []byte(stale), 0o644))
		p := startPostgres(t, o)
		require.NoError(t, p.Stop(t.Context()))
	})
	t.Run("the server dies by itself", func(t *testing.T) {
		p := startPostgres(t, o)
		require.NoError(t, postmasterPID(t, dir).Kill())
		<-p.Done()
		require.NoError(t, p.Stop(t.Context()))
	})
	t.Run("data of a version that is neither installed nor built by anybody", func(t *testing.T) {
		require.FileExists(t, embedded.FindPostgres(t.Context(), dir))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("7\n"), 0o600))
		require.Empty(t, embedded.FindPostgres(t.Context(), dir))
		_, err := embedded.StartPostgres(t.Context(), o)
		require.ErrorContains(t, err, "made by PostgreSQL 7")
		require.ErrorContains(t, err, "install it")
	})
}

func TestPostgresStartErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	tests := map[string]struct {
		o    embedded.PostgresOptions
		want []string
	}{
		"no directory":         {embedded.PostgresOptions{}, []string{"no data directory"}},
		"address for all":      {embedded.PostgresOptions{Dir: postgresDir(t), Addr: "0.0.0.0:0"}, []string{"0.0.0.0:0", "not a loopback address"}},
		"port taken":           {embedded.PostgresOptions{Dir: postgresDir(t), Addr: taken.Addr().String()}, []string{taken.Addr().String(), "choose another address"}},
		"file in the way":      {embedded.PostgresOptions{Dir: filepath.Join(file, "postgres")}, []string{file, "a file is in the way"}},
		"setting out of reach": {embedded.PostgresOptions{Dir: postgresDir(t), Settings: map[string]string{"shared_buffers": "nonsense"}}, []string{"shared_buffers", "postgres.log"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := embedded.StartPostgres(t.Context(), tt.o)
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}
