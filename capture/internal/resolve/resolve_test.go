package resolve_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/lane"
	"github.com/hog-go/hog/capture/internal/resolve"
	"github.com/hog-go/hog/capture/internal/scan"
)

func TestNewID(t *testing.T) {
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	a, b := resolve.NewID(at), resolve.NewID(at)
	require.NotEqual(t, a, b)
	require.Equal(t, "018cc251-f400-7", a.String()[:15])
	require.EqualValues(t, 7, a.Version())
	require.Equal(t, "RFC4122", a.Variant().String())
	require.Equal(t, "00000000-0000-7", resolve.NewID(time.Unix(-1, 0)).String()[:15], "a time before 1970 has no UUIDv7")
}

func TestReroutingCountsTheWholeDay(t *testing.T) {
	var r scan.Request
	require.NoError(t, r.Parse([]byte(`[{"event":"e","distinct_id":"d","timestamp":"2022-12-31T12:00:00Z"},{"event":"e","distinct_id":"d","timestamp":"2022-12-31T12:00:00.001Z"}]`)))
	req := resolve.Request{Now: time.Date(2023, 1, 1, 12, 0, 0, 0, time.UTC)}
	var arena []byte
	var n resolve.Counts
	events, err := resolve.Rules{Reroute: 24 * time.Hour}.Events(nil, r.Events, &req, &arena, &n)
	require.NoError(t, err)
	require.Equal(t, lane.Historical, events[0].Lane, "exactly the threshold is old")
	require.Equal(t, lane.Main, events[1].Lane)
	require.Equal(t, 1, n.Rerouted)
}

func TestSplitKeepsTheClientsAddress(t *testing.T) {
	var r scan.Request
	require.NoError(t, r.Parse([]byte(`{"event":"e","distinct_id":5,"properties":{"capture_internal":1,"$prev_pageview_pathname":"/","$current_url":"u","$cookieless_mode":true}}`)))
	req := resolve.Request{Now: time.Date(2023, 1, 1, 12, 0, 0, 0, time.UTC), ClientIP: []byte("203.0.113.9")}
	var arena []byte
	var n resolve.Counts
	events, err := resolve.Rules{}.Events(nil, r.Events, &req, &arena, &n)
	require.NoError(t, err)
	require.Len(t, events, 2)
	require.Equal(t, "127.0.0.1", string(events[0].Subject()))
	require.Equal(t, "203.0.113.9", string(events[1].Subject()))
	require.Equal(t, `{"$prev_pageview_pathname":"/","$current_url":"u","$cookieless_mode":true}`, string(events[1].Properties))
	require.NotEqual(t, events[0].ID, events[1].ID)
	require.True(t, events[0].SkipHeatmap)
}
