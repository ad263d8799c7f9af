package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/hog/internal/cli"
	"github.com/hog-go/hog/hog/internal/doctor"
)

var update = flag.Bool("update", false, "write what the tests compare with")

func TestMain(m *testing.M) { testkit.Main(m) }

// run runs a command line in an environment of its own.
func run(t *testing.T, environ []string, args ...string) (code int, out, errs string) {
	t.Helper()
	return runIn(t.Context(), environ, args...)
}

func runIn(ctx context.Context, environ []string, args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = cli.Run(ctx, cli.Process{Args: args, Environ: environ, Out: &o, Err: &e, Version: "1.2.3"})
	return code, o.String(), e.String()
}

// The README's table of settings is made from the struct.
func TestREADMESettings(t *testing.T) {
	const path = "../../README.md"
	have, err := os.ReadFile(path)
	require.NoError(t, err)
	want, err := config.SyncTable(have, "env", config.Table(cli.Settings{}))
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(path, want, 0o644))
		return
	}
	require.Equal(t, string(want), string(have), "run: go test ./hog/internal/cli -run README -update")
}

func TestVersion(t *testing.T) {
	code, out, _ := run(t, nil, "version")
	require.Zero(t, code)
	require.True(t, strings.HasPrefix(out, "hog 1.2.3 go1."), out)
	_, out, _ = run(t, nil, "--version")
	require.Equal(t, "hog 1.2.3\n", out)
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	tests := map[string]struct {
		environ []string
		args    string
		want    string
	}{
		"unknown command":          {nil, "frobnicate", `hog: unknown command "frobnicate" for "hog" (see hog --help)`},
		"misspelt command":         {nil, "strat", "Did you mean this?\n\tstart (see hog --help)"},
		"unknown command of flags": {nil, "flags lst", `hog: unknown command "lst" for "hog flags" (see hog flags --help)`},
		"unknown command of team":  {nil, "team make x", `hog: unknown command "make" for "hog team" (see hog team --help)`},
		"argument missing":         {nil, "flags test", "hog: accepts 1 arg(s), received 0: the usage is hog flags test KEY [flags] (see hog flags test --help)"},
		"unknown flag":             {nil, "start --port 1", "hog: unknown flag: --port (see hog start --help)"},
		"unknown service":          {nil, "start flags", `hog: no service is called "flags": there are capture, replay`},
		"bad setting of hog":       {[]string{"HOG_RETENTION_TIME=week"}, "start", "hog cannot start, the settings are not in order:\n  HOG_RETENTION_TIME"},
		"bad setting of a service": {[]string{"OVERFLOW_ENABLED=x"}, "start", "hog cannot start, the settings are not in order:\n  OVERFLOW_ENABLED"},
		"bad log level":            {[]string{"LOG_LEVEL=loud"}, "start", `"loud" is not a level`},
		"no retention":             {nil, "start --retention-time 1s", "--retention-time 1s is less than a minute"},
		"little retention":         {nil, "start --retention-bytes 5", "--retention-bytes 5 is less than 1 MiB"},
		"port taken":               {nil, "start --addr " + taken.Addr().String(), "another program has the port; choose another with --addr or HOG_ADDR"},
		"doctor of no service":     {nil, "doctor flags", `hog: no service is called "flags"`},
		"tail without hog":         {nil, "tail", "hog is not running on the data directory " + dir},
		"tail of less than 0":      {nil, "tail -n -1", "-n -1: give the number"},
		"send without hog":         {nil, "send", "hog is not running on the data directory " + dir},
		"send to a bad URL":        {nil, "send --host ://", `--host "://" is no URL`},
		"send of none":             {nil, "send --host http://localhost --count 0", "--count 0: send at least one"},
		"send of no property":      {nil, "send --host http://localhost --property plan", `--property "plan" is not name=value`},
		"send of two events":       {nil, "send a b", "accepts at most 1 arg"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			code, out, errs := run(t, append(tt.environ, "HOG_DATA="+dir), strings.Fields(tt.args)...)
			require.Equal(t, 1, code)
			require.Empty(t, out)
			require.Contains(t, errs, tt.want)
		})
	}
}

