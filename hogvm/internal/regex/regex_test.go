package regex_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm/internal/regex"
)

// texts are matched against every pattern of the tables and by generated patterns.
var texts = []string{
	"", "a", "b", "ab", "abc", "\n", "a\n", "\na", "a\nb", "aa\nbb\ncc", "foo", "foobar", "xfoo", "foo bar", "foo\nbar", "bar\nfoo", "FOO", "Foo", "fOO bAR",
	"kit", "Kit", "\u212Ait", "s\u212Ait", "\u017Fkit", "bsbs", "b\u017Fbs", "é", "É", "caf\u00e9", "日本語", "日", "\xff", "a\xffb", "\xe6\x97", "\xe6\x97a", "\xc3", "é\xc3", "\uFFFD", "x\uFFFDy",
	"12", "a1b2", "555-1234", "call 555-1234 now", "_", "a_b", "a b", " a", "a ", "aaaaaaaaaaaaaaaaaaaab", "abababababab", "abcabcabd",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
	"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "curl/8.4.0", "Mozilla/5.0\nSafari", "https://example.com/a/b?c=d&utm_source=x",
	"user@example.com", "div.btn:attr__class=\"btn\";\nbody:nth-child(\"1\")", "\U0001F600 smile", "ΑΒΓ αβγ ς σ", "straße", "ǅ", "\x00", "\x7f\u0080", "\uf000x", "\uf000y",
}

var patterns = []string{
	"", "a", "ab", "^", "$", "^$", "^a", "a$", "^a$", "^ab$", "a*", "a+", "a?", "^a*$", "^a+$", "(a|b)", "(a|ab)(c|bcd)", "a.c", "a.b", "(?s)a.b", "(?s)^a.*b$",
	"foo", "^foo", "foo$", "^foo$", "foo.*bar", "^foo.*bar$", "(?s)foo.*bar", "^.*foo", "foo.*$", ".*foo.*", "^.*$", "^.*foo.*$", "(?s)^.*foo", "(foo)", "(?:foo)(?:bar)",
	"foo.*?bar", "foo.+bar", "foo.+", ".+foo", "(?m)^foo", "(?m)foo$", "(?m)^bar$", "(?m)^$", "\\Afoo", "foo\\z", "foo\n", "o\nb.*r", "\n", "\nfoo", "[\n]b",
	"(?i)foo", "(?i)FOO bar", "(?i)kit", "(?i)skit", "(?i)bsbs", "(?i)é", "(?i)ς", "(?i)k", "(?i)s", "(?i)ǆ", "(?i)(?-i)foo", "(?i:f)oo", "[Ff]oo", "[kK]it",
	"é", "caf.$", "日", "日本", ".", "^.$", "^..$", "(?s)^.$", "\uFFFD", "x\uFFFDy", "[^a]", "[^a-z]", "[\\x{80}-\\x{10FFFF}]", "[[:alpha:]]+\\d", "\\p{L}+$", "^\\p{Greek}", "\\PL", "[^\\x00-\\x7F]",
	"\\bfoo\\b", "\\Bfoo", "foo\\B", "\\b", "\\B", "^\\b", "\\b$", "\\ba\\b", "a\\b.", "(?i)\\bfoo\\b", "^\\B", "\\B$", "(\\b|x)a", "\\w+\\s\\w+", "\\d{3}-\\d{4}", "^\\d+$", "[0-9a-f]{2,4}", "(ab){3,}", "a{0}", "a{2}b", "x{0,3}y?",
	"(?i)bot|crawler|spider|crawling|slurp", "(?i)(bot|crawl|spider)[\\s_+:,.;/\\\\-]", "Chrome/(\\d+)\\.", "^Mozilla.*Safari", "^Mozilla/\\d", "Googlebot|bingbot|curl", "curl/[\\d.]+$", "https?://[^/\\s]+/", "[?&]utm_source=([^&]+)",
	"^[\\w.+-]+@[\\w-]+\\.[\\w.]+$", "(a|b)*abb", "(a*)*b", "(a+)+$", "(?:a|b|c|d)+e", "^(?:a|b)+$|^c", "^a|b$", "(^a)|(b$)", "(^|x)a", "a($|b)", "(?:^a|^b)c", "x*|a", "(x|)(y|)", "[^\\x00-\\x{10FFFF}]", "a[^\\x00-\\x{10FFFF}]", "a|[^\\x00-\\x{10FFFF}]",
	"\\Q.*\\E", "\\x41", "[]a]", "[a\\]]", "(?U)a+b", "a**", "a|b|", "|", "()", "(?P<n>a)", "(?<n>a)b", "\\x{D800}", "\\x{D800}x", "^\\x{DFFF}$", "[a-\\x{D800}]x|[a-\\x{FFFD}]y", "\\C", "\\pN",
	"(", ")", "[", "a{2,1}", "*", "a{1001}", "\\8", "(?=a)", "(?<!a)", "\\", "(?i", "\xff", "a\xffb", "(?P<n>a)(?P<n>b)", "[b-a]", "\\pX",
}

