package date_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm/internal/date"
)

func TestParse(t *testing.T) {
	const start = 1704067200 // of 2024
	accepted := map[string]float64{
		"2024-01-01": start, "2024-01-01T00:00:00Z": start, "2024-01-01t00:00:00z": start, "2024-01-01 00:00:00": start,
		"2024-01-01T00:00": start, "  2024-01-01  ": start, "2024-01-01T00:00:00+05:00": 1704049200, "2024-01-01 00:00:00+05:00": 1704049200,
		"2024-01-01T00:00:00+05": 1704049200, "2024-01-01T00:00:00-0500": 1704085200, "2024-01-01T00:00:00.123Z": start + 0.123,
		"2024-01-01T00:00:00.123456Z": start + 0.123, "2024-01-01T00:00:00,123Z": start + 0.123, "2024-01-01T00:00:00.1Z": start + 0.1,
		"1960-01-01T00:00:00.123Z": -315619199.877, "2024-02-29": 1709164800, "0001-01-01": -62135596800, "2024-01-01T00:00+00:30": start - 1800,
	}
	for text, want := range accepted {
		got, ok := date.Parse(text, nil)
		require.True(t, ok, text)
		require.InDelta(t, want, got, 1e-6, text)
	}
	for _, text := range []string{
		"2024", "2024-01", "20240101", "2024-W05", "2024-001", "12:30", "1700000000", "not-a-date", "", "2024-13-01", "2024-02-30", "2023-02-29",
		"2024-01-01T24:00:00Z", "2024-01-01T00:00.123Z", "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+99:99", "0000-01-01",
		"2024-01-01T25:00", "2024-01-01T00:60", "2024-01-01T00:00:60", "２０２４-01-01", "2024-01-01T", "2024-01-01  00:00", "2024-01-01T00",
		"2024-01-01T00:00:00.", "2024-01-01T00:00:00.1234567890", "2024-01-01T00:00:00Zx", "2024-01-01Z", "2024-01-01T00:00:00+5", "2024-1-1",
	} {
		_, ok := date.Parse(text, nil)
		require.False(t, ok, text)
	}
}

func TestParseInZone(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	tests := []struct {
		text string
		want string // "" if there is no such time
	}{
		{"2024-01-01 00:00:00", "2024-01-01T05:00:00Z"},
		{"2024-07-01T12:00", "2024-07-01T16:00:00Z"},
		{"2024-03-10T02:30", ""},                     // skipped
		{"2024-11-03T01:30", "2024-11-03T05:30:00Z"}, // twice: the earlier
		{"2024-11-03T00:30", "2024-11-03T04:30:00Z"},
		{"2024-11-03T02:30", "2024-11-03T07:30:00Z"},
		{"2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"}, // has a zone
	}
	for _, tt := range tests {
		got, ok := date.ParseTime(tt.text, zone)
		require.Equal(t, tt.want != "", ok, tt.text)
		if ok {
			require.Equal(t, tt.want, got.UTC().Format(time.RFC3339), tt.text)
		}
	}
}

func TestParseZoned(t *testing.T) {
	got, ok := date.ParseZoned("2024-01-01T00:00:00.5-05:00")
	require.True(t, ok)
	require.InDelta(t, 1704085200.5, got, 1e-6)
	for _, text := range []string{"2024-01-01", "2024-01-01T00:00", "2024-01-01T00:00+24", "nope"} {
		_, ok := date.ParseZoned(text)
		require.False(t, ok, text)
	}
}
