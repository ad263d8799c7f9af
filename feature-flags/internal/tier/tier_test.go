package tier_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/internal/rate"
	"github.com/hog-go/hog/feature-flags/internal/tier"
)

func TestCheck(t *testing.T) {
	now := time.Now()
	verdicts := func(l *tier.Limiter, key string, n int) (out []tier.Verdict) {
		for range n {
			out = append(out, l.Check(key, now))
		}
		return out
	}
	const a, w, b = tier.Allowed, tier.Warned, tier.Blocked
	for name, tt := range map[string]struct {
		cfg  tier.Config
		key  string
		want []tier.Verdict
	}{
		"row 140 two tiers":                    {tier.Config{Capacity: 5, WarnCapacity: 4}, "k", []tier.Verdict{a, a, a, a, w, b, b}},
		"row 140 log only":                     {tier.Config{Capacity: 5, WarnCapacity: 4, LogOnly: true}, "k", []tier.Verdict{a, a, a, a, w, w, w}},
		"no warnings":                          {tier.Config{Capacity: 2}, "k", []tier.Verdict{a, a, b}},
		"row 141 a limit of its own":           {tier.Config{Capacity: 5, WarnCapacity: 1, LogOnly: true, Overrides: map[string]rate.Limit{"k": {Burst: 2}}}, "k", []tier.Verdict{a, a, b}},
		"only keys with a limit, other key":    {tier.Config{Capacity: 1, OverridesOnly: true, Overrides: map[string]rate.Limit{"k": {Burst: 2}}}, "x", []tier.Verdict{a, a, a}},
		"only keys with a limit, one of these": {tier.Config{Capacity: 1, OverridesOnly: true, Overrides: map[string]rate.Limit{"k": {Burst: 2}}}, "k", []tier.Verdict{a, a, b}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, verdicts(tier.New(tt.cfg), tt.key, len(tt.want))) })
	}
	t.Run("a bucket fills again", func(t *testing.T) {
		l := tier.New(tier.Config{Capacity: 2, PerSecond: 1})
		require.Equal(t, []tier.Verdict{a, a, b}, verdicts(l, "k", 3))
		require.Equal(t, a, l.Check("k", now.Add(time.Second)))
		require.Equal(t, b, l.Check("k", now.Add(time.Second)))
	})
}

func TestRunForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := tier.New(tier.Config{Capacity: 2, PerSecond: 1, WarnCapacity: 1, Sweep: time.Minute})
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		l.Check("k", time.Now())
		require.Equal(t, 1, l.Len())
		require.NoError(t, l.Run(ctx))
		require.Zero(t, l.Len())
	})
}