// equal checks one pattern and text against regexp.
func equal(t *testing.T, pattern string, caseInsensitive bool, texts ...string) {
	t.Helper()
	source := pattern
	if caseInsensitive {
		source = "(?i)" + pattern
	}
	want, wantErr := regexp.Compile(source)
	got, err := regex.Compile(pattern, caseInsensitive)
	require.Equal(t, wantErr == nil, err == nil, "pattern %q: regexp: %v, regex: %v", source, wantErr, err)
	if err != nil {
		return
	}
	for _, text := range texts {
		if want := want.MatchString(text); got.MatchString(text) != want {
			t.Fatalf("pattern %q on %q: regexp says %v", source, text, want)
		}
	}
}

func TestMatchesAsRegexpDoes(t *testing.T) {
	for _, pattern := range patterns {
		for _, caseInsensitive := range []bool{false, true} {
			t.Run(fmt.Sprintf("%q %v", pattern, caseInsensitive), func(t *testing.T) { equal(t, pattern, caseInsensitive, texts...) })
		}
	}
}

// generator makes patterns that use all of the syntax, and texts of the same few letters.
type generator struct{ *rand.Rand }

func (g generator) pick(options ...string) string { return options[g.IntN(len(options))] }

func (g generator) pattern(depth int) string {
	if depth == 0 || g.IntN(4) == 0 {
		return g.pick("a", "b", "k", "s", "é", "日", "\n", "_", " ", "1", "A", "ab", "kas", "bot", "\u017F", ".", "\\d", "\\w", "\\W", "\\s", "[ab]", "[^a]", "[a-k]", "[é-日]", "\\pL", "[^\\x00-\\x7f]",
			"^", "$", "\\b", "\\B", "\\A", "\\z", "(?m:^)", "(?m:$)", "(?s:.)", ".*", "(?s:.*)", "(?i:k)", "(?i:aB)", "\uFFFD", "")
	}
	switch g.IntN(8) {
	case 0, 1, 2:
		return g.pattern(depth-1) + g.pattern(depth-1)
	case 3:
		return g.pattern(depth-1) + "|" + g.pattern(depth-1)
	case 4:
		return "(" + g.pattern(depth-1) + ")"
	case 5:
		return "(?:" + g.pattern(depth-1) + ")" + g.pick("*", "+", "?", "*?", "+?", "{2}", "{1,3}", "{0,2}", "{2,}")
	case 6:
		return g.pick("(?i:", "(?s:", "(?m:", "(?U:", "(?i-s:", "(?sm:") + g.pattern(depth-1) + ")"
	default:
		return "(?:" + g.pattern(depth-1) + "|" + g.pattern(depth-1) + "|" + g.pattern(depth-1) + ")"
	}
}

func (g generator) text() string {
	var b strings.Builder
	for range g.IntN(12) {
		b.WriteString(g.pick("a", "a", "b", "b", "k", "s", "é", "日", "\n", "_", " ", "1", "A", "ab", "kas", "bot", "K", "\u212A", "\u017F", "\xff", "\xe6\x97", "\uFFFD", "z"))
	}
	return b.String()
}

func TestGeneratedPatternsMatchAsRegexpDoes(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 2))}
	n := 20000
	if testing.Short() || raceEnabled {
		n = 2000
	}
	for range n {
		batch := make([]string, 30)
		for i := range batch {
			batch[i] = g.text()
		}
		equal(t, g.pattern(1+g.IntN(5)), g.IntN(3) == 0, batch...)
	}
}

// A Regex of which many goroutines build the states at once, on texts that overflow its table, gives the same answers.
func TestConcurrentUse(t *testing.T) {
	for _, pattern := range []string{"(?i)bot|crawl|spid", "[ab]*a[ab]{12}c", "\\bab\\w{4}b\\b", "(?:a|b)k?s*1"} {
		want := regexp.MustCompile(pattern)
		re, err := regex.Compile(pattern, false)
		require.NoError(t, err)
		var wg sync.WaitGroup
		for seed := range uint64(4) {
			wg.Go(func() {
				g := generator{rand.New(rand.NewPCG(seed, 1))}
				for range 2000 {
					text := g.text() + g.text() + g.text()
					if want.MatchString(text) != re.MatchString(text) {
						t.Errorf("pattern %q on %q", pattern, text)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

func FuzzMatch(f *testing.F) {
	for i, pattern := range patterns {
		f.Add(pattern, texts[i%len(texts)], i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, pattern, text string, caseInsensitive bool) {
		if len(pattern) > 200 || len(text) > 2000 {
			return // regexp itself takes its time with those
		}
		equal(t, pattern, caseInsensitive, text, text[len(text)/2:], text+"\n"+text, "")
	})
}

func TestNoAllocationOnceWarm(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, pattern := range []string{"foo", "^Mozilla.*Safari", "(?i)bot|crawler|spider", "Chrome/(\\d+)\\.", "\\bé\\w+"} {
		allocations := testing.AllocsPerRun(100, func() {
			re, err := regex.Compile(pattern, true)
			if err != nil || re.MatchString("Mozilla/5.0 Chrome/124.0 Sàfari/537.36") && pattern == "foo" {
				t.Fatal(err)
			}
		})
		require.Zero(t, allocations, pattern)
	}
}
