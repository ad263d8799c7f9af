package main_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/testkit"
)

var update = flag.Bool("update", false, "write what lands to the golden files of testdata")

// varies names the fields that no two runs agree on, wherever in a record they are. In the golden files stands their type, so
// that one that is missing, or of another type, shows.
var varies = []struct {
	why   string
	names []string
}{
	{"when the test runs", []string{
		"now", "sent_at", "timestamp", "$time", "$initialization_time", "$debug_first_full_snapshot_timestamp", "$sent_at",
	}},
	{"how fast the machine is", []string{
		"offset", "$prev_pageview_duration", "$lib_rate_limit_remaining_tokens", "$sdk_debug_extensions_init_time_ms",
		"$sdk_debug_replay_flushed_size", "$sdk_debug_replay_internal_buffer_length",
	}},
	{"made at random for each event; other ids are UUIDs, which are known by their looks", []string{"$insert_id"}},
	{"the version of the browser, of Python and of the system", []string{
		"$browser_version", "$raw_user_agent", "$os", "$os_version", "$os_distro", "$python_version", "$python_runtime",
	}},
	{"where the repository is", []string{"abs_path"}},
	{"what the recorder sees and when; a test of its own looks into it", []string{"$snapshot_items"}},
}

// looks are texts that differ from run to run within others, such as the keys of records and URLs.
var looks = []struct {
	text *regexp.Regexp
	now  string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<uuid>"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:<port>"},
}

// bulk events are fifty of a kind, of which the golden files hold the first.
const bulk = " bulk"

// compareWithGolden compares records, field by field, with testdata/<name>.json. The flag -update writes that file instead.
func compareWithGolden(t *testing.T, name string, records []testkit.Record) {
	t.Helper()
	got := make([]string, 0, len(records))
	bulks := 0
	for _, r := range records {
		event, _ := r.Header("event")
		if strings.HasSuffix(string(event), bulk) {
			if bulks++; !bytes.HasSuffix(r.Key, []byte("-0")) {
				continue
			}
		}
		got = append(got, normal(t, r))
	}
	if bulks > 0 {
		require.Equal(t, 50, bulks)
	}
	slices.Sort(got)
	got = slices.Compact(got) // a recording comes in as many pieces as it happens to, which look the same
	text := "[\n" + strings.Join(got, ",\n") + "\n]\n"
	path := filepath.Join("testdata", name+".json")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), text, "if this is right, run the test with -update and look at the difference of %s", path)
}

// normal is all of a record as JSON text, without what varies. The topic comes first, so that records sort by it.
func normal(t *testing.T, r testkit.Record) string {
	t.Helper()
	value := parse(t, r.Value)
	value["data"] = parse(t, []byte(value["data"].(string)))
	headers := map[string]any{}
	for _, h := range r.Headers {
		headers[h.Key] = nil
		if h.Value != nil {
			headers[h.Key] = string(h.Value)
		}
	}
	var key any
	if r.Key != nil {
		key = string(r.Key)
	}
	record := struct {
		Topic   string `json:"topic"`
		Key     any    `json:"key"`
		Value   any    `json:"value"`
		Headers any    `json:"headers"`
	}{r.Topic, normalValue(key), normalValue(value), normalValue(headers)}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("  ", "  ")
	require.NoError(t, e.Encode(record))
	return "  " + strings.TrimSuffix(out.String(), "\n")
}

func parse(t *testing.T, text []byte) (object map[string]any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // 42 and 42.0 differ
	require.NoError(t, d.Decode(&object), "%s", text)
	return object
}

func normalValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			if varying(name) && v[name] != nil {
				v[name] = kind(v[name])
			} else {
				v[name] = normalValue(v[name])
			}
		}
		if frames, ok := v["frames"].([]any); ok {
			v["frames"] = ours(frames)
		}
	case []any:
		for i := range v {
			v[i] = normalValue(v[i])
		}
	case string:
		for _, l := range looks {
			v = l.text.ReplaceAllString(v, l.now)
		}
		return v
	}
	return v
}

func varying(name string) bool {
	for _, group := range varies {
		if slices.Contains(group.names, name) {
			return true
		}
	}
	return false
}

func kind(v any) string {
	switch v.(type) {
	case string:
		return "<string>"
	case json.Number:
		return "<number>"
	case []any:
		return "<list>"
	default:
		return fmt.Sprintf("<%T>", v)
	}
}

// ours leaves out the frames of a stack that are not in the client's program: the runtime's own differ by its version.
func ours(frames []any) []any {
	return slices.DeleteFunc(frames, func(f any) bool { return f.(map[string]any)["in_app"] != true })
}
