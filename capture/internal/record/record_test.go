package record_test

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/record"
	"github.com/hog-go/hog/capture/internal/resolve"
	"github.com/hog-go/hog/capture/internal/scan"
	"github.com/hog-go/hog/common/event"
)

var noon = time.Date(2023, 1, 1, 12, 0, 0, 0, time.UTC)

// FuzzRecord compares what the stages make of a payload without decoding it with what the plain types of package event,
// which decode everything, read from the result: each field of the client's event must have come through unchanged.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"event":"e","distinct_id":"d","properties":{"a":[1,2.50,"x\"\\\n\u00e9"],"b":{"c":null}},"$set":{"s":1},"offset":5,"timestamp":"2023-01-01T11:00:00Z"}`))
	f.Add([]byte(`[{"event":"$pageview","distinct_id":{"b":1,"a":[]},"uuid":"550e8400-e29b-41d4-a716-446655440000","properties":{"$heatmap_data":{},"k":1}}]`))
	f.Add([]byte(`{"token":"a","batch":[{"event":"€","distinct_id":" \u0000 ","properties":{"$cookieless_mode":true}}]}`))
	f.Add([]byte(`{"event":"$ai_span","distinct_id":1e3,"properties":{"$ai_gateway":1,"x":"\ud800"}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var r scan.Request
		if !utf8.Valid(payload) || r.Parse(payload) != nil {
			return
		}
		var arena []byte
		var n resolve.Counts
		req := resolve.Request{Now: noon, SentAt: noon.Add(time.Second), ClientIP: []byte("203.0.113.9")}
		events, err := resolve.Rules{}.Events(nil, r.Events, &req, &arena, &n)
		if err != nil {
			return
		}
		var w record.Writer
		w.Reset([]byte(`to"ken`), req.Now, req.SentAt)
		for i := range events {
			w.Add(&events[i], "topic", true)
		}
		for i, rec := range w.Records {
			e := &events[i]
			var got event.Captured
			require.NoError(t, json.Unmarshal(rec.Value, &got), "%s", rec.Value)
			var raw event.Raw
			require.NoError(t, json.Unmarshal([]byte(got.Data), &raw), "%s", got.Data)
			require.Equal(t, e.ID, got.UUID)
			require.Equal(t, string(e.DistinctID), got.DistinctID)
			require.Equal(t, string(e.Name), got.Event)
			require.Equal(t, string(e.Name), raw.Event)
			require.Equal(t, `to"ken`, got.Token)
			require.Equal(t, "2023-01-01T12:00:01Z", got.SentAt)
			require.True(t, e.Time.Equal(got.Timestamp))
			require.Equal(t, got.Key(), string(rec.Key))
			if !e.Heatmap {
				require.Equal(t, len(got.Data), record.DataSize(e), "%s", got.Data)
			}
			id, ok := raw.ExtractDistinctID()
			require.True(t, ok)
			require.Equal(t, got.DistinctID, id, "the id can be told from the data alone")
			if !e.Heatmap && !e.SkipHeatmap && e.Raw.Has&scan.HasGateway == 0 && e.Properties != nil {
				var want map[string]json.RawMessage
				require.NoError(t, json.Unmarshal(e.Raw.Properties, &want))
				require.Equal(t, want, raw.Properties)
			}
			if e.Raw.Set != nil && !e.Heatmap {
				require.Equal(t, string(e.Raw.Set), string(raw.Set))
			}
		}
	})
}

// A batch must cost no allocation per event once its buffers have grown.
func TestAddDoesNotAllocate(t *testing.T) {
	var r scan.Request
	require.NoError(t, r.Parse([]byte(`{"event":"e","distinct_id":"d","properties":{"a":1},"timestamp":"2023-01-01T11:00:00Z"}`)))
	var arena []byte
	var n resolve.Counts
	req := resolve.Request{Now: noon, ClientIP: []byte("203.0.113.9")}
	events, err := resolve.Rules{}.Events(nil, r.Events, &req, &arena, &n)
	require.NoError(t, err)
	var w record.Writer
	token := []byte("t")
	allocs := testing.AllocsPerRun(100, func() {
		w.Reset(token, noon, noon)
		for range 50 {
			w.Add(&events[0], "topic", true)
		}
	})
	require.Zero(t, allocs)
}
