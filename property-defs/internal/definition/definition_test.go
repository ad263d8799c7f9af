package definition

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWindow(t *testing.T) {
	tests := map[string]struct {
		team        int32
		name        string
		seed        uint64
		now, period int64
		want        int64
	}{
		"row F1 hour":                      {111, "$pageview", 3343334894422875628, 1760000000, 3600, 1759997972},
		"row F2 day":                       {111, "$pageview", 3343334894422875628, 1760000000, 86400, 1759969172},
		"row F3 another team":              {112, "$pageview", 17258772577333769929, 1760000000, 3600, 1759996871},
		"row F4 another name":              {111, "$identify", 15438605254643783950, 1760000000, 86400, 1759934450},
		"row F5 empty name":                {1, "", 12478008331234465636, 1760000000, 3600, 1759999964},
		"row F6 negative team":             {-1, "x", 12411734792641388715, 1760000000, 3600, 1759998885},
		"row F7 largest team, accents":     {2147483647, "café", 10005294680587582773, 1760000000, 3600, 1759998027},
		"row F8 a period later":            {111, "$pageview", 3343334894422875628, 1760003600, 3600, 1760001572},
		"row F9 no period is the default":  {111, "$pageview", 3343334894422875628, 1760000000, 0, 1759997972},
		"row F10 long period is shortened": {111, "$pageview", 3343334894422875628, 1760000000, 1000000000, 1759364372},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			seed := WindowSeed(tt.team, []byte(tt.name))
			require.Equal(t, tt.seed, seed)
			require.Equal(t, tt.want, Window(tt.now, tt.period, seed))
		})
	}
}

// What derive relies on: as long as less than a period has passed since a window began, its window is the same.
func TestWindowLastsAPeriod(t *testing.T) {
	for seed := range uint64(100) {
		seed *= 0x9e3779b97f4a7c15
		for now := int64(-5000); now < 5000; now += 7 {
			w := Window(now, 3600, seed)
			require.True(t, w <= now && now < w+3600)
			require.Equal(t, w, Window(w, 3600, seed))
			require.Equal(t, w, Window(w+3599, 3600, seed))
			require.Equal(t, w+3600, Window(w+3600, 3600, seed))
		}
	}
}

func TestDateLike(t *testing.T) {
	tests := map[string]bool{
		"2025-03-11t09:48:12z":                true, // RFC 3339 in small letters
		"2025-02-29t09:48:12z":                false,
		"2025-02-29T09:48:12z":                true, // has the shape
		"2024-02-29t09:48:60.5+01:00":         true,
		"2025-03-11t09:48:12":                 false,
		"2025-03-11 09:48:12 and more":        true,
		"2025-03-11_09:48:12":                 false,
		"Tue, 1 Jul 2003 10:52:37 +0200":      true,
		"tue, 01 JUL 2003 10:52 gmt":          true,
		"Wed, 1 Jul 2003 10:52:37 +0200":      false, // it was a Tuesday
		"1 Jul 2003 10:52:37 EST":             true,
		"1 Jul 03 10:52:37 Z":                 true,
		"1 Jul 103 10:52:37 J":                false,
		"31 Jun 2003 10:52:37 +0200":          false,
		"1 Jul 2003 24:52:37 +0200":           false,
		"1 Jul 2003 10 : 52 : 60 +0200":       true,
		"1 Jul 2003 10:52:37 +02:00":          false,
		"1 Jul 2003 10:52:37 +0200 (a(b)\\))": true,
		"1 Jul 2003 10:52:37 +0200 (open":     false,
		"1 Jul 2003 10:52:37 +0200 x":         false,
		"1 Jul 2003 10:52:37":                 false,
		"  Tue, 1 Jul 2003 10:52:37 +0200":    true, // white space before, none behind
		"Tue, 1 Jul 2003 10:52:37 +0200 ":     false,
		"Tue 1 Jul 2003 10:52:37 +0200":       false,
		"2023-12-13":                          true,
		"":                                    false,
	}
	for s, want := range tests {
		t.Run(s, func(t *testing.T) { require.Equal(t, want, dateLike([]byte(s))) })
	}
}

// The regular expression of the original.
var shape = regexp.MustCompile(`^(?:\d{4}[-/][0-2]\d[-/][0-3]\d|[0-2]\d[-/][0-3]\d[-/]\d{4})(?:[ T][0-2]\d:[0-6]\d:[0-6]\d.*)?$`)

func FuzzDateShape(f *testing.F) {
	for _, s := range []string{"2023-12-13T15:45:30.123Z", "12/13/2023 15:45:30-07", "12/13/2023", "31-12-2023", "2023-12-13 15:45:30\nx", "2023-12-13 15:45"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		require.Equal(t, shape.MatchString(s), dateShape([]byte(s)), "%q", s)
	})
}

