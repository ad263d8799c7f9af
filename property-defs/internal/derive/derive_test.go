package derive_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/property-defs/internal/definition"
	"github.com/hog-go/hog/property-defs/internal/derive"
	"github.com/hog-go/hog/property-defs/internal/known"
	"github.com/hog-go/hog/property-defs/internal/teams"
)

const now = 1760000000 // 2025-10-09T08:53:20Z

func newCache() *known.Cache {
	return known.New(known.Capacities{Events: 10_000, EventProperties: 100_000, Properties: 100_000})
}

func newDeriver(cfg derive.Config) *derive.Deriver {
	if cfg.SkipThreshold == 0 {
		cfg.SkipThreshold = 10_000
	}
	if cfg.Period == 0 {
		cfg.Period = 3600
	}
	return derive.New(cfg, newCache())
}

// payload is an event of team and project 2; properties is the text of its properties, "" for none.
func payload(t testing.TB, event, properties string) []byte {
	t.Helper()
	e := map[string]any{"uuid": "01", "team_id": 2, "project_id": 2, "event": event, "distinct_id": "d", "timestamp": "2026-01-01 00:00:00.000000"}
	if properties != "" {
		e["properties"] = properties
	}
	b, err := json.Marshal(e)
	require.NoError(t, err)
	return b
}

// show writes updates as the tables of the tests do: ED(name), EP(property), PD(name,parent[:group],type).
func show(updates []definition.Update) string {
	var out []string
	for _, u := range updates {
		switch u.Kind {
		case definition.Event:
			out = append(out, fmt.Sprintf("ED(%s)", u.Event))
		case definition.EventProperty:
			out = append(out, fmt.Sprintf("EP(%s)", u.Property))
		case definition.Property:
			parent := map[definition.Parent]string{definition.OfEvent: "event", definition.OfPerson: "person", definition.OfGroup: "group:" + u.Group}[u.Parent]
			typ := u.Type.String()
			if typ == "" {
				typ = "unset"
			}
			out = append(out, fmt.Sprintf("PD(%s,%s,%s)", u.Property, parent, typ))
		}
	}
	return strings.Join(out, "; ")
}

func TestTypes(t *testing.T) {
	tests := []struct{ row, key, value, want string }{
		{"D1", "random_property", `"2025-03-11T09:48:12.863948+00:00"`, "DateTime"},
		{"D2", "random_property", `"2023-12-13T15:45:30.123Z"`, "DateTime"},
		{"D3", "random_property", `"2023/12/13 15:45:30Z"`, "DateTime"},
		{"D4", "random_property", `"12-13-2023 15:45:30-07:00"`, "DateTime"},
		{"D5", "random_property", `"12/13/2023 15:45:30-07"`, "DateTime"},
		{"D6", "random_property", `"2023-13-12T15:45:30"`, "DateTime"},
		{"D7", "random_property", `"12/13/2023"`, "DateTime"},
		{"D8", "random_property", `"2023-12-13 15:45"`, "String"},
		{"D9", "random_property", `"31-12-2023"`, "String"},
		{"D10", "random_property", `"29-12-2023"`, "DateTime"},
		{"D11", "random_property", `"Tue, 1 Jul 2003 10:52:37 +0200"`, "DateTime"},
		{"D12", "random_property", `"  2023-12-13  "`, "DateTime"},
		{"D13", "random_property", `"2023-12-13 15:45:30\nx"`, "String"},
		{"D14", "timestamp", `"15:45:30"`, "String"},
		{"D15", "signup_date", `"not a date"`, "String"},
		{"D16", "signup_date", `"true"`, "Boolean"},
		{"D17", "posthog_is_awesome", `"FALSE"`, "Boolean"},
		{"D18", "flag", `"True"`, "String"},
		{"D19", "time", `1760000000`, "DateTime"},
		{"D20", "sent_at", `1744232000`, "DateTime"},
		{"D21", "sent_at", `1744231999`, "Numeric"},
		{"D22", "timestamp", `1639400730`, "Numeric"},
		{"D23", "updatedAt", `1760000000000`, "DateTime"},
		{"D24", "last-seen-at", `1760000000`, "DateTime"},
		{"D25", "time", `1760000000.5`, "Numeric"},
		{"D26", "created_at", `-5`, "Numeric"},
		{"D27", "random_number", `1760000000`, "Numeric"},
		{"D28", "candidate_id", `9000000000`, "DateTime"},
		{"D29", "lifetime_value", `250`, "Numeric"},
		{"D30", "utm_content", `12345`, "String"},
		{"D31", "UTM_Campaign", `7`, "String"},
		{"D32", "$initial_utm_source", `7`, "String"},
		{"D33", "$feature/new-nav", `true`, "String"},
		{"D34", "$feature_flag_response", `false`, "String"},
		{"D35", "$survey_response_3", `9`, "String"},
		{"D36", "$feature_enrollment/beta", `true`, "Boolean"},
		{"D37", "plan", `null`, ""},
		{"D38", "tags", `["a"]`, ""},
		{"D39", "obj", `{"a": 1}`, ""},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("row %s %s %s", tt.row, tt.key, tt.value), func(t *testing.T) {
			d := newDeriver(derive.Config{})
			_, err := d.Message(payload(t, "e", fmt.Sprintf(`{%q: %s}`, tt.key, tt.value)), now)
			require.NoError(t, err)
			i := slices.IndexFunc(d.Updates, func(u definition.Update) bool { return u.Kind == definition.Property })
			require.Equal(t, tt.want, d.Updates[i].Type.String())
		})
	}
}

