package main_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/testkit"
)

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "hog-e2e-*")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "hog")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Stderr = os.Stderr
	code := 1
	if build.Run() == nil {
		code = testkit.Wrap(m).Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// patience is for a machine that is busy with other tests.
const patience = 60 * time.Second

// hog is a child process that runs "hog start".
type hog struct {
	cmd     *exec.Cmd
	began   time.Time
	drained chan struct{}
}

// dataDir is one that PostgreSQL can enter, which does not run as root.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	return filepath.Join(dir, ".hog")
}

// start runs the binary on free ports and returns when it says that it listens.
func start(t *testing.T, data string, environ ...string) *hog {
	t.Helper()
	cmd := exec.Command(binary, "start", "--data", data, "--addr", "127.0.0.1:0", "--kafka-addr", "127.0.0.1:0", "--redis-addr", "127.0.0.1:0",
		"--postgres-addr", "127.0.0.1:0")
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, environ...)
	log, err := cmd.StderrPipe()
	require.NoError(t, err)
	h := &hog{cmd: cmd, began: time.Now(), drained: make(chan struct{})}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	listening := make(chan bool, 1)
	go func() {
		defer close(h.drained)
		lines := bufio.NewScanner(log)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if strings.Contains(lines.Text(), `"msg":"listening on `) {
				listening <- true
			}
		}
		listening <- false // it has ended; room for one is enough, since nobody waits after the first
	}()
	select {
	case ok := <-listening:
		require.True(t, ok, "hog ended: %v", cmd.Args)
	case <-time.After(patience):
		require.FailNow(t, "hog does not listen")
	}
	return h
}

// end sends a signal and returns what became of the process.
func (h *hog) end(t *testing.T, s os.Signal) error {
	t.Helper()
	require.NoError(t, h.cmd.Process.Signal(s))
	<-h.drained
	return h.cmd.Wait()
}

// command is one of the other commands on the same data directory. The servers of the tests' own environment are not for it.
func command(data string, args ...string) *exec.Cmd {
	cmd := exec.Command(binary, append([]string{"--data", data}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TZ=UTC"}
	return cmd
}

func run(t *testing.T, data string, args ...string) string {
	t.Helper()
	cmd := command(data, args...)
	stop := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer stop.Stop()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%v: %s", args, out)
	return string(out)
}

// TestEventsSurviveKill is the first five minutes of a self-hoster, and the worst that can happen in them.
func TestEventsSurviveKill(t *testing.T) {
	data := dataDir(t)
	h := start(t, data)
	require.Equal(t, "200 {\"status\":\"Ok\"}\n", run(t, data, "send", "signed up", "--distinct-id", "anna", "--property", "plan=scale"))
	t.Logf("the first event was answered %s after the start of the process", time.Since(h.began))
	require.Less(t, time.Since(h.began), patience)

	line := run(t, data, "tail", "--from-start", "-n", "1")
	require.Regexp(t, `^\d\d:\d\d:\d\d\.\d{3}  events_plugin_ingestion +signed up +anna +phc_local +plan="scale" \$lib="hog-send"\n$`, line)
	require.Contains(t, run(t, data, "doctor", "--addr", httpAddr(t, data)), "is served by the running hog")

	require.ErrorContains(t, h.end(t, syscall.SIGKILL), "killed")
	out, err := command(data, "tail").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "hog is not running", "the file that kill -9 leaves behind deceives nobody")

	h = start(t, data)
	require.Equal(t, line, run(t, data, "tail", "--from-start", "-n", "1"), "the event is still there")
	run(t, data, "send", "second")
	require.Contains(t, run(t, data, "tail", "--from-start", "-n", "2"), "second")
	require.NoError(t, h.end(t, os.Interrupt), "exit code 0")
	require.NoFileExists(t, filepath.Join(data, "hog.json"))
}

// TestTailFollows sends an event while tail waits for it.
func TestTailFollows(t *testing.T) {
	data := dataDir(t)
	h := start(t, data)
	run(t, data, "send", "before")
	tail := command(data, "tail", "--json")
	out, err := tail.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, tail.Start())
	first := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		first <- line
	}()
	// Whether tail has begun is not to be seen from outside, so events are sent until one shows.
	var line string
	for deadline := time.Now().Add(patience); line == "" && time.Now().Before(deadline); {
		run(t, data, "send", "while tail runs")
		select {
		case line = <-first:
		case <-time.After(50 * time.Millisecond):
		}
	}
	require.Contains(t, line, `"event":"while tail runs"`)
	require.NoError(t, tail.Process.Signal(os.Interrupt))
	_, _ = io.Copy(io.Discard, out)
	require.NoError(t, tail.Wait())
	require.NoError(t, h.end(t, syscall.SIGTERM))
}

// TestGivenServers runs on a Kafka and a Redis of one's own.
func TestGivenServers(t *testing.T) {
	k := testkit.Kafka(t)
	topic := k.Topic(t, 2)
	data := dataDir(t)
	h := start(t, data, "KAFKA_HOSTS="+strings.Join(k.Brokers, ","), "REDIS_URL="+testkit.Redis(t), "KAFKA_TOPIC="+topic)
	run(t, data, "send", "elsewhere", "--count", "3")
	require.Len(t, k.Records(t, topic, 3, patience), 3)
	require.Contains(t, run(t, data, "tail", topic, "--from-start", "-n", "3"), "elsewhere")
	require.NoDirExists(t, filepath.Join(data, "kafka"))
	require.NoError(t, h.end(t, os.Interrupt))
}

// TestPageOfTheBinary makes sure that the page is in the binary.
func TestPageOfTheBinary(t *testing.T) {
	data := dataDir(t)
	h := start(t, data)
	res, err := http.Get("http://" + httpAddr(t, data) + "/")
	require.NoError(t, err)
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Contains(t, string(page), "session_recording_snapshot_item_events")
	require.Contains(t, string(page), data)
	require.NoError(t, h.end(t, os.Interrupt))
}

// TestStartScript runs bin/start of the repository from elsewhere.
func TestStartScript(t *testing.T) {
	script, err := filepath.Abs("../../../bin/start")
	require.NoError(t, err)
	elsewhere := t.TempDir()

	help := exec.Command(script, "--help")
	help.Dir = elsewhere
	out, err := help.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "hog start [service...]")

	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "go"), []byte("#!/bin/sh\necho go1.20.14\n"), 0o755))
	old := exec.Command(script)
	old.Env = append(os.Environ(), "PATH="+elsewhere+":"+os.Getenv("PATH"))
	out, err = old.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "Go 1.20.14 is too old: hog needs Go 1.26")
	require.Contains(t, string(out), "https://go.dev/dl")
}

func httpAddr(t *testing.T, data string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "hog.json"))
	require.NoError(t, err)
	var i struct{ HTTP string }
	require.NoError(t, json.Unmarshal(text, &i))
	return strings.TrimPrefix(i.HTTP, "http://")
}
