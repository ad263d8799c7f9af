package event_test

import (
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/event"
	"github.com/hog-go/hog/common/rawjson"
)

var noon = time.Date(2023, 1, 1, 12, 0, 0, 0, time.UTC)

func sample() *event.Captured {
	return &event.Captured{
		UUID: uuid.MustParse("01856cfc-e070-7000-8000-000000000001"), DistinctID: "user-1", IP: "203.0.113.9",
		Data: `{"token":"phc_test","uuid":null,"event":"pv","properties":{"a":"x\ny"}}`,
		Now:  "2023-01-01T12:00:00Z", Token: "phc_test", Event: "pv", Timestamp: noon,
	}
}

func TestCapturedJSON(t *testing.T) {
	t.Run("row 44 no historical flag when false", func(t *testing.T) {
		require.NotContains(t, string(sample().AppendJSON(nil)), "historical_migration")
	})
	t.Run("row 45 missing flag reads as false", func(t *testing.T) {
		var c event.Captured
		require.NoError(t, json.Unmarshal(sample().AppendJSON(nil), &c))
		require.False(t, c.Historical)
	})
	t.Run("round trip keeps every field", func(t *testing.T) {
		in := sample()
		in.SentAt, in.Historical, in.Cookieless = "2023-01-01T12:00:10.5Z", true, true
		text := in.AppendJSON(nil)
		var out event.Captured
		require.NoError(t, json.Unmarshal(text, &out))
		require.Equal(t, in, &out)
		require.True(t, strings.HasSuffix(string(text), `"timestamp":"2023-01-01T12:00:00Z","is_cookieless_mode":true,"historical_migration":true}`))
	})
	t.Run("empty sent_at and a session id are read", func(t *testing.T) {
		var c event.Captured
		require.NoError(t, json.Unmarshal([]byte(`{"uuid":"01856cfc-e070-7000-8000-000000000001","sent_at":"","session_id":"s"}`), &c))
		require.Empty(t, c.SentAt)
		require.Equal(t, "s", c.SessionID)
	})
	t.Run("key", func(t *testing.T) {
		c := sample()
		require.Equal(t, "phc_test:user-1", c.Key())
		c.Cookieless = true
		require.Equal(t, "phc_test:203.0.113.9", c.Key())
	})
}

func TestHeaders(t *testing.T) {
	h := sample().Headers()
	list := h.Append(nil)
	byName := map[string][]byte{}
	for _, e := range list {
		byName[e.Name] = e.Value
	}
	t.Run("row 46 session id is there and null", func(t *testing.T) {
		value, ok := byName[event.HeaderSessionID]
		require.True(t, ok)
		require.Nil(t, value)
		require.Len(t, list, 9)
	})
	t.Run("row 47 timestamp in milliseconds", func(t *testing.T) {
		require.Equal(t, "1672574400000", string(byName[event.HeaderTimestamp]))
	})
	t.Run("row 48 no dlq header", func(t *testing.T) {
		for name := range byName {
			require.False(t, strings.HasPrefix(name, "dlq_"), name)
		}
	})
	t.Run("optional ones come last and in order", func(t *testing.T) {
		yes := true
		h := event.Headers{SkipHeatmap: &yes, DLQReason: "event_restriction", DLQStep: "capture", ContentEncoding: "lz4"}
		var names []string
		for _, e := range h.Append(nil)[9:] {
			names = append(names, e.Name+"="+string(e.Value))
		}
		require.Equal(t, []string{"skip_heatmap_processing=true", "dlq_reason=event_restriction", "dlq_step=capture", "content-encoding=lz4"}, names)
	})
}

