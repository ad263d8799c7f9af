package stack_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/schema"
	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/feature-flags/admin"
	"github.com/hog-go/hog/hog/internal/stack"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(testkit.Wrap(m), goleak.IgnoreAnyFunction("github.com/testcontainers/testcontainers-go.(*Reaper).connect.func1"))
}

func options(t *testing.T) stack.Options {
	return stack.Options{
		Data: t.TempDir(), Addr: "127.0.0.1:0", KafkaAddr: "127.0.0.1:0", RedisAddr: "127.0.0.1:0", PostgresAddr: "127.0.0.1:0",
		Log: slog.New(slog.DiscardHandler), Version: "test",
		Page: func(*stack.Running) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the page") })
		},
	}
}

// start runs a stack until stop, which gives the error of Run.
func start(t *testing.T, o stack.Options) (running *stack.Running, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	started, ended := make(chan *stack.Running, 1), make(chan error, 1)
	o.Started = func(r *stack.Running) { started <- r }
	go func() { ended <- stack.Run(ctx, o) }()
	stop = func() error {
		cancel()
		err := <-ended
		ended <- err // for whoever stops again
		return err
	}
	t.Cleanup(func() { _ = stop() })
	select {
	case running = <-started:
		return running, stop
	case err := <-ended:
		ended <- err
		require.NoError(t, err)
		t.FailNow()
		return nil, nil
	}
}

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	return read(t, func() (*http.Response, error) { return client.Get(url) })
}

func post(t *testing.T, url, body string) (status int, answer string) {
	t.Helper()
	return read(t, func() (*http.Response, error) { return client.Post(url, "application/json", strings.NewReader(body)) })
}

func read(t *testing.T, do func() (*http.Response, error)) (int, string) {
	t.Helper()
	res, err := do()
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(text)
}

func TestStopBeforeAllIsUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, stack.Run(ctx, options(t)))
}

const (
	anEvent     = `{"api_key":"phc_local","event":"signed up","distinct_id":"anna","properties":{}}`
	aRecording  = `{"api_key":"phc_local","event":"$snapshot","distinct_id":"anna","properties":{"distinct_id":"anna","$session_id":"s1","$window_id":"w","$snapshot_data":[{"type":4,"timestamp":1}]}}`
	replayTopic = "session_recording_snapshot_item_events"
)

