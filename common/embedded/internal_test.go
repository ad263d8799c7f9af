package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
)

func TestExplain(t *testing.T) {
	tests := map[string]struct {
		err  error
		want string
	}{
		"full":              {syscall.ENOSPC, "the disk is full"},
		"over quota":        {syscall.EDQUOT, "the disk is full"},
		"read-only":         {syscall.EROFS, "remount it writable"},
		"not allowed":       {syscall.EACCES, "change the owner or the mode"},
		"not owned":         {syscall.EPERM, "change the owner or the mode"},
		"file in the way":   {syscall.ENOTDIR, "a file is in the way"},
		"full, says initdb": {outputError(errors.New("exit status 1"), []byte("creating ...\nFATAL: could not write: No space left on device\n")), "the disk is full"},
		"something else":    {syscall.EIO, syscall.EIO.Error()},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := explain(fmt.Errorf("write: %w", &fs.PathError{Op: "write", Path: "/data/file", Err: tt.err}), "/data")
			require.ErrorIs(t, err, tt.err)
			require.ErrorContains(t, err, tt.want)
		})
	}
	require.NoError(t, explain(nil, "/data"))
}

func TestRetentionExpired(t *testing.T) {
	now := time.Now()
	seg := func(size int64, age time.Duration) segment { return segment{size: size, modified: now.Add(-age)} }
	tests := map[string]struct {
		segs []segment
		want int
	}{
		"nothing":                               {nil, 0},
		"fits":                                  {[]segment{seg(40, 0), seg(60, 0)}, 0},
		"one too many":                          {[]segment{seg(40, 0), seg(40, 0), seg(60, 0)}, 1},
		"the limit stays filled":                {[]segment{seg(40, 0), seg(40, 0), seg(59, 0)}, 0},
		"old":                                   {[]segment{seg(1, 3*time.Hour), seg(1, 2*time.Hour), seg(1, 0)}, 2},
		"old behind a young one":                {[]segment{seg(1, 0), seg(1, 2*time.Hour), seg(1, 0)}, 0},
		"the last stays though large":           {[]segment{seg(1000, 0)}, 0},
		"the last stays though old":             {[]segment{seg(1, 2*time.Hour)}, 0},
		"large and old, all but the last of it": {[]segment{seg(500, 2*time.Hour), seg(500, 2*time.Hour)}, 1},
	}
	r := &retention{maxBytes: 100, maxAge: time.Hour}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, r.expired(tt.segs, now)) })
	}
}

func TestRetentionTrimsARunningBroker(t *testing.T) {
	k, err := StartKafka(t.Context(), KafkaOptions{Dir: t.TempDir(), RetentionBytes: 8 << 10, Topics: []TopicSpec{{Name: "a-b.c_1"}}})
	require.NoError(t, err)
	defer func() { require.NoError(t, k.Stop(t.Context())) }()
	transport := &kafka.Transport{}
	w := &kafka.Writer{Addr: kafka.TCP(k.Addr()), Topic: "a-b.c_1", BatchSize: 1, RequiredAcks: kafka.RequireAll, Transport: transport}
	defer func() { w.Close(); transport.CloseIdleConnections() }()
	for range 40 {
		// A timestamp of its own, older than any retention, must not expire what was just written.
		require.NoError(t, w.WriteMessages(t.Context(), kafka.Message{Value: make([]byte, 1000), Time: time.UnixMilli(1)}))
	}
	require.NoError(t, k.retention.trimRunning(time.Now()))
	info := k.cluster.PartitionInfo("a-b.c_1", 0)
	require.EqualValues(t, 40, info.HighWatermark)
	require.Positive(t, info.LogStartOffset)
	require.LessOrEqual(t, info.NumBytes, int64(10<<10))
	require.GreaterOrEqual(t, info.NumBytes, int64(8<<10))
	require.NoError(t, k.retention.trimRunning(time.Now()), "nothing left to do")

	// Everything is old: the last segment stays.
	require.NoError(t, k.retention.trimRunning(time.Now().Add(30*24*time.Hour)))
	require.Positive(t, k.cluster.PartitionInfo("a-b.c_1", 0).NumBytes)
	require.EqualValues(t, 40, k.cluster.PartitionInfo("a-b.c_1", 0).HighWatermark)
}

