package doctor_test

import (
	"context"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/hog/internal/doctor"
	"github.com/hog-go/hog/hog/internal/stack"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// freeAddr is an address that was free a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return ln.Addr().String()
}

func takenAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	return ln.Addr().String()
}

func healthy(t *testing.T) doctor.Options {
	return doctor.Options{
		Data: filepath.Join(t.TempDir(), "not", "made", "yet"), Addr: freeAddr(t),
		KafkaAddr: freeAddr(t), RedisAddr: freeAddr(t), PostgresAddr: freeAddr(t), MinFree: 1, Timeout: 2 * time.Second,
	}
}

func find(t *testing.T, results []doctor.Result, check string, state doctor.State, detail string) doctor.Result {
	t.Helper()
	for _, r := range results {
		if r.Check == check && r.State == state && strings.Contains(r.Detail, detail) {
			return r
		}
	}
	require.Failf(t, "no such result", "%s %s %q among\n%+v", check, state, detail, results)
	return doctor.Result{}
}

func TestHealthyBeforeTheFirstStart(t *testing.T) {
	o := healthy(t)
	results, err := doctor.Run(t.Context(), o)
	require.NoError(t, err)
	require.False(t, doctor.Failed(results), "%+v", results)
	for _, check := range []string{"settings", "names", "http", "kafka", "redis", "postgres"} {
		find(t, results, check, doctor.OK, "")
	}
	require.NoDirExists(t, o.Data, "it changes nothing")
}

func TestFailures(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	tests := map[string]struct {
		change         func(t *testing.T, o *doctor.Options)
		check          string
		state          doctor.State
		detail, advice string
	}{
		"a bad setting": {func(_ *testing.T, o *doctor.Options) { o.Environ = []string{"OVERFLOW_ENABLED=perhaps"} },
			"settings", doctor.Fail, "OVERFLOW_ENABLED", "correct the variable"},
		"a bad setting of the servers": {func(_ *testing.T, o *doctor.Options) { o.Environ = []string{"DATABASE_URL=nonsense"} },
			"settings", doctor.Fail, "DATABASE_URL", "correct the variable"},
		"a misspelt name": {func(_ *testing.T, o *doctor.Options) { o.Environ = []string{"KAFKA_HOST=k:9092"} },
			"names", doctor.Warn, "KAFKA_HOST is not a setting; did you mean KAFKA_HOSTS?", "rename"},
		"a name without effect": {func(_ *testing.T, o *doctor.Options) { o.Environ = []string{"ADDRESS=0.0.0.0:3000"} },
			"names", doctor.Warn, "ADDRESS is ignored", "unset"},
		"the data directory is a file": {func(_ *testing.T, o *doctor.Options) { o.Data = file },
			"data", doctor.Fail, "is not a directory", "move the file"},
		"the data directory is below a file": {func(_ *testing.T, o *doctor.Options) { o.Data = filepath.Join(file, "data") },
			"data", doctor.Fail, "is not a directory", "move the file"},
		"the data directory cannot be made": {func(_ *testing.T, o *doctor.Options) { o.Data = "/proc/hog" }, // not even by root
			"data", doctor.Fail, "/proc cannot be written", "--data or HOG_DATA"},
		"the disk is full": {func(_ *testing.T, o *doctor.Options) { o.MinFree = math.MaxUint64 },
			"data", doctor.Fail, "GiB are free", "free some space"},
		"the port is taken": {func(t *testing.T, o *doctor.Options) { o.Addr = takenAddr(t) },
			"http", doctor.Fail, "is not free", "--addr or HOG_ADDR"},
		"Kafka's port is taken": {func(t *testing.T, o *doctor.Options) { o.KafkaAddr = takenAddr(t) },
			"kafka", doctor.Fail, "is not free", "--kafka-addr or HOG_KAFKA_ADDR, or set KAFKA_HOSTS"},
		"Redis's port is taken": {func(t *testing.T, o *doctor.Options) { o.RedisAddr = takenAddr(t) },
			"redis", doctor.Fail, "is not free", "--redis-addr or HOG_REDIS_ADDR, or set REDIS_URL"},
		"Redis would be open to all": {func(_ *testing.T, o *doctor.Options) { o.RedisAddr = "0.0.0.0:0" },
			"redis", doctor.Fail, "not a loopback address", "--redis-addr or HOG_REDIS_ADDR"},
		"PostgreSQL's port is taken": {func(t *testing.T, o *doctor.Options) { o.Postgres, o.PostgresAddr = true, takenAddr(t) },
			"postgres", doctor.Fail, "is not free", "--postgres-addr or HOG_POSTGRES_ADDR, or set DATABASE_URL"},
		"no PostgreSQL is installed": {func(_ *testing.T, o *doctor.Options) {
			o.Postgres, o.FindPostgres = true, func(context.Context, string) string { return "" }
		}, "postgres", doctor.Warn, "no PostgreSQL server is installed", "apt-get install postgresql"},
		"Kafka does not answer": {func(t *testing.T, o *doctor.Options) { o.Environ = []string{"KAFKA_HOSTS=" + freeAddr(t)} },
			"kafka", doctor.Fail, "connection refused", "KAFKA_HOSTS"},
		"Redis does not answer": {func(t *testing.T, o *doctor.Options) { o.Environ = []string{"REDIS_URL=redis://" + freeAddr(t)} },
			"redis", doctor.Fail, "connection refused", "REDIS_URL"},
		"the URL of Redis is none": {func(_ *testing.T, o *doctor.Options) { o.Environ = []string{"REDIS_URL=localhost"} },
			"redis", doctor.Fail, "", "REDIS_URL"},
		"PostgreSQL does not answer": {func(t *testing.T, o *doctor.Options) {
			o.Postgres, o.Environ = true, []string{"DATABASE_URL=postgres://u:p@" + freeAddr(t) + "/posthog"}
		}, "postgres", doctor.Fail, "connection refused", "DATABASE_URL"},
		"PostgreSQL does not answer, and is not needed": {func(t *testing.T, o *doctor.Options) {
			o.Services, o.Environ = []string{"capture"}, []string{"DATABASE_URL=postgres://u:p@" + freeAddr(t) + "/posthog"}
		}, "postgres", doctor.Warn, "no service that was named needs it", "DATABASE_URL"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := healthy(t)
			tt.change(t, &o)
			results, err := doctor.Run(t.Context(), o)
			require.NoError(t, err)
			r := find(t, results, tt.check, tt.state, tt.detail)
			require.Contains(t, r.Advice, tt.advice)
			require.Equal(t, tt.state == doctor.Fail, doctor.Failed(results), "%+v", results)
		})
	}
}

