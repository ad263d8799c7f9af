package match

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSpans(t *testing.T) {
	at := func(s string) time.Time {
		parsed, err := time.Parse("2006-01-02T15:04:05.999", s)
		require.NoError(t, err)
		return parsed
	}
	for _, row := range []struct{ name, now, span, want string }{
		{"row 31 an hour", "2020-01-01T12:01:20.134", "1h", "2020-01-01T11:01:20.134"},
		{"row 31 24 hours", "2020-01-01T12:01:20.134", "24h", "2019-12-31T12:01:20.134"},
		{"row 31 a week in days", "2020-01-01T12:01:20.134", "7d", "2019-12-25T12:01:20.134"},
		{"row 31 a week", "2020-01-01T12:01:20.134", "1w", "2019-12-25T12:01:20.134"},
		{"row 31 30 days", "2020-01-01T12:01:20.134", "30d", "2019-12-02T12:01:20.134"},
		{"row 31 a month", "2020-01-01T12:01:20.134", "1m", "2019-12-01T12:01:20.134"},
		{"row 31 8 months", "2020-01-01T12:01:20.134", "8m", "2019-05-01T12:01:20.134"},
		{"row 31 a year", "2020-01-01T12:01:20.134", "1y", "2019-01-01T12:01:20.134"},
		{"row 117 months are clamped one by one", "2023-05-31T10:00:00", "3m", "2023-02-28T10:00:00"},
		{"row 117 a leap day", "2024-02-29T10:00:00", "1y", "2023-02-28T10:00:00"},
		{"four years from a leap day", "2024-02-29T10:00:00", "4y", "2020-02-28T10:00:00"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, ok := parseDate(row.span, time.UTC).instant(at(row.now), time.UTC)
			require.True(t, ok)
			require.Equal(t, at(row.want), got.UTC())
		})
	}
	t.Run("row 32 texts that are no spans", func(t *testing.T) {
		for _, s := range []string{"1", "1x", "1.2y", "1s", "000bello", "100000d", "1000000h", "", "-", "d", "--1d", "+1d", "1D"} {
			_, _, ok := parseSpan(s)
			require.False(t, ok, s)
		}
	})
	t.Run("row 32 spans", func(t *testing.T) {
		for _, s := range []string{"000h", "1000h", "3d", "-3d"} {
			_, _, ok := parseSpan(s)
			require.True(t, ok, s)
		}
	})
}

func TestInstants(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for text, want := range map[string]string{
		"2024-06-01T12:00:00Z":            "2024-06-01T12:00:00Z",
		"2024-06-01T12:00:00.250+02:00":   "2024-06-01T10:00:00.25Z",
		"2024-06-01":                      "2024-05-31T22:00:00Z",
		"2024-01-01 10:30":                "2024-01-01T09:30:00Z",
		"2024-01-01T10:30:15.5":           "2024-01-01T09:30:15.5Z",
		"2024-10-27 02:30":                "2024-10-27T00:30:00Z", // twice: the first
		"2024-03-31 02:30":                "",                     // never
		"May 8, 2021":                     "2021-05-08T00:00:00Z", // lenient forms are UTC
		"Wed, 02 Jun 2021 06:31:39 +0200": "2021-06-02T04:31:39Z",
		"Wed, 2 Jun 2021 06:31:39 GMT":    "2021-06-02T06:31:39Z",
		"2 Jun 2021 06:31:39 -0500":       "2021-06-02T11:31:39Z",
		"1577836800000":                   "2020-01-01T00:00:00Z",
		"2024/06/01":                      "2024-06-01T00:00:00Z",
		"soon":                            "",
		"":                                "",
		"2024-13-01":                      "",
	} {
		got, ok := parseInstant(text, berlin)
		require.Equal(t, want != "", ok, text)
		if ok {
			require.Equal(t, want, got.UTC().Format(time.RFC3339Nano), text)
		}
	}
}
