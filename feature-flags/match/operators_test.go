package match_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/match"
)

// missing is a property that the person does not have.
const missing = ""

// holds tells whether a condition on the property p is met.
func holds(t testing.TB, o match.Options, operator, filter, value string) bool {
	t.Helper()
	filters := where(prop("p", operator, filter))
	if filter == missing {
		filters = where(fmt.Sprintf(`{"key": "p", "type": "person", "operator": %q}`, operator))
	}
	set := compileWith(t, o, "", flagJSON(1, "f", filters))
	var data match.Data
	if value != missing {
		data.Person = person("p", value)
	}
	a := evaluate(t, set, match.Request{DistinctID: "ann"}, data)
	require.False(t, a.errors)
	return a.flags["f"].Enabled
}

func TestOperators(t *testing.T) {
	la, err := time.LoadLocation("America/Los_Angeles")
	require.NoError(t, err)
	ny, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	type cell struct {
		operator, filter, value string
		want                    bool
	}
	tests := []struct {
		name    string
		options match.Options
		cells   []cell
	}{
		{"row 1 exact text", match.Options{}, []cell{
			{"exact", `"value"`, `"value"`, true}, {"exact", `"value"`, `"value2"`, false}, {"exact", `"value"`, `""`, false}, {"exact", `"value"`, `null`, false}}},
		{"row 2 exact list", match.Options{}, []cell{
			{"exact", `["US","CA","Uk"]`, `"us"`, true}, {"exact", `["US","CA","Uk"]`, `"uk"`, true}, {"exact", `["US","CA","Uk"]`, `"de"`, false}}},
		{"row 3 empty list is truthy", match.Options{}, []cell{{"exact", `[]`, `"us"`, false}, {"exact", `[]`, `true`, true}}},
		{"row 4 truth", match.Options{}, []cell{{"exact", `"true"`, `true`, true}, {"exact", `true`, `"TRUE"`, true}, {"exact", `"False"`, `false`, true}}},
		{"row 5 all else is false", match.Options{}, []cell{{"exact", `"false"`, `"banana"`, true}}},
		{"row 6 one is not true", match.Options{}, []cell{{"exact", `"true"`, `1`, false}}},
		{"row 7 numbers by their text", match.Options{}, []cell{{"exact", `1`, `"1"`, true}, {"exact", `1`, `1.0`, false}}},
		{"row 8 equality with nothing", match.Options{}, []cell{{"exact", `"x"`, missing, false}, {"is_not", `"x"`, missing, true}}},
		{"row 9 is_not", match.Options{}, []cell{{"is_not", `"value"`, `null`, true}, {"is_not", `["a","b"]`, `"b"`, false}}},
		{"row 10 null has a text", match.Options{}, []cell{{"is_not", `"null"`, `null`, false}}},
		{"row 11 presence", match.Options{}, []cell{
			{"is_set", `"x"`, `null`, true}, {"is_set", `"x"`, missing, false}, {"is_not_set", `"x"`, missing, true}, {"is_not_set", `"x"`, `"x"`, false}}},
		{"row 12 icontains", match.Options{}, []cell{
			{"icontains", `"valUe"`, `"343tfvalue5"`, true}, {"icontains", `"valUe"`, `"Alakazam"`, false}, {"icontains", `"valUe"`, `123`, false}}},
		{"row 13 icontains of numbers and null", match.Options{}, []cell{{"icontains", `"3"`, `323`, true}, {"icontains", `"nu"`, `null`, true}}},
		{"row 14 text with nothing", match.Options{}, []cell{
			{"icontains", `"x"`, missing, false}, {"not_icontains", `"x"`, missing, true}, {"not_regex", `"x"`, missing, true}}},
		{"row 15 icontains_multi", match.Options{}, []cell{
			{"icontains_multi", `["foo","BAR"]`, `"xbarx"`, true}, {"not_icontains_multi", `["foo"]`, `"x"`, true}}},
		{"row 16 regex", match.Options{}, []cell{
			{"regex", `"\\.com$"`, `"value.com"`, true}, {"regex", `"\\.com$"`, `".com343tfvalue5"`, false}, {"regex", `"\\.com$"`, `123`, false}}},
		{"row 17 no regex", match.Options{}, []cell{{"regex", `"?*"`, `"value"`, false}, {"not_regex", `"?*"`, `"value"`, false}}},
		{"row 18 regex of other types", match.Options{}, []cell{{"regex", `4`, `"4"`, true}, {"regex", `4`, `4`, true}, {"regex", `"Nu"`, `null`, false}}},
		{"row 19 numbers in text", match.Options{}, []cell{
			{"gt", `1`, `"23"`, true}, {"gt", `1`, `0`, false}, {"gte", `1`, `"3"`, true}, {"lt", `1`, `"1"`, false}}},
		{"row 20 numbers in the filter's text", match.Options{}, []cell{{"lt", `"43"`, `42`, true}, {"lt", `"43"`, `"43"`, false}, {"lt", `"30"`, `100`, false}}},
		{"row 21 no numbers", match.Options{}, []cell{{"gt", `"123aloha"`, `129`, false}, {"gt", `1`, `true`, false}, {"gt", `1`, `null`, false}}},
		{"row 22 loose versions", match.Options{}, []cell{{"semver_gt", `"3.9.0"`, `"3.10"`, true}, {"semver_eq", `"3.8"`, `"v3.08"`, true}}},
		{"row 23 no versions", match.Options{}, []cell{{"semver_neq", `"1.0.0"`, `"abc"`, false}, {"semver_eq", `"x.y"`, `"1.0.0"`, false}}},
		{"row 24 ranges", match.Options{}, []cell{
			{"semver_tilde", `"1.2.3"`, `"1.2.9"`, true}, {"semver_tilde", `"1.2.3"`, `"1.3.0"`, false},
			{"semver_caret", `"1.2.3"`, `"1.9.0"`, true}, {"semver_caret", `"1.2.3"`, `"2.0.0"`, false}}},
		{"row 25 tilde is padded", match.Options{}, []cell{{"semver_tilde", `"1"`, `"1.0.5"`, true}, {"semver_tilde", `"1"`, `"1.1.0"`, false}}},
		{"row 26 wildcards", match.Options{}, []cell{
			{"semver_wildcard", `"1.2.*"`, `"1.2.7"`, true}, {"semver_wildcard", `"1.2.*"`, `"1.3.0"`, false}, {"semver_wildcard", `"1.*.3"`, `"1.2.3"`, false}}},
		{"row 27 pre-releases", match.Options{}, []cell{{"semver_gt", `"1.0.0-alpha"`, `"1.0.0"`, true}, {"semver_lt", `"1.0.0"`, `"1.0.0-rc.1"`, true}}},
		{"row 28 dates of a team in UTC", match.Options{}, []cell{{"is_date_after", `"2024-06-01"`, `"2024-06-01T03:00:00Z"`, true}}},
		{"row 28 dates of a team in Los Angeles", match.Options{Location: la}, []cell{{"is_date_after", `"2024-06-01"`, `"2024-06-01T03:00:00Z"`, false}}},
		{"row 29 before", match.Options{}, []cell{{"is_date_before", `"2021-01-01"`, `"2021-01-02"`, false}, {"is_date_before", `"2021-01-01"`, missing, false}}},
		{"row 30 seconds", match.Options{}, []cell{
			{"is_date_exact", `"2020-01-01T00:00:00Z"`, `1577836800`, true}, {"is_date_exact", `"2020-01-01T00:00:00Z"`, `"1577836800"`, true}}},
		{"row 33 membership is no property", match.Options{}, []cell{{"in", `5`, `5`, false}, {"not_in", `5`, `6`, false}}},
		{"row 106 explicit exact", match.Options{ExplicitExact: true}, []cell{
			{"exact", `"false"`, `"banana"`, false}, {"exact", `["true","no"]`, `"NO"`, true}, {"exact", `[]`, `true`, true}, {"exact", `[]`, `"us"`, false},
			{"exact", `"true"`, `true`, true}}},
		{"row 107 prefix and suffix", match.Options{}, []cell{
			{"starts_with", `"pre"`, `"PREfix"`, true}, {"not_starts_with", `"pre"`, `"x"`, true}, {"ends_with", `3`, `123`, true},
			{"starts_with", `"pre"`, missing, false}, {"not_ends_with", `"pre"`, missing, true}}},
		{"row 108 icontains_multi of other types", match.Options{}, []cell{
			{"icontains_multi", `[1,2]`, `"a2b"`, true}, {"not_icontains_multi", `"solo"`, `"Solomon"`, false}}},
		{"row 109 no filter value", match.Options{}, []cell{
			{"is_not", `null`, `"x"`, false}, {"is_not", `null`, missing, false}, {"not_regex", `null`, `"x"`, false}, {"not_regex", missing, missing, false},
			{"not_icontains", missing, `"x"`, false}, {"not_icontains", `null`, missing, false}, {"is_set", missing, `1`, true}, {"is_not_set", `null`, missing, true}}},
		{"row 110 regex of lists", match.Options{}, []cell{{"not_regex", `"^\\d+$"`, `"12a"`, true}, {"regex", `"b"`, `["a","b"]`, true}}},
		{"row 111 number forms", match.Options{}, []cell{
			{"gte", `"1e2"`, `100`, true}, {"lt", `"inf"`, `5`, true}, {"gt", `true`, `5`, false}, {"gt", `5`, `""`, false}}},
		{"row 112 leading zeros", match.Options{}, []cell{
			{"semver_wildcard", `"3.08.*"`, `"3.8.4"`, true}, {"semver_eq", `"v1.2"`, `"1.2.0"`, true}, {"semver_lt", `"2"`, `"1.99"`, true}}},
		{"row 113 a year is seconds", match.Options{}, []cell{
			{"is_date_before", `"2000-01-01"`, `"2024"`, true}, {"is_date_after", `"2024-01-01"`, `"2024-01-01"`, false}}},
		{"row 114 no dates", match.Options{}, []cell{
			{"is_date_after", `20240101`, `"2024-06-01"`, false}, {"is_date_before", `"nonsense"`, `1`, false}}},
		{"row 115 days over a change of clocks", match.Options{Location: ny}, []cell{
			{"is_date_exact", `"-1d"`, `"2024-11-03T15:00:00Z"`, true}, {"is_date_exact", `"2d"`, `"2024-11-02T14:00:00Z"`, true}}},
		{"row 116 a time that never was, and one that was twice", match.Options{Location: ny}, []cell{
			{"is_date_before", `"2030-01-01"`, `"2024-03-10 02:30"`, false}, {"is_date_after", `"2000-01-01"`, `"2024-03-10 02:30"`, false},
			{"is_date_exact", `"2024-11-03T05:30:00Z"`, `"2024-11-03 01:30"`, true}}},
		{"look-around", match.Options{}, []cell{
			{"regex", `"^(?!admin).*@acme\\.com$"`, `"joe@acme.com"`, true}, {"regex", `"^(?!admin).*@acme\\.com$"`, `"admin@acme.com"`, false},
			{"not_regex", `"(?<=x)y"`, `"xy"`, false}}},
		{"look-around without end is an error", match.Options{}, []cell{
			{"regex", `"^(?=(a+)+$)(a+)+b$"`, `"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`, false},
			{"not_regex", `"^(?=(a|aa|aaa)+$)"`, `"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"`, false}}},
		{"classes know all of Unicode", match.Options{}, []cell{
			{"regex", `"^\\w+$"`, `"Zoë"`, true}, {"regex", `"^[\\w.]+@\\w+$"`, `"zoë.é@éa"`, true}, {"regex", `"^\\W$"`, `"ë"`, false},
			{"regex", `"^\\d$"`, `"٣"`, true}, {"regex", `"^[^\\D]$"`, `"٣"`, true}, {"regex", `"a\\sb"`, `"a\u00a0b"`, true}, {"regex", `"\\S"`, `"\u3000"`, false},
			{"regex", `"\\bb"`, `"éb"`, false}, {"regex", `"\\bb"`, `"é b"`, true}, {"regex", `"\\Bb"`, `"éb"`, true}, {"regex", `"\\bb"`, `"eb"`, false},
			{"regex", `"^[]\\w]+$"`, `"]é"`, true}, {"regex", `"^[^]\\s]+$"`, `"é]"`, false}, {"regex", `"^[[:alpha:]\\w]+$"`, `"é"`, true},
			{"regex", `"^(?P<n>\\w)(?!\\d)"`, `"é٣"`, false}, {"regex", `"^é$"`, `"é\n"`, false}, {"regex", `"^é(?!x)$"`, `"é\n"`, false}}},
		{"unfinished patterns", match.Options{}, []cell{
			{"regex", `"["`, `"é["`, false}, {"not_regex", `"[^"`, `"é"`, false}, {"regex", `"[[:"`, `"é"`, false}, {"regex", `"é\\"`, `"é"`, false}, {"regex", `"[]"`, `"]é"`, false}}},
		{"a list is the values to be equal to, not one itself", match.Options{}, []cell{
			{"exact", `["a"]`, `["a"]`, false}, {"is_not", `["a"]`, `["a"]`, true}, {"exact", `["a"]`, `"[\"a\"]"`, false}, {"exact", `[["a"]]`, `["a"]`, true},
			{"exact", `"[\"a\"]"`, `["a"]`, true}}},
		{"nor in explicit mode", match.Options{ExplicitExact: true}, []cell{
			{"exact", `["a"]`, `["a"]`, false}, {"exact", `[]`, `"[]"`, false}, {"exact", `[]`, `[]`, true}}},
		{"lower case and few digits in dates", match.Options{Location: ny}, []cell{
			{"is_date_exact", `"2024-02-03t00:00:00z"`, `"2024-02-03T00:00:00Z"`, true}, {"is_date_exact", `"2024-2-3 4:05"`, `"2024-02-03T09:05:00Z"`, true},
			{"is_date_exact", `"2024-2-3"`, `"2024-02-03T05:00:00Z"`, true}, {"is_date_exact", `"2024-2-30"`, `"2024-03-01"`, false}}},
		{"full lower case", match.Options{}, []cell{
			{"exact", `"STRASSE É"`, `"strasse é"`, true}, {"exact", `"ΟΔΟΣ"`, `"οδος"`, true}, {"icontains", `"É"`, `"é"`, false}}},
		{"between", match.Options{}, []cell{
			{"between", `[1,5]`, `"5"`, true}, {"between", `[1,5]`, `5.5`, false}, {"not_between", `[1,5]`, `0`, true}, {"not_between", `[5,1]`, `0`, false},
			{"not_between", `[1,5]`, `"nan"`, false}, {"between", `[1]`, `1`, false}, {"not_between", `[1,2]`, missing, true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, c := range tt.cells {
				require.Equal(t, c.want, holds(t, tt.options, c.operator, c.filter, c.value), "%s(%s, %s)", c.operator, c.filter, c.value)
			}
		})
	}
}