func TestSend(t *testing.T) {
	var path string
	var body struct {
		APIKey string `json:"api_key"`
		Batch  []struct {
			Event      string                     `json:"event"`
			DistinctID string                     `json:"distinct_id"`
			Properties map[string]json.RawMessage `json:"properties"`
		} `json:"batch"`
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.Path
		text, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(text, &body)
		_, _ = io.WriteString(w, `{"status":"Ok"}`)
	}))
	defer server.Close()
	code, out, errs := run(t, nil, "send", "signed up", "--host", server.URL+"/", "--token", "phc_x", "--distinct-id", "anna", "--count", "502",
		"--property", "plan=scale=1", "--property", "seats=5", "--property", "vip=true")
	require.Zero(t, code, errs)
	require.Equal(t, "200 {\"status\":\"Ok\"}\n", out)
	require.Equal(t, "/batch/", path)
	require.Equal(t, "phc_x", body.APIKey)
	require.Len(t, body.Batch, 2, "the second request has the rest")
	require.Equal(t, "signed up", body.Batch[0].Event)
	require.Equal(t, "anna", body.Batch[0].DistinctID)
	require.Equal(t, map[string]json.RawMessage{
		"$lib": json.RawMessage(`"hog-send"`), "plan": json.RawMessage(`"scale=1"`), "seats": json.RawMessage("5"), "vip": json.RawMessage("true"),
	}, body.Batch[0].Properties)
}

func TestSendRefused(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "over capacity", http.StatusServiceUnavailable)
	}))
	code, out, errs := run(t, nil, "send", "--host", server.URL)
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Equal(t, "hog: "+server.URL+" answered 503: over capacity\n", errs)
	server.Close()
	code, _, errs = run(t, nil, "send", "--host", server.URL)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "(is hog running? see hog doctor)")
}

func TestDoctor(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	addresses := []string{"--data", t.TempDir(), "--kafka-addr", "127.0.0.1:0", "--redis-addr", "127.0.0.1:0", "--addr"}

	code, out, errs := run(t, []string{"HOG_ADRR=x"}, append([]string{"doctor"}, append(addresses, taken.Addr().String())...)...)
	require.Equal(t, 1, code)
	require.Empty(t, errs)
	require.Regexp(t, `(?m)^fail  http +127\.0\.0\.1:\d+ is not free: .*: stop the program that has it`, out)
	require.Regexp(t, `(?m)^warn  names +HOG_ADRR is not a setting; did you mean HOG_ADDR\?`, out)

	code, out, _ = run(t, nil, append([]string{"doctor", "--json"}, append(addresses, "127.0.0.1:0")...)...)
	require.Zero(t, code, out)
	var results []doctor.Result
	require.NoError(t, json.Unmarshal([]byte(out), &results))
	require.NotEmpty(t, results)
}

func TestTail(t *testing.T) {
	k := testkit.Kafka(t)
	environ := []string{"KAFKA_HOSTS=" + strings.Join(k.Brokers, ","), "HOG_DATA=" + t.TempDir()}
	missing := []string{"CAPTURE_OUTPUT_AI_MAIN_TOPIC=none"}
	for _, name := range []string{"ANALYTICS_MAIN", "ANALYTICS_OVERFLOW", "ANALYTICS_HISTORICAL", "SESSION_REPLAY_MAIN", "SESSION_REPLAY_OVERFLOW", "HEATMAPS", "CLIENT_WARNINGS", "ERROR_TRACKING", "DLQ"} {
		missing = append(missing, "CAPTURE_OUTPUT_"+name+"_TOPIC=none")
	}
	code, _, errs := run(t, append(environ, missing...), "tail")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "has none of the topics none: name others after hog tail")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, out, errs := runIn(ctx, environ, "tail", k.Topic(t, 1))
	require.Zero(t, code, errs)
	require.Empty(t, out)
}

func TestCompletion(t *testing.T) {
	_, out, _ := run(t, nil, "__complete", "start", "")
	require.Contains(t, out, "capture\nreplay\n")
}