func TestDetectKeys(t *testing.T) {
	now := int64(1760000000)
	tests := map[string]struct {
		key  string
		v    Value
		want Type
	}{
		"long keys go to the heap":         {key: "X" + string(make([]byte, 199)), v: Value{Kind: Bool}, want: Boolean},
		"Kelvin sign is a k":               {key: "Utm_\u212a", v: Value{Kind: Bool}, want: String},
		"dotted capital I is no i":         {key: "T\u0130ME", v: Value{Kind: Number, Text: []byte("1760000000")}, want: Numeric},
		"accents beside a hint":            {key: "DÉBUT_AT", v: Value{Kind: Number, Text: []byte("1760000000")}, want: DateTime},
		"largest 64 bits":                  {key: "time", v: Value{Kind: Number, Text: []byte("18446744073709551615")}, want: DateTime},
		"beyond 64 bits":                   {key: "time", v: Value{Kind: Number, Text: []byte("18446744073709551616")}, want: Numeric},
		"the value is trimmed for words":   {key: "k", v: Value{Kind: Text, Text: []byte("\u00a0true\n")}, want: Boolean},
		"key rules hold for null, too":     {key: "$survey_response", v: Value{}, want: String},
		"exact name only, for this one":    {key: "$feature_flag_response_2", v: Value{Kind: Bool}, want: Boolean},
		"hint with a date that has blanks": {key: "date", v: Value{Kind: Text, Text: []byte(" 2023-12-13")}, want: DateTime},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, Detect([]byte(tt.key), tt.v, now)) })
	}
}

func TestTypesHaveNames(t *testing.T) {
	for typ := Untyped; typ <= Duration; typ++ {
		require.Equal(t, typ, ParseType(typ.String()))
	}
	require.Equal(t, Untyped, ParseType("Selector"), "a type that people set and we do not know")
}

// Names of all lengths, one byte apart, and names that begin or end alike: none share half a key.
func TestNameKeys(t *testing.T) {
	var names []string
	for n := range 40 {
		base := strings.Repeat("a", n)
		names = append(names, base)
		for i := range n {
			for _, c := range "b\x00" {
				names = append(names, base[:i]+string(c)+base[i+1:])
			}
		}
	}
	for i := range 20_000 {
		names = append(names, fmt.Sprint("property ", i), fmt.Sprint(i, " is the longer name of a property"))
	}
	hi, lo := map[uint64]string{}, map[uint64]string{}
	for _, name := range names {
		k := NameKey([]byte(name))
		if hi[k.Hi] != "" || lo[k.Lo] != "" {
			t.Fatalf("%q has half a key of %q or %q", name, hi[k.Hi], lo[k.Lo])
		}
		hi[k.Hi], lo[k.Lo] = name, name
	}
}

// Keys of rows that differ must differ, also where the same words stand in other places.
func TestKeys(t *testing.T) {
	rows := []Update{
		{Kind: Event, Team: 1, Project: 1, Event: "a"}, {Kind: Event, Team: 2, Project: 1, Event: "a"}, {Kind: Event, Team: 1, Project: 2, Event: "a"},
		{Kind: EventProperty, Team: 1, Project: 1, Event: "a", Property: "b"}, {Kind: EventProperty, Team: 1, Project: 1, Event: "b", Property: "a"},
		{Kind: EventProperty, Team: 1, Project: 1, Event: "a", Property: "a"}, {Kind: EventProperty, Team: 1, Project: 1, Event: "b", Property: "b"},
		{Kind: Property, Team: 1, Project: 1, Parent: OfEvent, Property: "a"}, {Kind: Property, Team: 1, Project: 1, Parent: OfPerson, Property: "a"},
		{Kind: Property, Team: 1, Project: 1, Parent: OfGroup, Group: "a", Property: "a"}, {Kind: Property, Team: 1, Project: 1, Parent: OfGroup, Group: "b", Property: "a"},
		{Kind: Property, Team: 1, Project: 1, Parent: OfGroup, Group: "a", Property: "b"}, {Kind: Property, Team: 1, Project: 1, Parent: OfGroup, Group: "b", Property: "b"},
	}
	seen := map[Key]Update{}
	for _, u := range rows {
		k := KeyOf(&u)
		require.NotContains(t, seen, k, "%+v and %+v", seen[k], u)
		seen[k] = u
	}
	resolved := Update{Kind: Property, Team: 1, Project: 1, Parent: OfGroup, Group: "a", Property: "a", GroupIndex: 3}
	require.Contains(t, seen, KeyOf(&resolved), "the index is no part of the key")
}