func TestFetchFailureSaysWhatToDo(t *testing.T) {
	repository := httptest.NewServer(http.NotFoundHandler())
	defer repository.Close()
	defer http.DefaultClient.CloseIdleConnections() // which the library uses
	dir, err := os.MkdirTemp("", "hog-embedded-test-")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Chmod(dir, 0o755))
	_, err = StartPostgres(t.Context(), PostgresOptions{Dir: dir, repository: repository.URL})
	require.ErrorContains(t, err, "no PostgreSQL server is installed, and fetching one failed")
	require.ErrorContains(t, err, "apt-get install postgresql")
	require.ErrorContains(t, err, "DATABASE_URL")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "only the lock file stays")
}

func TestFetchCanBeStopped(t *testing.T) {
	dir, err := os.MkdirTemp("", "hog-embedded-test-")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Chmod(dir, 0o755))
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	repository := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		<-release
		w.WriteHeader(http.StatusNotFound)
	}))
	defer http.DefaultClient.CloseIdleConnections()
	defer repository.Close()
	defer close(release)
	_, err = StartPostgres(ctx, PostgresOptions{Dir: dir, repository: repository.URL})
	require.ErrorIs(t, err, context.Canceled)
}

func TestNewestInstallation(t *testing.T) {
	base := t.TempDir()
	fake := func(name, version string, programs ...string) string {
		dir := filepath.Join(base, name)
		require.NoError(t, os.Mkdir(dir, 0o755))
		for _, p := range programs {
			require.NoError(t, os.WriteFile(filepath.Join(dir, p), []byte("#!/bin/sh\necho \"postgres (PostgreSQL) "+version+"\"\n"), 0o755))
		}
		return dir
	}
	dirs := []string{
		fake("nine", "9.6.24", "postgres", "initdb"), fake("fourteen", "14.9 (Debian 14.9-0+deb12u1)", "postgres", "initdb"),
		fake("sixteen", "16.1", "postgres", "initdb"), fake("beta", "19beta1", "postgres", "initdb"),
		fake("client", "18.0", "postgres"), filepath.Join(base, "missing"),
	}
	inst, ok := newest(t.Context(), dirs, 0)
	require.True(t, ok)
	require.Equal(t, install{bin: dirs[2], version: "16.1", major: 16}, inst)
	inst, ok = newest(t.Context(), dirs, 14)
	require.True(t, ok)
	require.Equal(t, dirs[1], inst.bin)
	_, ok = newest(t.Context(), dirs, 15)
	require.False(t, ok)
}

func TestDirectoryThatRootsAccountReaches(t *testing.T) {
	base, err := os.MkdirTemp("", "hog-embedded-test-")
	require.NoError(t, err)
	defer os.RemoveAll(base)
	require.NoError(t, os.Chmod(base, 0o755))
	open, closed := filepath.Join(base, "open"), filepath.Join(base, "closed")
	require.NoError(t, os.Mkdir(open, 0o755))
	require.NoError(t, os.Mkdir(closed, 0o700))
	dir := filepath.Join(closed, "hog", "postgres")
	require.Equal(t, filepath.Join(open, "postgres"), postgresDir(filepath.Join(open, "postgres"), open))
	if os.Geteuid() != 0 {
		require.Equal(t, dir, postgresDir(dir, open), "whoever is not root is the server's account")
		return
	}
	require.Equal(t, filepath.Join(open, dir), postgresDir(dir, open))
	require.Equal(t, dir, postgresDir(dir, closed))
}

func TestAccountMustReachTheDirectory(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.MkdirAll(filepath.Join(closed, "data"), 0o755))
	require.NoError(t, os.Chmod(closed, 0o700))
	inner := filepath.Join(closed, "data", "inner")
	require.NoError(t, os.Mkdir(inner, 0o700))
	stranger := &account{name: "stranger", uid: 4242, gid: 4242}
	err := stranger.canReach(filepath.Join(inner, "not", "made", "yet"))
	require.ErrorContains(t, err, "user stranger")
	require.ErrorContains(t, err, closed+" and "+inner)
	require.ErrorContains(t, err, "chmod o+x")
	require.ErrorContains(t, err, closed+" "+inner+"\"")
	require.NoError(t, stranger.canReach(os.TempDir()))
	var self *account
	require.NoError(t, self.canReach(closed))
}
