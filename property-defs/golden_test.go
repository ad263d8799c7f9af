package propertydefs_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/property-defs/internal/definition"
)

const goldenFile = "testdata/golden.txt"

// golden is what the tables hold after the stream.
func golden(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile(goldenFile)
	require.NoError(t, err)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// plainly works out the tables from a stream without any of the code that is tested, but for the type of a value: with maps, and with
// every event on its own.
func plainly(t testing.TB, messages []message) []string {
	t.Helper()
	events, pairs, types := map[string]bool{}, map[string]bool{}, map[string]definition.Type{}
	indexes := map[string]int{"1 org": 2, "2 org": 0, "2 plan": 3}
	clean := func(s string) string { return strings.ReplaceAll(s, "\x00", "\ufffd") }
	for _, m := range messages {
		if m.raw != nil || m.Team == 999 || m.Event == "$$plugin_metrics" || len(m.Event) > 200 {
			continue
		}
		tenant := fmt.Sprintf("%d|%d|", m.Team, m.Project)
		events[tenant+clean(m.Event)] = true
		properties := func(parent string, set map[string]any) {
			for k, v := range set {
				if len(k) > 200 || parent == "1|" && slices.Contains([]string{"$set", "$set_once", "$unset", "$groups", "$group_0"}, k) {
					continue
				}
				if parent == "1|" && !strings.HasPrefix(k, "$feature/") {
					pairs[tenant+clean(m.Event)+"|"+clean(k)] = true
				}
				key := tenant + parent + "|" + clean(k)
				if types[key] == definition.Untyped {
					types[key] = typeOf(t, k, v)
				}
			}
		}
		object := func(v any) map[string]any { o, _ := v.(map[string]any); return o }
		if m.Event == "$groupidentify" {
			if index, ok := indexes[fmt.Sprint(m.Project, " ", m.Properties["$group_type"])]; ok {
				properties(fmt.Sprintf("3|%d", index), object(m.Properties["$group_set"]))
			}
			continue
		}
		properties("1|", m.Properties)
		properties("2|", object(m.Properties["$set"]))
		properties("2|", object(m.Properties["$set_once"]))
	}
	var lines []string
	for _, table := range []map[string]bool{events, pairs} {
		for row := range table {
			lines = append(lines, row)
		}
	}
	for key, typ := range types {
		lines = append(lines, fmt.Sprintf("%s|%s|%v", key, typ, typ == definition.Numeric))
	}
	slices.Sort(lines)
	return lines
}

func typeOf(t testing.TB, key string, v any) definition.Type {
	t.Helper()
	switch v := v.(type) {
	case string:
		return definition.Detect([]byte(key), definition.Value{Kind: definition.Text, Text: []byte(v)}, clock().Unix())
	case bool:
		return definition.Detect([]byte(key), definition.Value{Kind: definition.Bool}, clock().Unix())
	case int, float64:
		text, err := json.Marshal(v)
		require.NoError(t, err)
		return definition.Detect([]byte(key), definition.Value{Kind: definition.Number, Text: text}, clock().Unix())
	default:
		return definition.Detect([]byte(key), definition.Value{}, clock().Unix())
	}
}

// sorted is a dump in the order of bytes; that of the database depends on its locale.
func sorted(lines []string) []string { slices.Sort(lines); return lines }

func (h *harness) awaitGolden(t testing.TB) {
	t.Helper()
	h.awaitRows(t, golden(t))
}

// awaitRows waits until the tables hold want, in the order of bytes.
func (h *harness) awaitRows(t testing.TB, want []string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		have := sorted(h.db.Dump(t))
		if equal(want, have) {
			return
		}
		if time.Now().After(deadline) {
			require.Equal(t, want, have)
		}
	}
}