func TestDistinctID(t *testing.T) {
	extract := func(t *testing.T, text string) (string, bool) {
		t.Helper()
		var r event.Raw
		require.NoError(t, json.Unmarshal([]byte(text), &r))
		return r.ExtractDistinctID()
	}
	quoted := func(s string) string { return string(rawjson.AppendString(nil, s)) }
	rows := []struct {
		name, distinctID, want string
		ok                     bool
	}{
		{"row 49 surrounding blanks are kept", quoted("  hello  "), "  hello  ", true},
		{"row 50 white space only is none", quoted("\t\n"), "\t\n", false},
		{"row 51 cut after 200 characters", quoted(strings.Repeat("x", 250)), strings.Repeat("x", 200), true},
		{"row 52 characters count, not bytes", quoted(strings.Repeat("€", 150)), strings.Repeat("€", 150), true},
		{"number", "123", "123", true},
		{"float", "1000.0", "1000.0", true},
		{"exponent", "1e3", "1000.0", true},
		{"large exponent", "1e300", "1e300", true},
		{"small", "0.000001", "1e-6", true},
		{"negative zero", "-0", "-0.0", true},
		{"list", `[ "a" ]`, `["a"]`, true},
		{"object keys are sorted", `{"string":"a","number":3}`, `{"number":3,"string":"a"}`, true},
		{"NUL", `"a\u0000b"`, "a\uFFFDb", true},
		{"null", "null", "", false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			id, ok := extract(t, `{"event":"e","distinct_id":`+row.distinctID+`}`)
			require.Equal(t, row.ok, ok)
			require.Equal(t, row.want, id)
		})
	}
	t.Run("row 51 the original count is told", func(t *testing.T) {
		_, chars := event.CleanDistinctID(strings.Repeat("x", 250))
		require.Equal(t, 250, chars)
	})
	t.Run("from properties", func(t *testing.T) {
		id, ok := extract(t, `{"event":"e","distinct_id":null,"properties":{"distinct_id":"p"}}`)
		require.True(t, ok)
		require.Equal(t, "p", id)
	})
}

func TestRawJSON(t *testing.T) {
	var r event.Raw
	require.NoError(t, json.Unmarshal([]byte(`{"api_key":"t","$distinct_id":"d","uuid":"","event":"e","extra":1,"$set":{"a":1}}`), &r))
	require.Equal(t, "t", r.ExtractToken())
	text, err := json.Marshal(r)
	require.NoError(t, err)
	require.Equal(t, `{"token":"t","distinct_id":"d","uuid":null,"event":"e","properties":{},"$set":{"a":1}}`, string(text))
	require.Error(t, json.Unmarshal([]byte(`{"event":"e","uuid":"nope"}`), &r))
}