// object is a JSON object with n members named by format, all of value 1.
func object(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"`+format+`":1`, i)
	}
	return "{" + b.String()[1:] + "}"
}

func TestUpdates(t *testing.T) {
	long := strings.Repeat("a", 201)
	tests := []struct{ row, event, properties, want string }{
		{"U1 no properties", "sign up", "", "ED(sign up)"},
		{"U2 no JSON", "sign up", `{not json`, "ED(sign up)"},
		{"U3 no object", "sign up", `[1,2]`, "ED(sign up)"},
		{"U4 ignored event", "$$plugin_metrics", `{"a": 1}`, ""},
		{"U5 a property", "e", `{"a": 1}`, "ED(e); EP(a); PD(a,event,Numeric)"},
		{"U6 person properties", "e", `{"$set": {"email": "x@y.z"}, "$set_once": {"email": "q"}}`, "ED(e); PD(email,person,String)"},
		{"U7 $set is no object", "e", `{"$set": "oops", "n": "1"}`, "ED(e); EP(n); PD(n,event,String)"},
		{"U8 skipped names", "e", `{"$groups": {"org": "1"}, "$group_0": "k", "$unset": ["a"], "$group_type": "org"}`, "ED(e); EP($group_type); PD($group_type,event,String)"},
		{"U9 feature flags", "e", `{"$feature/x": true, "a": "b"}`, "ED(e); PD($feature/x,event,String); EP(a); PD(a,event,String)"},
		{"U10 enrollment", "e", `{"$feature_enrollment/x": true}`, "ED(e); PD($feature_enrollment/x,event,Boolean)"},
		{"U11 case", "e", `{"$Feature/x": true}`, "ED(e); EP($Feature/x); PD($Feature/x,event,String)"},
		{"U12 group", "$groupidentify", `{"$group_type": "org", "$group_set": {"seats": 5}, "extra": 1}`, "ED($groupidentify); PD(seats,group:org,Numeric)"},
		{"U13 no group set", "$groupidentify", `{"$group_type": "org"}`, "ED($groupidentify)"},
		{"U14 group type is no string", "$groupidentify", `{"$group_type": 5, "$group_set": {"seats": 5}}`, "ED($groupidentify)"},
		{"U15 skipped names of a group count", "$groupidentify", `{"$group_type": "org", "$group_set": {"$set": 1}}`, "ED($groupidentify); PD($set,group:org,Numeric)"},
		{"U16 name of 201 bytes", long, `{"a": 1}`, ""},
		{"U16 name of 200 bytes", long[1:], ``, "ED(" + long[1:] + ")"},
		{"U17 bytes count, not characters", strings.Repeat("é", 67) + strings.Repeat("a", 67), `{"a": 1}`, ""},
		{"U18 key of 201 bytes", "e", `{"` + long + `": 1, "ok": 1}`, "ED(e); EP(ok); PD(ok,event,Numeric)"},

		{"", "group set is no object", `{"$group_type": "org", "$group_set": 1}`, "ED(group set is no object); EP($group_type); PD($group_type,event,String); EP($group_set); PD($group_set,event,Numeric)"},
		{"", "last of equal keys", `{"a": 1, "b": 2, "a": "x"}`, "ED(last of equal keys); EP(a); EP(b); PD(b,event,Numeric); PD(a,event,String)"},
		{"", "last of equal keys, one escaped", `{"a": 1, "\u0061": null}`, "ED(last of equal keys, one escaped); EP(a); PD(a,event,unset)"},
		{"", "last of equal sets", `{"$set": {"a": 1}, "$set": {"b": 1}}`, "ED(last of equal sets); PD(b,person,Numeric)"},
		{"", "last set is no object", `{"$set": {"a": 1}, "$set": 5}`, "ED(last set is no object)"},
		{"", "escapes", `{"a\"\u00e9\n": "\u0074rue"}`, "ED(escapes); EP(a\"é\n); PD(a\"é\n,event,Boolean)"},
		{"", "NUL\x00", `{"a\u0000b": 1}`, "ED(NUL\ufffd); EP(a\ufffdb); PD(a\ufffdb,event,Numeric)"},
		{"", "lone surrogate", `{"a": "\ud800", "b": 1}`, "ED(lone surrogate)"},
		{"", "number beyond a float", `{"a": 1e999, "b": 1}`, "ED(number beyond a float)"},
		{"", "text after the object", `{"a": 1} x`, "ED(text after the object)"},
		{"", "empty key", `{"": 1}`, "ED(empty key); EP(); PD(,event,Numeric)"},
		{"", "127 deep", `{"a":` + strings.Repeat("[", 126) + strings.Repeat("]", 126) + `}`, "ED(127 deep); EP(a); PD(a,event,unset)"},
		{"", "128 deep", `{"a":` + strings.Repeat("[", 127) + strings.Repeat("]", 127) + `}`, "ED(128 deep)"},
		{"", "127 deep in a set", `{"$set":{"a":` + strings.Repeat("[", 125) + strings.Repeat("]", 125) + `}}`, "ED(127 deep in a set); PD(a,person,unset)"},
		{"", "128 deep in a set", `{"$set":{"a":` + strings.Repeat("[", 126) + strings.Repeat("]", 126) + `}}`, "ED(128 deep in a set)"},
	}
	for _, tt := range tests {
		name := "row " + tt.row
		if tt.row == "" {
			name = tt.event
		}
		t.Run(name, func(t *testing.T) {
			d := newDeriver(derive.Config{})
			_, err := d.Message(payload(t, tt.event, tt.properties), now)
			require.NoError(t, err)
			require.Equal(t, tt.want, show(d.Updates))
			d.Updates = nil
			_, err = d.Message(payload(t, tt.event, tt.properties), now)
			require.NoError(t, err)
			require.Empty(t, show(d.Updates), "the second sighting brings nothing")
		})
	}
}

func TestThreshold(t *testing.T) {
	tests := []struct {
		row        string
		properties string
		want       int
	}{
		{"U19 one too many", object(5000, "p%d"), 0},
		{"U20 just enough", object(4999, "p%d"), 9999},
		{"U21 equal is kept", object(9999, "$feature/%d"), 10_000},
	}
	for _, tt := range tests {
		t.Run("row "+tt.row, func(t *testing.T) {
			d := newDeriver(derive.Config{})
			outcome, err := d.Message(payload(t, "e", tt.properties), now)
			require.NoError(t, err)
			require.Len(t, d.Updates, tt.want)
			require.Equal(t, tt.want == 0, outcome == derive.TooManyUpdates)
			require.Equal(t, tt.want, d.Stats.Seen)
		})
	}
}

// A key that is given twice is one property, also where the number of properties is looked at.
func TestThresholdCountsNamesOnce(t *testing.T) {
	d := newDeriver(derive.Config{SkipThreshold: 5})
	for _, tt := range []struct {
		properties string
		want       derive.Outcome
		updates    int32
	}{
		{`{"a":1,"a":2,"a":3,"$feature/b":1,"$feature/b":2}`, derive.Done, 4},
		{`{"a":1,"b":2}`, derive.Done, 5},
		{`{"a":1,"b":2,"a":3,"c":1}`, derive.TooManyUpdates, 0},
		{`{"a":1,"$set":{"a":1,"a":2},"$set_once":{"a":1}}`, derive.Done, 5}, // each object for itself
	} {
		d.Stats.Reset()
		outcome, err := d.Message(payload(t, "e", tt.properties), now)
		require.NoError(t, err)
		require.Equal(t, tt.want, outcome, tt.properties)
		require.Equal(t, []int32{tt.updates}, d.Stats.PerEvent, tt.properties)
	}
}

// Every event that is looked at counts among the events and in the distribution of updates.
func TestEventsWithoutUpdatesCount(t *testing.T) {
	d := newDeriver(derive.Config{SkipThreshold: 1})
	for _, name := range []string{"$$plugin_metrics", strings.Repeat("a", 201), "e"} {
		_, err := d.Message(payload(t, name, `{"a": 1}`), now)
		require.NoError(t, err)
	}
	require.Equal(t, 3, d.Stats.Received)
	require.Equal(t, []int32{0, 0, 0}, d.Stats.PerEvent)
	require.Zero(t, d.Stats.Seen)
}

func TestInput(t *testing.T) {
	tests := []struct {
		row, message string
		want         derive.Outcome
		updates      int
	}{
		{"I1 numbers in strings", `{"team_id":"7","project_id":"7","event":"e"}`, derive.Done, 1},
		{"I2 no project", `{"team_id":7,"event":"e"}`, derive.Bad, 0},
		{"I3 a float", `{"team_id":7.0,"project_id":7,"event":"e"}`, derive.Bad, 0},
		{"I4 team beyond 32 bits", `{"team_id":2147483648,"project_id":7,"event":"e"}`, derive.Bad, 0},
		{"I5 project beyond 32 bits", `{"team_id":7,"project_id":9999999999,"event":"e","properties":null}`, derive.Done, 1},
		{"I6 properties are an object", `{"team_id":7,"project_id":7,"event":"e","properties":{"a":1}}`, derive.Bad, 0},
		{"I7 empty value", ``, derive.Empty, 0},

		{"", `{"team_id":"+7","project_id":-7,"event":"e"}`, derive.Done, 1},
		{"", `{"team_id":"7 ","project_id":7,"event":"e"}`, derive.Bad, 0},
		{"", `{"team_id":true,"project_id":7,"event":"e"}`, derive.Bad, 0},
		{"", `{"team_id":-0,"project_id":7,"event":"e"}`, derive.Bad, 0},
		{"", `{"team_id":7,"project_id":null,"event":"e"}`, derive.Bad, 0},
		{"", `{"team_id":7,"project_id":7,"event":null}`, derive.Bad, 0},
		{"", `{"team_id":7,"project_id":7,"event":"e","event":"f"}`, derive.Bad, 0},
		{"", `{"team_id":7,"project_id":7,"event":"e"} x`, derive.Bad, 0},
		{"", `{"team_id":7,"project_id":7,"event":"e",}`, derive.Bad, 0},
		{"", `{"team_id":7,"project_id":7,"event":"e","x":[1,{"y":[]},"\ud800"]}`, derive.Done, 1},
		{"", `{"team_id":7,"project_id":7,"event":"e","x":"` + "\x01" + `"}`, derive.Bad, 0},
		{"", `{"team_id":7,"project_id":7,"event":"` + "\xff" + `"}`, derive.Bad, 0},
		{"", `{"team_id":7,"project_id":7,"event":"e","properties":"{\"a\":\"` + "\xff" + `\"}"}`, derive.Bad, 0},
		{"", `{"\u0074eam_id":7,"project_id":7,"event":"e"}`, derive.Done, 1},
		{"", ` { "team_id" : 7 , "project_id" : 7 , "event" : "e" , "x" : ` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + ` } `, derive.Done, 1},
		{"", `[]`, derive.Bad, 0},
	}
	for _, tt := range tests {
		name := "row " + tt.row
		if tt.row == "" {
			name = tt.message
		}
		t.Run(name, func(t *testing.T) {
			d := newDeriver(derive.Config{})
			outcome, err := d.Message([]byte(tt.message), now)
			require.Equal(t, tt.want, outcome, "%v", err)
			require.Equal(t, tt.want == derive.Bad || tt.want == derive.Empty, err != nil)
			require.Len(t, d.Updates, tt.updates)
		})
	}
}

func TestFilter(t *testing.T) {
	tests := []struct {
		row, mode, list string
		team            int
		want            bool
	}{
		{"T1 nobody is left out", "opt_out", "", 999, true},
		{"T2 nobody is in", "opt_in", "", 1, false},
		{"T3 listed", "OPT-OUT", "1,2,3", 2, false},
		{"T3 not listed", "OPT-OUT", "1,2,3", 4, true},
		{"T6 listed", " Opt_In ", " 4,5 ", 5, true},
		{"T6 not listed", " Opt_In ", " 4,5 ", 6, false},
	}
	for _, tt := range tests {
		t.Run("row "+tt.row, func(t *testing.T) {
			var f teams.Filter
			require.NoError(t, f.Mode.UnmarshalText([]byte(tt.mode)))
			require.NoError(t, f.List.UnmarshalText([]byte(tt.list)))
			d := newDeriver(derive.Config{Filter: f})
			outcome, err := d.Message(fmt.Appendf(nil, `{"team_id":%d,"project_id":1,"event":"e"}`, tt.team), now)
			require.NoError(t, err)
			require.Equal(t, tt.want, outcome == derive.Done)
			require.Equal(t, tt.want, d.Stats.Received == 1, "a filtered event is not received")
			require.Equal(t, tt.want, d.Stats.Filtered == 0)
		})
	}
}

func TestWindowsBoundWrites(t *testing.T) {
	for period, most := range map[int64]int{3600: 12_500, 86400: 1000} {
		t.Run(fmt.Sprintf("row S16 period %d", period), func(t *testing.T) {
			d := newDeriver(derive.Config{Period: period})
			for hour := range int64(24) {
				for i := range 500 {
					_, err := d.Message(payload(t, fmt.Sprint("event ", i), ""), now+hour*3600)
					require.NoError(t, err)
				}
			}
			require.LessOrEqual(t, len(d.Updates), most)
			if period == 3600 {
				require.GreaterOrEqual(t, len(d.Updates), 12_000)
			}
		})
	}
}

// What is known only as a name gets its type when a value has one; a type is never asked for again.
func TestTypeComesLater(t *testing.T) {
	d := newDeriver(derive.Config{})
	for _, step := range []struct{ properties, want string }{
		{`{"a": null}`, "ED(e); EP(a); PD(a,event,unset)"},
		{`{"a": []}`, ""},
		{`{"a": 5}`, "PD(a,event,Numeric)"},
		{`{"a": "x"}`, ""},
		{`{"a": null}`, ""},
	} {
		d.Updates = nil
		_, err := d.Message(payload(t, "e", step.properties), now)
		require.NoError(t, err)
		require.Equal(t, step.want, show(d.Updates), step.properties)
	}
}

// A row that was given up is forgotten, and the next sighting brings it again, also where its pair with the event is known.
func TestForgottenRowsComeAgain(t *testing.T) {
	cache := newCache()
	d := derive.New(derive.Config{SkipThreshold: 100, Period: 3600}, cache)
	send := func() string {
		d.Updates = nil
		_, err := d.Message(payload(t, "e", `{"a": 1, "b": 2}`), now)
		require.NoError(t, err)
		return show(d.Updates)
	}
	require.Equal(t, "ED(e); EP(a); PD(a,event,Numeric); EP(b); PD(b,event,Numeric)", send())
	first := d.Updates
	require.Empty(t, send())
	require.Empty(t, send())
	require.True(t, cache.Remove(&first[2]))
	require.Equal(t, "PD(a,event,Numeric)", send())
	require.Empty(t, send())
	require.True(t, cache.Remove(&first[3]))
	require.Equal(t, "EP(b)", send())
}

func TestKnownEventsCostNoAllocation(t *testing.T) {
	d := newDeriver(derive.Config{})
	msg := payload(t, "$pageview", `{"$browser": "Chrome", "a\"b": 1, "utm_source": null, "list": [1, {"x": "y"}], "$set": {"email": "x@y.z"}, "$feature/a": true}`)
	run := func() {
		_, _ = d.Message(msg, now)
		d.Updates = d.Updates[:0]
		d.Stats.Reset()
	}
	run()
	require.LessOrEqual(t, testing.AllocsPerRun(100, run), 2.0, "only the key with an escape is decoded")
}
