package match_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/match"
)

var update = flag.Bool("update", false, "write testdata/operators.txt")

// Every operator, filter and value in one table, whose cells are T (met) and . (not met): a change of any of them shows. Its parts were
// compared with the rules by eye; rows that a rule can be stated for are checked below, too.
func TestOperatorTable(t *testing.T) {
	got := operatorTable(t, match.Options{})
	if *update {
		require.NoError(t, os.WriteFile("testdata/operators.txt", []byte(got), 0o644))
	}
	want, err := os.ReadFile("testdata/operators.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

var (
	tableOperators = strings.Fields(`exact is_not icontains not_icontains icontains_multi not_icontains_multi starts_with not_starts_with ends_with
		not_ends_with regex not_regex gt gte lt lte between not_between semver_gt semver_gte semver_lt semver_lte semver_eq semver_neq semver_tilde
		semver_caret semver_wildcard is_set is_not_set is_date_exact is_date_after is_date_before in not_in flag_evaluates_to`)
	tableFilters = []string{`"a"`, `"B"`, `["a","b"]`, `[]`, `true`, `"false"`, `["true",true]`, `5`, `"5.0"`, `[1,10]`, `"1.2"`, `"1.*"`, `"1.2.3-rc.1"`,
		`"2024-06-01"`, `"-30d"`, `"^[ab]"`, `"("`, `""`, `null`, missing}
	tableValues = []string{missing, `null`, `""`, `"A"`, `"ab"`, `["a"]`, `true`, `"FALSE"`, `0`, `5`, `"5.0"`, `1.20`, `"1.2.3"`, `"v1.3"`, `"1.2.3-rc.2"`,
		`"2024-06-01T12:00:00Z"`, `1717200000`, `"2024-10-20"`, `"nan"`, `{"a":1}`}
)

func operatorTable(t *testing.T, o match.Options) string {
	var table strings.Builder
	fmt.Fprintf(&table, "values: %s\n", strings.Join(append([]string{"missing"}, tableValues[1:]...), "  "))
	for _, operator := range tableOperators {
		fmt.Fprintf(&table, "\n%s\n", operator)
		for _, filter := range tableFilters {
			for _, cell := range tableRow(t, o, operator, filter) {
				table.WriteString(map[bool]string{true: "T", false: "."}[cell])
			}
			name := filter
			if filter == missing {
				name = "no value"
			}
			fmt.Fprintf(&table, "  %s\n", name)
		}
	}
	return table.String()
}

// tableRow is an operator and a filter against every value.
func tableRow(t *testing.T, o match.Options, operator, filter string) (cells []bool) {
	p := prop("p", operator, filter)
	if filter == missing {
		p = fmt.Sprintf(`{"key": "p", "type": "person", "operator": %q}`, operator)
	}
	set := compileWith(t, o, "", testFlag(where(p)))
	for _, value := range tableValues {
		var d match.Data
		if value != missing {
			d.Person = person("p", value)
		}
		cells = append(cells, evaluate(t, set, match.Request{DistinctID: "u"}, d).flags["f"].Enabled)
	}
	return cells
}

// A negated operator is the opposite wherever neither form is in error: then both are not met. Both forms are never met at once.
func TestNegatedOperators(t *testing.T) {
	for _, operator := range []string{"exact", "icontains", "icontains_multi", "starts_with", "ends_with", "regex", "is_set", "between"} {
		negated := map[string]string{"exact": "is_not", "is_set": "is_not_set"}[operator]
		if negated == "" {
			negated = "not_" + operator
		}
		for _, filter := range tableFilters {
			plain, opposite := tableRow(t, match.Options{}, operator, filter), tableRow(t, match.Options{}, negated, filter)
			for i, value := range tableValues {
				require.False(t, plain[i] && opposite[i], "%s(%s, %s)", operator, filter, value)
				inError := filter == `null` || filter == missing || operator == "regex" && (filter == `"("` || filter == `[]`) || operator == "between" && value != missing
				if operator == "is_set" || !inError {
					require.True(t, plain[i] || opposite[i], "%s(%s, %s)", operator, filter, value)
				}
			}
		}
	}
}

func testFlag(filters string) string { return flagJSON(1, "f", filters) }
