package rate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/internal/rate"
)

func TestParse(t *testing.T) {
	tests := map[string]struct {
		text string
		want rate.Limit
		bad  bool
	}{
		"a minute":      {text: "1200/minute", want: rate.Limit{Burst: 1200, PerSecond: 20}},
		"a second":      {text: "5/second", want: rate.Limit{Burst: 5, PerSecond: 5}},
		"an hour":       {text: "36/hour", want: rate.Limit{Burst: 36, PerSecond: 0.01}},
		"a day":         {text: "864/day", want: rate.Limit{Burst: 864, PerSecond: 0.01}},
		"no unit":       {text: "5", bad: true},
		"unknown unit":  {text: "5/week", bad: true},
		"none at all":   {text: "0/minute", bad: true},
		"no number":     {text: "many/minute", bad: true},
		"less than one": {text: "-1/minute", bad: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := rate.Parse(tt.text)
			if tt.bad {
				require.ErrorContains(t, err, "such as 600/minute")
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestAllow(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := rate.New(rate.Limit{Burst: 3, PerSecond: 0.5}, map[string]rate.Limit{"own": {Burst: 1, PerSecond: 0}})
	passed := func(key string, n int) (passed int) {
		for range n {
			if b.Allow(key, now) {
				passed++
			}
		}
		return passed
	}
	require.Equal(t, 3, passed("a", 5), "the burst")
	require.Equal(t, 3, passed("b", 5), "keys do not share")
	require.Equal(t, 1, passed("own", 5))
	now = now.Add(2 * time.Second)
	require.Equal(t, 1, passed("a", 5), "one is back after two seconds: what was refused cost nothing")
	now = now.Add(24 * time.Hour)
	require.Equal(t, 3, passed("a", 5), "no more than the burst is saved up")
	require.Equal(t, 0, passed("own", 5), "which never refills")
	b.Sweep(now)
	require.Equal(t, 2, b.Len(), "b is full again")
	b.Sweep(now.Add(6 * time.Second))
	require.Equal(t, 1, b.Len())
}