// Large properties of AI events are kept under the data directory, and restrictions in the embedded Redis are obeyed.
func TestRunKeepsObjectsAndRules(t *testing.T) {
	o := options(t)
	o.Services = []string{"capture"}
	running, stop := start(t, o)
	var form strings.Builder
	w := multipart.NewWriter(&form)
	require.NoError(t, w.WriteField("event", `{"event":"$ai_generation","distinct_id":"anna","uuid":"018f2d0e-4b7a-7c11-a1f3-6f3d5d2f1a77","properties":{"$ai_model":"m"}}`))
	part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="event.properties.$ai_input"`}, "Content-Type": {"text/plain"}})
	require.NoError(t, err)
	_, err = io.WriteString(part, "a long prompt")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, running.HTTP+"/i/v0/ai", strings.NewReader(form.String()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("Authorization", "Bearer phc_local")
	status, body := read(t, func() (*http.Response, error) { return client.Do(req) })
	require.Equal(t, http.StatusOK, status, body)
	objects, err := filepath.Glob(filepath.Join(o.Data, "objects", "llma", "*", "*"))
	require.NoError(t, err)
	require.Len(t, objects, 1)

	_, body = get(t, running.HTTP+"/metrics")
	require.Contains(t, body, "capture_event_restrictions_stale")
	require.NoError(t, stop())
}

func TestRunEmbedded(t *testing.T) {
	o := options(t)
	o.Data = openDir(t)
	o.Environ = []string{"KAFKA_TLS=true", "ADDRESS=127.0.0.1:1"} // of no meaning for the embedded broker, and for hog
	running, stop := start(t, o)

	status, body := post(t, running.HTTP+"/e/", anEvent)
	require.Equal(t, http.StatusOK, status, body)
	status, body = post(t, running.HTTP+"/s/", aRecording)
	require.Equal(t, http.StatusOK, status, body)
	status, body = get(t, running.HTTP+"/")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "the page", body)
	status, body = get(t, running.HTTP+"/_readiness")
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, body, "replay: ok")
	status, _ = get(t, running.HTTP+"/_liveness")
	require.Equal(t, http.StatusOK, status)
	status, body = get(t, running.HTTP+"/events")
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, body, "/i/v0/*", "it lists the paths that there are")
	_, body = get(t, running.HTTP+"/metrics")
	for _, mode := range []string{"events", "recordings"} {
		require.Contains(t, body, `capture_mode="`+mode+`"`)
	}
	require.Contains(t, body, "go_goroutines")

	i, err := stack.ReadInstance(o.Data)
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), i.PID)
	require.Equal(t, running.HTTP, i.HTTP)
	require.Equal(t, []string{"kafka", "redis", "postgres"}, i.Embedded)
	require.Contains(t, i.Topics, replayTopic)

	other := options(t)
	other.Data = o.Data
	require.ErrorContains(t, stack.Run(t.Context(), other), "hog already runs on the data directory "+o.Data+": process "+strconv.Itoa(os.Getpid()))
	other = options(t)
	other.Addr = strings.TrimPrefix(running.HTTP, "http://")
	require.ErrorContains(t, stack.Run(t.Context(), other), "another program has the port; choose another with --addr or HOG_ADDR")

	require.NoError(t, stop())
	_, err = stack.ReadInstance(o.Data)
	require.ErrorIs(t, err, stack.ErrNotRunning)
}

func TestRunOnGivenServers(t *testing.T) {
	k := testkit.Kafka(t)
	main, replay := k.Topic(t, 1), k.Topic(t, 1)
	o := options(t)
	o.Environ = []string{
		"KAFKA_HOSTS=" + strings.Join(k.Brokers, ","), "REDIS_URL=" + testkit.Redis(t), "DATABASE_URL=" + testkit.Postgres(t),
		"KAFKA_TOPIC=" + main, "CAPTURE_OUTPUT_SESSION_REPLAY_MAIN_TOPIC=" + replay,
	}
	running, stop := start(t, o)
	require.Empty(t, running.Embedded)
	status, body := post(t, running.HTTP+"/capture/", anEvent)
	require.Equal(t, http.StatusOK, status, body)
	status, body = post(t, running.HTTP+"/s", aRecording)
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, string(k.Records(t, main, 1, 10*time.Second)[0].Value), `"event":"signed up"`)
	require.Contains(t, string(k.Records(t, replay, 1, 10*time.Second)[0].Value), `"event":"$snapshot_items"`)
	require.NoError(t, stop())
	require.NoDirExists(t, filepath.Join(o.Data, "kafka"), "no embedded broker was started")
}

func TestRunSomeServices(t *testing.T) {
	o := options(t)
	o.Services = []string{"replay"}
	running, stop := start(t, o)
	status, _ := post(t, running.HTTP+"/e/", anEvent)
	require.Equal(t, http.StatusNotFound, status)
	status, body := post(t, running.HTTP+"/s/", aRecording)
	require.Equal(t, http.StatusOK, status, body)
	require.NoError(t, stop())
}

// What capture takes ends up in the catalogue, under a team made for its project key.
func TestRunPropertyDefs(t *testing.T) {
	o := options(t)
	o.Services, o.Data = []string{"capture", "property-defs"}, openDir(t)
	running, stop := start(t, o)
	status, body := post(t, running.HTTP+"/e/", `{"api_key":"phc_local","event":"signed up","distinct_id":"anna","properties":{"plan":"scale"},"$set":{"seats":5}}`)
	require.Equal(t, http.StatusOK, status, body)
	require.Eventually(t, func() bool {
		_, body = get(t, running.HTTP+"/api/v1/projects/1/property_definitions?type=person")
		return strings.Contains(body, `"name":"seats","property_type":"Numeric"`)
	}, 30*time.Second, 50*time.Millisecond)
	_, body = get(t, running.HTTP+"/api/v1/projects/1/property_definitions?event_names=signed%20up")
	require.Contains(t, body, `"count":0`, "names are separated by blanks")
	_, body = get(t, running.HTTP+"/api/v1/projects/1/property_definitions")
	require.Contains(t, body, `"name":"plan","property_type":"String"`)
	require.NoError(t, stop())
}

func TestRunPostgres(t *testing.T) {
	o := options(t)
	o.Postgres, o.Data = true, openDir(t)
	running, stop := start(t, o)
	url, err := postgres.ParseURL(running.Postgres)
	require.NoError(t, err)
	there, err := postgres.TableExists(t.Context(), url, "posthog_team")
	require.NoError(t, err)
	require.True(t, there, "the main app's tables are made")

	t.Run("a server that ends by itself stops hog with an error", func(t *testing.T) {
		pid, err := os.ReadFile(findPID(t, o.Data))
		require.NoError(t, err)
		first, _, _ := strings.Cut(string(pid), "\n")
		require.NoError(t, exec.Command("kill", "-INT", first).Run())
		require.Eventually(t, func() bool {
			_, err := stack.ReadInstance(o.Data)
			return err != nil
		}, 30*time.Second, 20*time.Millisecond)
		require.ErrorContains(t, stop(), "PostgreSQL has ended by itself")
	})
}

// openDir is a temporary directory that the account of the server can enter, which it runs as where the tests run as root.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hog-stack-*")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

func findPID(t *testing.T, data string) (path string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(filepath.Join(data, "postgres"), func(p string, _ os.DirEntry, err error) error {
		if filepath.Base(p) == "postmaster.pid" {
			path = p
		}
		return err
	}))
	require.NotEmpty(t, path)
	return path
}

// Without PostgreSQL the services that do without it run, unless one that needs it was asked for.
func TestRunWithoutPostgres(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	o := options(t)
	o.PostgresAddr = taken.Addr().String()
	running, stop := start(t, o)
	require.Equal(t, []string{"kafka", "redis"}, running.Embedded)
	status, body := post(t, running.HTTP+"/e/", anEvent)
	require.Equal(t, http.StatusOK, status, body)
	require.NoError(t, stop())
	o.Services = []string{"property-defs"}
	require.ErrorContains(t, stack.Run(t.Context(), o), "or name a server of your own with DATABASE_URL")
}

func TestRunRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	tests := map[string]struct {
		change func(o *stack.Options)
		want   []string
	}{
		"unknown service": {func(o *stack.Options) { o.Services = []string{"flags"} }, []string{`no service is called "flags": there are capture, replay`}},
		"bad settings":    {func(o *stack.Options) { o.Environ = []string{"OVERFLOW_ENABLED=x"} }, []string{"OVERFLOW_ENABLED"}},
		"data is a file":  {func(o *stack.Options) { o.Data = file }, []string{file, "--data or HOG_DATA"}},
		"address is none": {func(o *stack.Options) { o.Addr = "8000" }, []string{"listen on 8000", "set --addr or HOG_ADDR to host:port"}},
		"Kafka's port is taken": {func(o *stack.Options) { o.KafkaAddr = taken.Addr().String() },
			[]string{"address already in use", "--kafka-addr or HOG_KAFKA_ADDR", "with KAFKA_HOSTS"}},
		"Redis's port is taken": {func(o *stack.Options) { o.RedisAddr = taken.Addr().String() },
			[]string{"address already in use", "--redis-addr or HOG_REDIS_ADDR", "with REDIS_URL"}},
		"PostgreSQL's port is taken": {func(o *stack.Options) { o.Postgres, o.PostgresAddr = true, taken.Addr().String() },
			[]string{"address already in use", "--postgres-addr or HOG_POSTGRES_ADDR", "with DATABASE_URL"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			tt.change(&o)
			err := stack.Run(t.Context(), o)
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestReadInstance(t *testing.T) {
	gone := exec.Command("true")
	require.NoError(t, gone.Run())
	stale, err := json.Marshal(stack.Instance{PID: gone.Process.Pid})
	require.NoError(t, err)
	tests := map[string]struct {
		file, want string
		notRunning bool
	}{
		"none":    {want: "start it with hog start", notRunning: true},
		"killed":  {file: string(stale), want: "process " + strconv.Itoa(gone.Process.Pid) + " is gone", notRunning: true},
		"damaged": {file: "{", want: "remove it and start hog again"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.file != "" {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "hog.json"), []byte(tt.file), 0o600))
			}
			_, err := stack.ReadInstance(dir)
			require.ErrorContains(t, err, tt.want)
			if tt.notRunning {
				require.ErrorIs(t, err, stack.ErrNotRunning)
			}
		})
	}
}

// A database of the main app is read and not changed: only its own project keys have flags, which are published to the embedded Redis.
func TestRunFlagsBesideTheMainApp(t *testing.T) {
	text := testkit.Postgres(t)
	url, err := postgres.ParseURL(text)
	require.NoError(t, err)
	for _, set := range []schema.Set{schema.Main, schema.Persons} {
		_, err := set.Migrate(t.Context(), url, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
	}
	db, err := postgres.Open(postgres.Config{URL: url}, nil)
	require.NoError(t, err)
	defer db.Close()
	team, err := admin.New(admin.Options{DB: db, Persons: db}).CreateTeam(t.Context(), admin.NewTeam{Token: "phc_main"})
	require.NoError(t, err)
	for _, statement := range []string{
		`CREATE TABLE django_migrations ()`,
		`INSERT INTO posthog_featureflag (team_id, key, filters) VALUES (1, 'half', '{"groups":[{"rollout_percentage":100}]}')`,
	} {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	o := options(t)
	o.Services, o.Environ = []string{"feature-flags"}, []string{"DATABASE_URL=" + text}
	running, stop := start(t, o)
	status, body := post(t, running.HTTP+"/flags/?v=2", `{"token":"phc_main","distinct_id":"ann"}`)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `"half":{"key":"half","enabled":true`)
	status, _ = post(t, running.HTTP+"/flags/?v=2", `{"token":"phc_local","distinct_id":"ann"}`)
	require.Equal(t, http.StatusUnauthorized, status)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, running.HTTP+"/flags/definitions?token=phc_main", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+team.Secret)
	status, body = read(t, func() (*http.Response, error) { return client.Do(req) })
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, body, `"key":"half"`)
	require.NoError(t, stop())
}
