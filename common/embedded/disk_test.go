package embedded_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/embedded"
)

var servers = map[string]func(ctx context.Context, dir string) error{
	"kafka": func(ctx context.Context, dir string) error {
		k, err := embedded.StartKafka(ctx, embedded.KafkaOptions{Dir: dir})
		if err == nil {
			err = k.Stop(ctx)
		}
		return err
	},
	"redis": func(ctx context.Context, dir string) error {
		r, err := embedded.StartRedis(ctx, embedded.RedisOptions{Dir: dir})
		if err == nil {
			err = r.Stop(ctx)
		}
		return err
	},
	"postgres": func(ctx context.Context, dir string) error {
		p, err := embedded.StartPostgres(ctx, embedded.PostgresOptions{Dir: dir})
		if err == nil {
			err = p.Stop(ctx)
		}
		return err
	},
}

// TestDirectoryIsReadOnly runs each server in a child without rights, because root has them all.
func TestDirectoryIsReadOnly(t *testing.T) {
	base := postgresDir(t)
	binary := filepath.Join(base, "test-binary") // where another user can run it
	raw, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(binary, raw, 0o755))
	for server := range servers {
		t.Run(server, func(t *testing.T) {
			dir := filepath.Join(base, server)
			require.NoError(t, os.Mkdir(dir, 0o555))
			cmd := childCommand(binary, server, dir)
			cmd.Dir = "/"
			if os.Geteuid() == 0 {
				const nobody = 65534
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			}
			out, err := cmd.CombinedOutput()
			require.Error(t, err)
			require.Contains(t, string(out), dir)
			require.Contains(t, string(out), "permission denied")
			require.Contains(t, string(out), "may not write there")
		})
	}
}