func TestGoldenFile(t *testing.T) {
	want := strings.Join(plainly(t, stream(t)), "\n") + "\n"
	if *update {
		require.NoError(t, os.WriteFile(goldenFile, []byte(want), 0o644))
	}
	have, err := os.ReadFile(goldenFile)
	require.NoError(t, err)
	require.Equal(t, want, string(have), "run: go test ./property-defs -run Golden -update")
}

// The tables after the stream are the same, however it is cut into batches.
func TestStream(t *testing.T) {
	messages := stream(t)
	for name, env := range map[string][]string{
		"defaults":        nil,
		"small batches":   {"UPDATE_BATCH_SIZE=7", "WRITE_BATCH_SIZE=3", "WORKER_LOOP_COUNT=1"},
		"large batches":   {"UPDATE_BATCH_SIZE=100000", "WRITE_BATCH_SIZE=5000", "MAX_ISSUE_PERIOD=1"},
		"asks the reader": {"READ_BEFORE_WRITE_ENABLED=true", "CACHE_WARMING_ENABLED=true"},
	} {
		t.Run(name, func(t *testing.T) {
			h := setup(t, env...)
			h.db.MustExec(groupTypes)
			svc := h.start(t)
			h.send(t, messages...)
			h.awaitGolden(t)
			svc.stop()
			require.Equal(t, golden(t), sorted(h.db.Dump(t)))
			require.Zero(t, svc.counter(t, "prop_defs_issue_failed"))
		})
	}
}

// A process is killed in the middle of the stream, and another goes on.
func TestStreamThroughAKill(t *testing.T) {
	t.Parallel()
	h := setup(t, "UPDATE_BATCH_SIZE=50", "WRITE_BATCH_SIZE=10", "MAX_PG_CONNECTIONS=1")
	h.db.MustExec(groupTypes)
	messages := stream(t)
	h.send(t, messages...)
	want := golden(t)
	first := h.spawn(t)
	require.Eventually(t, func() bool { return len(h.db.Dump(t)) > len(want)/3 }, time.Minute, time.Millisecond)
	kill(first)
	left := len(want) - len(h.db.Dump(t))
	require.Positive(t, left, "it was killed too late")
	t.Logf("%d of %d rows were missing when the process was killed", left, len(want))
	h.start(t)
	h.awaitGolden(t)
}

// Two replicas share four partitions, and one is killed.
func TestReplicas(t *testing.T) {
	t.Parallel()
	h := setup(t, "UPDATE_BATCH_SIZE=50", "WRITE_BATCH_SIZE=10")
	h.db.MustExec(groupTypes)
	// Every partition gets events of every project, so that both replicas write the same rows. Types that change later would then
	// depend on who is first.
	messages := stream(t)[:5000]
	want := plainly(t, messages)
	survivor := h.start(t)
	victim := h.spawn(t)
	require.Eventually(t, func() bool { _, text := survivor.get("/_readiness"); return strings.Contains(text, "member") }, 20*time.Second, 5*time.Millisecond)
	require.Eventually(t, func() bool { return survivor.partitions(t) == 2 }, 30*time.Second, 10*time.Millisecond, "each has two")
	h.spread = true
	h.send(t, messages...)
	require.Eventually(t, func() bool { return len(h.db.Dump(t)) > len(want)/4 }, time.Minute, time.Millisecond)
	kill(victim)
	missing := len(want) - len(h.db.Dump(t))
	h.awaitRows(t, want)
	require.Zero(t, survivor.counter(t, "prop_defs_issue_failed"))
	require.Equal(t, []string{"0"}, h.db.Rows(t, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`))
	sent, changed := 0.0, 0.0
	for _, table := range []string{"eventdefs", "eventprops", "propdefs"} {
		sent += survivor.counter(t, "propdefs_v2_"+table+"_batch_size")
		changed += survivor.counter(t, "propdefs_v2_"+table+"_batch_rows")
	}
	require.Positive(t, sent-changed)
	t.Logf("%d of %d rows missing at the kill; the survivor sent %v rows, of which %v were there already", missing, len(want), sent, sent-changed)
}
