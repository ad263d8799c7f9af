package match_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/match"
)

const multivariate = `{"groups": [{"rollout_percentage": 55}], "multivariate": {"variants": [
	{"key": "first-variant", "rollout_percentage": 50}, {"key": "second-variant", "rollout_percentage": 20},
	{"key": "third-variant", "rollout_percentage": 20}, {"key": "fourth-variant", "rollout_percentage": 5},
	{"key": "fifth-variant", "rollout_percentage": 5}]}}`

// Every SDK gives the same thousand people the same values. testdata has a character for each: 1 and 0 for on and off, or the number of
// the variant and - for off.
func TestConsistency(t *testing.T) {
	set := compile(t, "", flagJSON(1, "simple-flag", one(`{"rollout_percentage": 45}`)), flagJSON(2, "multivariate-flag", multivariate))
	numbers := map[string]string{"first-variant": "1", "second-variant": "2", "third-variant": "3", "fourth-variant": "4", "fifth-variant": "5"}
	var simple, variants strings.Builder
	for i := range 1000 {
		a := evaluate(t, set, match.Request{DistinctID: fmt.Sprintf("distinct_id_%d", i)}, match.Data{})
		simple.WriteString(map[bool]string{true: "1", false: "0"}[a.flags["simple-flag"].Enabled])
		variant := "-"
		if key, ok := a.flags["multivariate-flag"].Variant(); ok {
			variant = numbers[key]
		}
		variants.WriteString(variant)
	}
	for name, got := range map[string]string{"simple-flag": simple.String(), "multivariate-flag": variants.String()} {
		want, err := os.ReadFile("testdata/" + name + ".txt")
		require.NoError(t, err)
		require.Equal(t, strings.ReplaceAll(string(want), "\n", ""), got, name)
	}
}