func TestClock(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		require.NoError(t, err)
		return v
	}
	eleven := "2023-01-01T11:00:00Z"
	tests := []struct {
		name string
		in   event.Clock
		want string
		skew time.Duration
		ok   bool
	}{
		{"client ahead", event.Clock{Timestamp: eleven, SentAt: noon.Add(10 * time.Second)}, "2023-01-01T10:59:50Z", 10 * time.Second, true},
		{"client behind", event.Clock{Timestamp: eleven, SentAt: noon.Add(-10 * time.Second)}, "2023-01-01T11:00:10Z", -10 * time.Second, true},
		{"aligned", event.Clock{Timestamp: eleven, SentAt: noon}, eleven, 0, true},
		{"no sent_at", event.Clock{Timestamp: eleven}, eleven, 0, false},
		{"ignored sent_at", event.Clock{Timestamp: eleven, SentAt: noon.Add(10 * time.Second), IgnoreSentAt: true}, eleven, 0, false},
		{"no timestamp", event.Clock{SentAt: noon.Add(5 * time.Second)}, "2023-01-01T12:00:00Z", 0, false},
		{"offset wins", event.Clock{Timestamp: eleven, SentAt: noon.Add(10 * time.Second), OffsetMillis: 5000, HasOffset: true}, "2023-01-01T11:59:55Z", 10 * time.Second, true},
		{"unreadable", event.Clock{Timestamp: "not a date"}, "2023-01-01T12:00:00Z", 0, false},
		{"over 23 hours ahead", event.Clock{Timestamp: "2023-01-02T11:00:00.001Z"}, "2023-01-01T12:00:00Z", 0, false},
		{"exactly 23 hours ahead", event.Clock{Timestamp: "2023-01-02T11:00:00Z"}, "2023-01-02T11:00:00Z", 0, false},
		{"year out of range", event.Clock{OffsetMillis: 2100 * 366 * 24 * 3600 * 1000, HasOffset: true}, "1970-01-01T00:00:00Z", 0, false},
		{"a clock that was never set", event.Clock{Timestamp: "0001-01-01T00:00:05Z", SentAt: time.Date(1, 1, 1, 0, 0, 15, 0, time.UTC)}, "2023-01-01T11:59:50Z", math.MinInt64, true},
		{"a timestamp that was never set", event.Clock{Timestamp: "0001-01-01T00:00:15Z", SentAt: noon.Add(10 * time.Second)}, "0001-01-01T00:00:05Z", 10 * time.Second, true},
		{"fractions", event.Clock{Timestamp: "2023-01-01T11:00:00.25Z", SentAt: noon.Add(10*time.Second + time.Second/2)}, "2023-01-01T10:59:49.75Z", 10*time.Second + time.Second/2, true},
		{"sent_at far from a timestamp", event.Clock{Timestamp: eleven, SentAt: time.Date(2, 1, 1, 0, 0, 0, 0, time.UTC)}, "2023-01-01T12:00:00Z", math.MinInt64, true},
		{"zone out of the calendar", event.Clock{Timestamp: "0000-01-01T00:00:00+23:00"}, "1970-01-01T00:00:00Z", 0, false},
		{"offset out of the calendar", event.Clock{OffsetMillis: math.MaxInt64, HasOffset: true}, "1970-01-01T00:00:00Z", 0, false},
		{"negative offset is the future", event.Clock{OffsetMillis: math.MinInt64, HasOffset: true}, "2023-01-01T12:00:00Z", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Now = noon
			got, skew, ok := tt.in.Time()
			require.Equal(t, tt.ok, ok)
			require.Equal(t, tt.skew, skew)
			require.Equal(t, at(tt.want), got)
		})
	}
}

func TestParseTime(t *testing.T) {
	tests := map[string]string{
		"2023-01-01T12:00:00Z":              "2023-01-01T12:00:00Z",
		"2023-01-01t12:00:00.5z":            "2023-01-01T12:00:00.500Z",
		"2025-09-17T14:05:04.805+03":        "2025-09-17T11:05:04.805Z",
		"2025-09-17T14:05:04.805-05:30":     "2025-09-17T19:35:04.805Z",
		"2023-01-01 12:00:00+00:00":         "2023-01-01T12:00:00Z",
		"2023-01-01T12:00:00":               "2023-01-01T12:00:00Z",
		"2023-01-01 12:00:00.25":            "2023-01-01T12:00:00.250Z",
		"2023-01-01":                        "2023-01-01T00:00:00Z",
		"01/02/2023":                        "2023-01-02T00:00:00Z",
		"2023/01/02":                        "2023-01-02T00:00:00Z",
		"Tue, 1 Jul 2003 10:52:37 +0200":    "2003-07-01T08:52:37Z",
		"Wed, 02 Jun 2021 06:31:39 GMT":     "2021-06-02T06:31:39Z",
		"1672574400":                        "2023-01-01T12:00:00Z",
		"1672574400000":                     "2023-01-01T12:00:00Z",
		"1672574400000000001":               "2023-01-01T12:00:00.000000001Z",
		"May 8, 2009 5:57:51 PM":            "2009-05-08T17:57:51Z",
		"September 17, 2012 at 10:09am PST": "2012-09-17T18:09:00Z",
		"7 oct 1970":                        "1970-10-07T00:00:00Z",
		"12 Feb 2006, 19:17":                "2006-02-12T19:17:00Z",
		"2021-Feb-21":                       "2021-02-21T00:00:00Z",
		"2023-02-29T00:00:00Z":              "",
		"2023-13-01T00:00:00Z":              "",
		"2023-01-01T24:00:00Z":              "",
		"2023-01-01T00:00:00+24:00":         "",
		"2023-01-01T00:00:00+00:60":         "",
		"not a date":                        "",
		"12345":                             "",
		"":                                  "",
	}
	for in, want := range tests {
		t.Run(in, func(t *testing.T) {
			got, ok := event.ParseTime(in)
			require.Equal(t, want != "", ok)
			if ok {
				require.Equal(t, want, string(event.AppendTime(nil, got)))
			}
		})
	}
}

