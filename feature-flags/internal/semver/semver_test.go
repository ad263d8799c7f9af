package semver_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/internal/semver"
)

func parse(t *testing.T, s string) semver.Version {
	t.Helper()
	v, ok := semver.Parse(s)
	require.True(t, ok, s)
	return v
}

// The order of semver.org, section 11, and what is around it.
func TestCompare(t *testing.T) {
	ascending := []string{"0.0.1", "0.9.0", "1.0.0-0", "1.0.0-2", "1.0.0-11", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
		"1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0", "18446744073709551615.0.0"}
	for i, low := range ascending {
		require.Zero(t, semver.Compare(parse(t, low), parse(t, low+"+build.007")))
		for _, high := range ascending[i+1:] {
			require.Equal(t, -1, semver.Compare(parse(t, low), parse(t, high)), "%s < %s", low, high)
			require.Equal(t, 1, semver.Compare(parse(t, high), parse(t, low)), "%s > %s", high, low)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "1", "1.2", "1.2.3.4", "01.2.3", "1.02.3", "1.2.x", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3+", "1.2.3-ä", " 1.2.3", "v1.2.3", "-1.2.3", "18446744073709551616.0.0"} {
		_, ok := semver.Parse(s)
		require.False(t, ok, s)
	}
}

func TestCanonical(t *testing.T) {
	for s, want := range map[string]string{"v3.08": "3.8.0", "3.10": "3.10.0", "1": "1.0.0", " 1.2 ": "1.2.0", "000.0": "0.0.0", "1.2-rc.1": "1.2.0-rc.1", "1+b": "1.0.0+b", "1.2.3.4": "1.2.3.4", "": ".0.0", "vv1": "v1.0.0"} {
		require.Equal(t, want, semver.Canonical(s), s)
	}
}

func TestRequirements(t *testing.T) {
	tests := []struct {
		requirement  string
		takes, turns []string
	}{
		{"^1.2.3", []string{"1.2.3", "1.9.0"}, []string{"1.2.2", "2.0.0", "1.2.3-rc.1", "1.3.0-rc.1"}},
		{"^0.2.3", []string{"0.2.3", "0.2.9"}, []string{"0.3.0", "0.2.2"}},
		{"^0.0.3", []string{"0.0.3"}, []string{"0.0.4", "0.0.2"}},
		{"^0.0", []string{"0.0.3"}, []string{"0.1.0"}},
		{"^0", []string{"0.9.9"}, []string{"1.0.0"}},
		{"^1.2", []string{"1.2.0", "1.5.0"}, []string{"1.1.9", "2.0.0"}},
		{"1.2.3", []string{"1.9.0"}, []string{"2.0.0"}},
		{"~1.2.3", []string{"1.2.3", "1.2.9"}, []string{"1.3.0", "1.2.2"}},
		{"~1.2", []string{"1.2.0"}, []string{"1.3.0"}},
		{"~1", []string{"1.9.0"}, []string{"2.0.0"}},
		{"~1.2.3-rc.1", []string{"1.2.3-rc.1", "1.2.3-rc.2", "1.2.3", "1.2.4"}, []string{"1.2.3-beta", "1.2.4-rc.1"}},
		{"1.2.*", []string{"1.2.7"}, []string{"1.3.0", "1.2.7-rc.1"}},
		{"1.x", []string{"1.9.0"}, []string{"2.0.0"}},
		{"1.*.*", []string{"1.9.0"}, []string{"2.0.0"}},
		{"*", []string{"0.0.0", "9.9.9"}, []string{"1.0.0-rc.1"}},
		{"=1.2", []string{"1.2.9"}, []string{"1.3.0"}},
		{">1.2", []string{"1.3.0"}, []string{"1.2.9"}},
		{">=1.2, <2", []string{"1.2.0", "1.9.9"}, []string{"2.0.0", "1.1.9", "2.1.0"}},
		{"<=1.2", []string{"1.2.9", "0.1.0"}, []string{"1.3.0"}},
		{">= 1.2.3-rc.1", []string{"1.2.3-rc.2", "1.2.3"}, []string{"1.2.4-rc.1", "1.2.3-alpha"}},
	}
	for _, tt := range tests {
		r, ok := semver.ParseRequirement(tt.requirement)
		require.True(t, ok, tt.requirement)
		for _, v := range tt.takes {
			require.True(t, r.Matches(parse(t, v)), "%s takes %s", tt.requirement, v)
		}
		for _, v := range tt.turns {
			require.False(t, r.Matches(parse(t, v)), "%s turns %s away", tt.requirement, v)
		}
	}
	for _, s := range []string{"", "1.*.3", "1.2.3.4", "a", ">", "^*.1", "1,", "1.*-rc", "01", "1.2-rc.1", "*.1"} {
		_, ok := semver.ParseRequirement(s)
		require.False(t, ok, s)
	}
	require.Equal(t, "3.8.*", semver.Wildcard("3.08.*"))
}
