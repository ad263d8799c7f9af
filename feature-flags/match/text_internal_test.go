package match

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/quick"

	"github.com/stretchr/testify/require"
)

func TestTextForms(t *testing.T) {
	for raw, want := range map[string]string{
		`"a\n\u00e9\ud83d\ude00\/\ud83dx"`: "a\né😀/\ufffdx",
		`null`:                             "null",
		`42`:                               "42",
		`42.0`:                             "42.0",
		`4.20`:                             "4.2",
		`1e3`:                              "1000.0",
		`1e15`:                             "1000000000000000.0",
		`1e16`:                             "1e16",
		`1.5e300`:                          "1.5e300",
		`0.00001`:                          "0.00001",
		`0.000001`:                         "1e-6",
		`-0`:                               "-0.0",
		`0.0`:                              "0.0",
		`18446744073709551615`:             "18446744073709551615",
		`18446744073709551616`:             "1.8446744073709552e19",
		`[ "a" , 1.0, {"k" : null} ]`:      `["a",1.0,{"k":null}]`,
		`["\u0001\"\\\t\u007f/"]`:          `["\u0001\"\\\t` + "\u007f" + `/"]`,
	} {
		require.Equal(t, want, jsonText(raw), raw)
	}
}

// The walk over an object agrees with encoding/json, whatever the strings in it.
func TestMembers(t *testing.T) {
	same := func(object map[string]string, list map[string][]int) bool {
		text, err := json.Marshal(map[string]any{"o": object, "l": list, "n": -1.5e3, "b": true, "z": nil})
		require.NoError(t, err)
		want := map[string]json.RawMessage{}
		require.NoError(t, json.Unmarshal(text, &want))
		got := map[string]json.RawMessage{}
		for m := membersOf(strings.ReplaceAll(string(text), `,"`, " ,\n\"")); ; {
			name, raw, ok := m.next()
			if !ok {
				break
			}
			got[name] = json.RawMessage(strings.ReplaceAll(raw, " ,\n\"", `,"`))
		}
		inner := map[string]string{}
		for m := membersOf(string(want["o"])); ; {
			name, raw, ok := m.next()
			if !ok {
				break
			}
			inner[name] = unquote(raw)
		}
		decoded := map[string]string{}
		require.NoError(t, json.Unmarshal(want["o"], &decoded))
		require.Equal(t, decoded, inner)
		return len(got) == len(want) && string(got["n"]) == string(want["n"]) && string(got["z"]) == "null"
	}
	require.NoError(t, quick.Check(same, nil))
}

// No bytes make the walk panic or run on.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{``, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":"\`, `{"a":[{"b":"]"}],"c":2}`, `[1,2`, `{"a\u00":1}`, `{,"a":1}`, `{"a":}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n := 0
		for m := membersOf(text); ; n++ {
			_, raw, ok := m.next()
			if !ok {
				break
			}
			v := valueOf(raw)
			v.asLower()
			v.asNumber()
		}
		require.LessOrEqual(t, n, len(text))
		elements(text)
		if json.Valid([]byte(text)) {
			object := map[string]json.RawMessage{}
			if json.Unmarshal([]byte(text), &object) == nil && object != nil {
				require.GreaterOrEqual(t, n, len(object))
			}
		}
	})
}