func TestParseUUID(t *testing.T) {
	const id = "550e8400-e29b-41d4-a716-446655440000"
	for in, want := range map[string]bool{
		id: true, strings.ToUpper(id): true, "550e8400e29b41d4a716446655440000": true, "{" + id + "}": true, "urn:uuid:" + id: true,
		"x" + id + "y": false, "{" + id + ")": false, " " + id + " ": false, " " + id: false, "": false, id[1:]: false, "urn:uuix:" + id: false,
	} {
		got, err := event.ParseUUID([]byte(in))
		require.Equal(t, want, err == nil, in)
		if want {
			require.Equal(t, id, got.String(), in)
		}
	}
}

func TestParseISO(t *testing.T) {
	for in, want := range map[string]bool{
		"2023-01-01T12:00:10+01:00": true, "0000-01-01T00:00:00Z": true, "9999-12-31T23:59:59Z": true,
		"2023-01-01T12:00:10": false, "1672574410": false, "0000-01-01T00:00:00+23:00": false, "9999-12-31T23:59:59-00:01": false,
	} {
		_, ok := event.ParseISO(in)
		require.Equal(t, want, ok, in)
	}
}

func TestTimeForms(t *testing.T) {
	half := noon.Add(500 * time.Millisecond)
	require.Equal(t, "2023-01-01T12:00:00.500Z", string(event.AppendTime(nil, half)))
	require.Equal(t, "2023-01-01T12:00:00.5Z", string(event.AppendSentAt(nil, half)))
	require.Equal(t, "2023-01-01T12:00:00.000001Z", string(event.AppendTime(nil, noon.Add(time.Microsecond))))
	require.Equal(t, "2023-01-01T12:00:00.000000001Z", string(event.AppendTime(nil, noon.Add(1))))
	require.Equal(t, "2023-01-01T12:00:00Z", string(event.AppendSentAt(nil, noon)))
}

// rfc3339 is the form of RFC 3339, section 5.6, with the ranges that the standard reader does not look at (go.dev/issue/54580): it
// also takes an hour of one digit, a comma before the fraction, and an offset of +24:00 or +00:60.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// FuzzParseTime has the standard parser as oracle: what it reads as RFC 3339, ours reads as the same instant.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2023-01-01T12:00:00Z", "2024-02-29T23:59:59.123456789+14:00", "2023-01-01T11:00:00-07", "1672574400", "May 8, 2009", "2006年01月02日", "0000-01-01T00:00:00Z", "2024-02-29T23:59:59.113456789+24:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := event.ParseTime(s)
		var want time.Time
		if rfc3339.MatchString(s) && want.UnmarshalText([]byte(s)) == nil {
			require.True(t, ok, s)
			require.True(t, want.Equal(got), "%s: %s, not %s", s, got, want)
		}
		if ok {
			c := event.Clock{Timestamp: s, Now: noon}
			at, _, _ := c.Time()
			require.GreaterOrEqual(t, at.Year(), 0)
			require.LessOrEqual(t, at.Year(), 9999)
		}
	})
}

func BenchmarkParseTime(b *testing.B) {
	for b.Loop() {
		if _, ok := event.ParseTime("2023-01-01T11:00:00.123Z"); !ok {
			b.Fatal("not read")
		}
	}
}
