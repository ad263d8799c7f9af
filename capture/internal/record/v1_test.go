package record_test

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/record"
	"github.com/hog-go/hog/capture/internal/scan"
	v1 "github.com/hog-go/hog/capture/internal/v1"
	"github.com/hog-go/hog/common/event"
	"github.com/hog-go/hog/common/kafka"
)

// recordsV1 takes a v1 body through the stages that need no server.
func recordsV1(t *testing.T, body []byte, common record.V1) ([]v1.Event, []kafka.Record) {
	t.Helper()
	var sent scan.V1Batch
	if !utf8.Valid(body) || sent.Parse(body) != nil {
		return nil, nil
	}
	var arena []byte
	var n v1.Counts
	events, bad := v1.Rules{}.Events(nil, &sent, &v1.Batch{Now: noon, SentAt: noon, ClientIP: []byte("203.0.113.9"), Internal: sent.Internal}, &arena, &n)
	if bad != nil {
		return nil, nil
	}
	var w record.Writer
	w.Reset([]byte("t"), noon, noon)
	var live []v1.Event
	for i := range events {
		if events[i].Live() {
			live = append(live, events[i])
			w.AddV1(&events[i], &common, "topic", true)
		}
	}
	return live, w.Records
}

func header(r kafka.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

func TestAddV1(t *testing.T) {
	const id = `"uuid":"550E8400-E29B-41D4-A716-446655440000"`
	batch := func(event string) []byte {
		return []byte(`{"created_at":"2023-01-01T12:00:00Z","batch":[{"event":"e",` + id + `,"distinct_id":"d\"","timestamp":"2023-01-01T11:00:00+00:00"` + event + `}]}`)
	}
	tests := map[string]struct {
		event  string
		common record.V1
		data   string
	}{
		"row 90 everything is spliced in": {
			`,"session_id":"s","properties":{"a":1},"options":{"disable_skew_correction":true,"process_person_profile":false}`, record.V1{Lib: "posthog-go", LibVersion: "1.2"},
			`{"event":"e","distinct_id":"d\"","uuid":"550e8400-e29b-41d4-a716-446655440000","properties":{"a":1,"$session_id":"s","$ignore_sent_at":true,"$process_person_profile":false,"$lib":"posthog-go","$lib_version":"1.2"},"timestamp":"2023-01-01T11:00:00+00:00"}`,
		},
		"nothing to splice": {``, record.V1{},
			`{"event":"e","distinct_id":"d\"","uuid":"550e8400-e29b-41d4-a716-446655440000","properties":{},"timestamp":"2023-01-01T11:00:00+00:00"}`},
		"empty properties": {`,"properties":{ },"window_id":"w"`, record.V1{},
			`{"event":"e","distinct_id":"d\"","uuid":"550e8400-e29b-41d4-a716-446655440000","properties":{"$window_id":"w"},"timestamp":"2023-01-01T11:00:00+00:00"}`},
		"row 102 a tour": {`,"options":{"product_tour_id":"x","cookieless_mode":true}`, record.V1{},
			`{"event":"e","distinct_id":"d\"","uuid":"550e8400-e29b-41d4-a716-446655440000","properties":{"$cookieless_mode":true,"$product_tour_id":"x"},"timestamp":"2023-01-01T11:00:00+00:00"}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, recs := recordsV1(t, batch(tt.event), tt.common)
			require.Len(t, recs, 1)
			var got event.Captured
			require.NoError(t, json.Unmarshal(recs[0].Value, &got))
			require.Equal(t, tt.data, got.Data)
			require.Equal(t, "550e8400-e29b-41d4-a716-446655440000", got.UUID.String())
			require.Equal(t, "550E8400-E29B-41D4-A716-446655440000", header(recs[0], event.HeaderUUID), "as the client wrote it")
			require.Equal(t, got.Key(), string(recs[0].Key))
		})
	}
	t.Run("a migration", func(t *testing.T) {
		_, recs := recordsV1(t, batch(""), record.V1{Historical: true})
		require.Equal(t, "true", header(recs[0], event.HeaderHistorical))
		require.Contains(t, string(recs[0].Value), `"historical_migration":true`)
	})
}

// FuzzRecordV1 reads what AddV1 writes with the plain types: what the client said must have come through unchanged.
func FuzzRecordV1(f *testing.F) {
	f.Add([]byte(`{"created_at":"2023-01-01T12:00:00Z","batch":[{"event":"e","uuid":"550e8400-e29b-41d4-a716-446655440000","distinct_id":"d","timestamp":"2023-01-01T11:00:00Z","session_id":"s\"","properties":{"a":[1.50,"\u00e9\n"]},"options":{"product_tour_id":"\\"}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		events, recs := recordsV1(t, body, record.V1{Lib: `l"`, LibVersion: "1"})
		for i := range recs {
			e := &events[i]
			var got event.Captured
			require.NoError(t, json.Unmarshal(recs[i].Value, &got), "%s", recs[i].Value)
			var raw event.Raw
			require.NoError(t, json.Unmarshal([]byte(got.Data), &raw), "%s", got.Data)
			require.Equal(t, string(e.Event.Name), raw.Event)
			require.Equal(t, e.Event.ID, *raw.UUID)
			require.Equal(t, string(e.Event.DistinctID), got.DistinctID)
			require.Equal(t, `"l\""`, string(raw.Properties["$lib"]))
			if e.Sent.SessionID != nil {
				require.Equal(t, string(e.Sent.SessionID), string(raw.Properties["$session_id"]))
				require.Equal(t, string(e.Event.SessionID), header(recs[i], event.HeaderSessionID))
			}
			if e.Event.Properties != nil {
				var want map[string]json.RawMessage
				require.NoError(t, json.Unmarshal(e.Event.Properties, &want))
				for name, value := range want {
					if name == "" || name[0] != '$' {
						require.Equal(t, string(value), string(raw.Properties[name]), name)
					}
				}
			}
		}
	})
}
