package main_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/testkit"
)

// clients is where the official SDKs, unmodified, and the programs that use them are.
const clients = "../../../capture/clients"

// TestPosthogJS has visitors come to pages with posthog-js, in a browser, and compares all that lands with what is expected.
func TestPosthogJS(t *testing.T) {
	browser := chromium(t)
	install(t, "browser", "npm")
	w := startWorld(t)
	cmd := exec.CommandContext(t.Context(), "node", "send.js", w.site.URL+"/", browser)
	cmd.Dir = filepath.Join(clients, "browser")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	// The pages send their last events while they close, so nothing in them tells when those are out.
	overdue := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer overdue.Stop()
	for count(landed(t, w.data), "$pageleave") < 2 {
		select {
		case err := <-ended:
			require.FailNow(t, "the browser ended before all events had landed", "%v: %s", err, out.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
	require.NoError(t, stdin.Close())
	require.NoError(t, <-ended, out.String())

	records := landed(t, w.data)
	compareWithGolden(t, "browser", records)
	require.Contains(t, recorded(t, records), "Buy – now", "the recording holds the page")
	w.requireGranted(t)
	require.Subset(t, w.ways(), []string{
		"GET /array/phc_browser/config plain cors", "GET /array/phc_plain/config plain cors", "POST /flags/ gzip cors", "GET /api/surveys/ plain cors",
		"POST /e/ gzip cors", "POST /i/v0/e/ gzip cors", "POST /i/v0/e/ gzip no-cors", "POST /s/ gzip cors",
		"OPTIONS /e/ plain cors", "POST /e/ plain cors", "POST /i/v0/e/ plain cors", "POST /i/v0/e/ base64 no-cors",
	}, "no-cors is what sendBeacon sends as a page closes; JSON that is not packed needs a preflight")
	require.NoError(t, w.end(t, os.Interrupt))
}

// TestServerSDKs does the same with the SDKs that pack what they send with gzip, by either of the protocols that they speak.
func TestServerSDKs(t *testing.T) {
	tests := map[string]struct {
		group, runtime string
		command        []string
		mode, way      string
	}{
		"node":      {"node", "npm", []string{"node", "send.js"}, "v0", "POST /batch/ gzip"},
		"node-v1":   {"node", "npm", []string{"node", "send.js"}, "v1", "POST /i/v1/analytics/events gzip"},
		"python":    {"python", "python3", []string{".venv/bin/python", "send.py"}, "v0", "POST /batch/ gzip"},
		"python-v1": {"python", "python3", []string{".venv/bin/python", "send.py"}, "v1", "POST /i/v1/analytics/events gzip"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			install(t, tt.group, tt.runtime)
			w := startWorld(t, "CAPTURE_V1_ENABLED=true")
			cmd := exec.CommandContext(t.Context(), tt.command[0], append(tt.command[1:], w.proxy.URL)...)
			cmd.Dir = filepath.Join(clients, tt.group)
			cmd.Env = append(os.Environ(), "POSTHOG_CAPTURE_MODE="+tt.mode)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			compareWithGolden(t, name, landed(t, w.data))
			require.Len(t, w.ways(), 1)
			require.Contains(t, w.ways()[0], tt.way)
			require.NoError(t, w.end(t, os.Interrupt))
		})
	}
}

// chromium finds the browser, which bin/test has installed where it could.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium is installed: the group browser of real clients is left out")
	return ""
}

func install(t *testing.T, group, runtime string) {
	t.Helper()
	if _, err := exec.LookPath(runtime); err != nil {
		t.Skipf("%s is not installed: the group %s of real clients is left out", runtime, group)
	}
	out, err := exec.CommandContext(t.Context(), clients+"/setup", group).CombinedOutput()
	require.NoError(t, err, "clients/setup %s: %s", group, out)
}

// landed reads all that is in the Kafka of the hog that runs on data.
func landed(t *testing.T, data string) (out []testkit.Record) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "hog.json"))
	require.NoError(t, err)
	var instance struct{ Kafka, Topics []string }
	require.NoError(t, json.Unmarshal(text, &instance))
	k := testkit.KafkaServer{Brokers: instance.Kafka}
	for _, topic := range instance.Topics {
		out = append(out, k.All(t, topic)...)
	}
	return out
}

func count(records []testkit.Record, event string) (n int) {
	for _, r := range records {
		if name, _ := r.Header("event"); string(name) == event {
			n++
		}
	}
	return n
}

// recorded returns the picture of the page that a session recording begins with. posthog-js packs it with gzip and sends the bytes as
// the characters of a string, which every stage on the way has to leave alone.
func recorded(t *testing.T, records []testkit.Record) string {
	t.Helper()
	const picture = 2 // the type of the item in rrweb
	for _, r := range records {
		if !strings.HasPrefix(r.Topic, "session_recording") {
			continue
		}
		var value struct{ Data string }
		require.NoError(t, json.Unmarshal(r.Value, &value))
		var data struct {
			Properties struct {
				Items []struct {
					Type int
					Data json.RawMessage
				} `json:"$snapshot_items"`
			}
		}
		require.NoError(t, json.Unmarshal([]byte(value.Data), &data))
		for _, item := range data.Properties.Items {
			if item.Type == picture {
				return unpack(t, item.Data)
			}
		}
	}
	require.FailNow(t, "no recording of a whole page")
	return ""
}

func unpack(t *testing.T, text json.RawMessage) string {
	t.Helper()
	var chars string
	require.NoError(t, json.Unmarshal(text, &chars))
	packed := make([]byte, 0, len(chars))
	for _, c := range chars {
		packed = append(packed, byte(c))
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	out, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(out)
}