// Root starts PostgreSQL as another user, who has to get to its data.
func TestDirectoryClosedToPostgres(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root has this problem")
	}
	o := healthy(t)
	o.Postgres = true
	closed := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.Mkdir(closed, 0o700))
	o.Data = filepath.Join(closed, "data")
	results, err := doctor.Run(t.Context(), o)
	require.NoError(t, err)
	find(t, results, "postgres", doctor.OK, "/var/lib/hog"+closed)
}

// The file of a hog of somebody else is no reason to say that there is none.
func TestHogOfAnotherUser(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	o := healthy(t)
	o.Data = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(o.Data, "hog.json"), []byte("{}"), 0))
	results, err := doctor.Run(t.Context(), o)
	require.NoError(t, err)
	find(t, results, "data", doctor.Warn, "be the same user")
}

func TestGivenServers(t *testing.T) {
	k := testkit.Kafka(t)
	main := k.Topic(t, 1)
	o := healthy(t)
	o.Services = []string{"replay"}
	o.Environ = []string{
		"KAFKA_HOSTS=" + strings.Join(k.Brokers, ","), "REDIS_URL=" + testkit.Redis(t), "DATABASE_URL=" + testkit.Postgres(t),
		"CAPTURE_OUTPUT_SESSION_REPLAY_MAIN_TOPIC=" + main, "CAPTURE_OUTPUT_SESSION_REPLAY_OVERFLOW_TOPIC=" + main, "CAPTURE_OUTPUT_DLQ_TOPIC=" + main,
	}
	results, err := doctor.Run(t.Context(), o)
	require.NoError(t, err)
	require.False(t, doctor.Failed(results), "%+v", results)
	for _, check := range []string{"kafka", "redis", "postgres"} {
		find(t, results, check, doctor.OK, "answers")
	}
	find(t, results, "topics", doctor.OK, "all 1 are there")

	o.Environ = append(o.Environ, "CAPTURE_OUTPUT_SESSION_REPLAY_OVERFLOW_TOPIC=missing-"+main)
	results, err = doctor.Run(t.Context(), o)
	require.NoError(t, err)
	r := find(t, results, "topics", doctor.Warn, "1 of 2 are missing: missing-"+main)
	require.Contains(t, r.Advice, "auto.create.topics.enable")
}

func TestRunningHog(t *testing.T) {
	o := healthy(t)
	ctx, cancel := context.WithCancel(t.Context())
	started, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- stack.Run(ctx, stack.Options{
			Data: o.Data, Addr: o.Addr, KafkaAddr: o.KafkaAddr, RedisAddr: o.RedisAddr, PostgresAddr: o.PostgresAddr, Log: slog.New(slog.DiscardHandler),
			Page: func(*stack.Running) http.Handler { return http.NotFoundHandler() }, Started: func(*stack.Running) { close(started) },
		})
	}()
	select {
	case <-started:
	case err := <-ended:
		require.NoError(t, err)
	}
	results, err := doctor.Run(t.Context(), o)
	cancel()
	require.NoError(t, <-ended)
	require.NoError(t, err)
	require.False(t, doctor.Failed(results), "%+v", results)
	find(t, results, "http", doctor.OK, "is served by the running hog")
	find(t, results, "kafka", doctor.OK, "(of the running hog) answers")
	find(t, results, "redis", doctor.OK, "of the running hog answers")
	find(t, results, "topics", doctor.OK, "are there")
}

func TestUnknownService(t *testing.T) {
	o := healthy(t)
	o.Services = []string{"flags"}
	_, err := doctor.Run(t.Context(), o)
	require.ErrorContains(t, err, "there are capture, replay")
}
