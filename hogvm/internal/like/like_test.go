package like_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm/internal/like"
)

func TestMatch(t *testing.T) {
	tests := []struct {
		text, pattern  string
		sensitive, any bool // with and without regard to case
	}{
		{"", "", true, true},
		{"", "%", true, true},
		{"", "_", false, false},
		{"a", "", false, false},
		{"baa", "aa", false, false},
		{"a\nb", "a%b", true, true},
		{"a\nb", "a_b", false, false},
		{"null", "%ul%", true, true},
		{"100% sure", `100\% sure`, true, true},
		{"100x sure", `100\% sure`, false, false},
		{"hello_world", `hello\_world`, true, true},
		{"helloxworld", `hello\_world`, false, false},
		{`hello\there`, `hello\there`, true, true},
		{`a\b`, `a\\b`, true, true},
		{`a\`, `a\`, true, true},
		{"こんにちは", "こ_にちは", true, true},
		{"HeLLo", "hello", false, true},
		{"HeLLo", "h%L_o", false, true},
		{"\u212Aite", "kite", false, true},
		{"xxx \u212Aite\u017F xxx", "%KITES%", false, true},
		{"ΣΑΣ", "σας", false, true},
		{"straße", "STRASSE", false, false},
		{"abcabd", "%ab%bd", true, true},
		{"abab", "ab%ab%ab", false, false},
		{"aba", "ab%ba", false, false},
		{"abcab", "%%ab%%", true, true},
		{"x\xffy", "x_y", true, true},
		{"x\xffy", "x\xffy", true, true},
		{"é", "%\xa9", false, false},
		{"a.c", "a.c", true, true},
		{"abc", "a.c", false, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%q like %q", tt.text, tt.pattern), func(t *testing.T) {
			require.Equal(t, tt.sensitive, like.Compile(tt.pattern, false).Match(tt.text), "like")
			require.Equal(t, tt.any, like.Compile(tt.pattern, true).Match(tt.text), "ilike")
			check(t, tt.pattern, tt.text)
		})
	}
}

func TestSearch(t *testing.T) {
	tests := []struct {
		text, pattern string
		fold, want    bool
	}{
		{"baa", "aa", false, true},
		{"a\nb", "a%b", false, false},
		{"a\nb", "a_b", false, false},
		{"xacb", "a_b", false, true},
		{`a\b`, `a\%`, false, true},
		{"a%", `a\%`, false, false},
		{"BAA", "a%", false, false},
		{"BAA", "a%", true, true},
		{"a.c", "a.c", false, true},
		{"abc", "a.c", false, false},
		{"x\xffy", "x\xffy", false, true},
		{"", "", false, true},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%q like %q", tt.text, tt.pattern), func(t *testing.T) {
			re, err := like.Search(tt.pattern, tt.fold)
			require.NoError(t, err)
			require.Equal(t, tt.want, re.MatchString(tt.text))
		})
	}
}

// check holds Match to a plain matcher, and to regexp where that can say it.
func check(t *testing.T, pattern, text string) {
	t.Helper()
	for _, fold := range []bool{false, true} {
		got := like.Compile(pattern, fold).Match(text)
		if want := plain(characters(pattern), characters(text), fold); got != want {
			t.Fatalf("%q like %q, fold %v: want %v", text, pattern, fold, want)
		}
		if !utf8.ValidString(pattern) || strings.ContainsRune(pattern, utf8.RuneError) {
			continue
		}
		if want := expression(pattern, fold).MatchString(text); got != want {
			t.Fatalf("%q like %q, fold %v: regexp says %v", text, pattern, fold, want)
		}
	}
}

// characters splits s; invalid bytes stay as they are.
func characters(s string) []string {
	var out []string
	for s != "" {
		_, size := utf8.DecodeRuneInString(s)
		out = append(out, s[:size])
		s = s[size:]
	}
	return out
}

// plain tries everything, row by row of the table "is pattern[:p] like text[:t]".
func plain(pattern, text []string, fold bool) bool {
	row := make([]bool, len(text)+1)
	row[0] = true
	for p := 0; p < len(pattern); p++ {
		next := make([]bool, len(text)+1)
		c, wild := pattern[p], true
		if c == `\` && p+1 < len(pattern) && strings.Contains(`%_\`, pattern[p+1]) {
			p++
			c, wild = pattern[p], false
		}
		for t := range next {
			if wild && c == "%" {
				next[t] = row[t] || t > 0 && next[t-1]
			} else if t > 0 && row[t-1] {
				next[t] = c == text[t-1] || wild && c == "_" && text[t-1] != "\n" ||
					fold && utf8.ValidString(c) && utf8.ValidString(text[t-1]) && strings.EqualFold(c, text[t-1])
				if wild && c == "_" && text[t-1] == "\n" {
					next[t] = false
				}
			}
		}
		row = next
	}
	return row[len(text)]
}

// expression says the same as a regular expression.
func expression(pattern string, fold bool) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	if fold {
		b.WriteString("(?i)")
	}
	escaped := false
	for _, r := range pattern {
		switch {
		case escaped && strings.ContainsRune(`%_\`, r):
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
			continue
		case escaped:
			b.WriteString(`\\`)
			escaped = false
		}
		switch r {
		case '\\':
			escaped = true
		case '%':
			b.WriteString("(?s:.*)")
		case '_':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	if escaped {
		b.WriteString(`\\`)
	}
	return regexp.MustCompile(b.String() + "$")
}

func TestGeneratedPatterns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func(n int, letters ...string) string {
		var b strings.Builder
		for range r.IntN(n) {
			b.WriteString(letters[r.IntN(len(letters))])
		}
		return b.String()
	}
	count := 50_000
	if testing.Short() || raceEnabled {
		count = 3_000
	}
	for range count {
		pattern := text(9, "a", "b", "k", "S", "é", "É", "%", "%", "_", `\`, "\n", "\xff", "\xa9", "日")
		for range 8 {
			check(t, pattern, text(9, "a", "a", "b", "B", "k", "\u212A", "s", "\u017F", "é", "É", "%", "_", `\`, "\n", "\xff", "\xc3", "日"))
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("a%b_c", "axxbyc")
	f.Add(`%\%_`, "100%\n")
	f.Add("%KiT%", "\u212Ait")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 200 || len(text) > 1000 {
			return
		}
		check(t, pattern, text)
	})
}

func TestMatchDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, pattern := range []string{"%chrome%", "a%b_c%", "Mozilla%", "_"} {
		for _, fold := range []bool{false, true} {
			p := like.Compile(pattern, fold)
			require.Zero(t, testing.AllocsPerRun(100, func() { p.Match("Mozilla/5.0 Chröme Chrome/124") }))
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	const text = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
	for _, bb := range []struct {
		name, pattern string
		fold          bool
	}{{"contains", "%Chrome/%", false}, {"contains_any_case", "%chrome/%", true}, {"any_case_with_k", "%webkit/9%", true}, {"prefix", "Mozilla%", false}, {"wildcards", "%C_rome%/537._6", false}} {
		b.Run(bb.name, func(b *testing.B) {
			p := like.Compile(bb.pattern, bb.fold)
			for b.Loop() {
				p.Match(text)
			}
		})
	}
	b.Run("compile", func(b *testing.B) {
		for b.Loop() {
			like.Compile("%Chrome/%", true)
		}
	})
}
