package regex

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// random returns n characters of alphabet.
func random(seed uint64, alphabet string, n int) string {
	r := rand.New(rand.NewPCG(seed, 3))
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

func withBudget(bytes int64) *budget {
	b := &budget{}
	b.free.Store(bytes)
	return b
}

// Texts that need a new state for each byte end the DFA after a few flushed tables, and regexp goes on.
func TestDFAEndsWhenStatesDoNotPay(t *testing.T) {
	mem := withBudget(maxTables)
	re, err := compile("a[ab]{14}c|b[ab]{13}d", false, mem)
	require.NoError(t, err)
	std := re.Std()
	var wg sync.WaitGroup
	for seed := range uint64(4) {
		wg.Go(func() {
			text := random(seed, "ab", 60000)
			for _, s := range []string{text, text + "c", text + "dd", text[:50]} {
				if std.MatchString(s) != re.MatchString(s) {
					t.Error("wrong answer while tables are flushed")
				}
			}
		})
	}
	wg.Wait()
	require.True(t, re.dfa.over.Load())
	require.Nil(t, re.dfa.current.Load())
}

// A table that overflows now and then is flushed and built again.
func TestDFASurvivesFlushesThatPay(t *testing.T) {
	re, err := compile("a[ab]{11}c", false, withBudget(maxTables))
	require.NoError(t, err)
	var taken *reservation
	tables := 0
	for seed := range uint64(60) {
		text := random(seed, "ab", 1000) + strings.Repeat("x", 300_000) + random(seed+100, "abc", 200)
		require.Equal(t, re.Std().MatchString(text), re.MatchString(text))
		if now := re.dfa.current.Load().taken; now != taken {
			tables++
			taken = now
		}
		require.LessOrEqual(t, taken.bytes, int64(maxTableSize))
	}
	require.False(t, re.dfa.over.Load())
	require.Greater(t, tables, 1)
}

func TestNoMemoryForTables(t *testing.T) {
	for _, free := range []int64{0, 400, 1000, 3000} {
		mem := withBudget(free)
		for _, pattern := range []string{"(?i)bot|crawl", "\\bfoo\\b", "a[ab]{9}c", "^x+y"} {
			re, err := compile(pattern, false, mem)
			require.NoError(t, err)
			for seed := range uint64(20) {
				text := random(seed, "abcfox crwlt", 200)
				require.Equal(t, re.Std().MatchString(text), re.MatchString(text), "%d bytes free, pattern %q", free, pattern)
			}
		}
		require.GreaterOrEqual(t, mem.free.Load(), int64(0))
	}
}

// A prefix that is everywhere in the texts is given up, and the answers stay right.
func TestUselessPrefixIsGivenUp(t *testing.T) {
	re, err := compile("(?i)foo(bar)*x|faa(bor)*y", false, withBudget(maxTables))
	require.NoError(t, err)
	require.NotNil(t, re.dfa.prefix)
	for seed := range uint64(20) {
		text := strings.Repeat("foob ", 40) + random(seed, "foaxybr", 50)
		require.Equal(t, re.Std().MatchString(text), re.MatchString(text))
	}
	require.GreaterOrEqual(t, re.dfa.useless.Load(), int32(maxStrikes))
	require.False(t, re.dfa.current.Load().restarts)
}

func TestPlans(t *testing.T) {
	tests := map[string]struct{ gaps, dfa, prefix, factor bool }{
		"foo":                          {gaps: true},
		"(^foo.*)bar$":                 {gaps: true},
		"(.*foo.*)":                    {gaps: true},
		"(?i)1-2":                      {gaps: true},
		"(?i)bot|crawler|spider":       {dfa: true, prefix: true},
		"Chrome/(\\d+)\\.":             {dfa: true, prefix: true},
		"(\\d+|x\\w*)y?\\.example":     {dfa: true, factor: true},
		"^\\d+ items":                  {dfa: true, factor: true},
		"\\d+":                         {dfa: true},
		strings.Repeat("[ab]{999}", 5): {},
		strings.Repeat("x?", 3000):     {gaps: true},
		strings.Repeat("(x|y)", 60):    {dfa: true, prefix: true},
	}
	for pattern, want := range tests {
		t.Run(pattern[:min(len(pattern), 30)], func(t *testing.T) {
			re, err := compile(pattern, false, withBudget(maxTables))
			require.NoError(t, err)
			require.Equal(t, want.gaps, re.gaps != nil, "gaps")
			require.Equal(t, want.dfa, re.dfa != nil, "DFA")
			require.Equal(t, want.prefix, re.dfa != nil && re.dfa.prefix != nil, "prefix")
			require.Equal(t, want.factor, re.factor != nil, "factor")
		})
	}
}

// Patterns and texts made to be slow: each must take time in proportion to the text, at worst that of regexp.
func TestAdversaries(t *testing.T) {
	text := random(1, "ab", 1<<17)
	for _, pattern := range []string{"(a*)*c", "(a|aa)+c", "(a|b|ab)*ba{20}c", "(.*)(.*)(.*)(.*)(.*)[c]", "a[ab]{200}c", "(?i)(a|b)*?aab{30}c", "^(a|b)*a(a|b){30}c$"} {
		re, err := compile(pattern, false, withBudget(maxTables))
		require.NoError(t, err)
		start := time.Now()
		require.False(t, re.MatchString(text))
		require.Less(t, time.Since(start), 20*time.Second, pattern) // of a quadratic plan, many minutes
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache()
	for i := range 3 * maxCached {
		_, err := c.get(string(rune('a'+i%26))+strings.Repeat("x", i%50)+string(rune(0x4e00+i)), false)
		require.NoError(t, err)
	}
	entries := 0
	for i := range c.shards {
		entries += len(c.shards[i].entries)
	}
	require.LessOrEqual(t, entries, maxCached)
	require.Greater(t, entries, maxCached/2)

	same, err := c.get("foo", true)
	require.NoError(t, err)
	again, err := c.get("foo", true)
	require.NoError(t, err)
	require.Same(t, same, again)
	other, err := c.get("foo", false)
	require.NoError(t, err)
	require.NotSame(t, same, other)

	long := strings.Repeat("x", maxCachedSize+1)
	first, err := Compile(long, false)
	require.NoError(t, err)
	second, err := Compile(long, false)
	require.NoError(t, err)
	require.NotSame(t, first, second)

	_, err = Compile("(", false)
	require.ErrorContains(t, err, "missing closing )")
}

func TestStdFindsGroups(t *testing.T) {
	re, err := Compile("v(\\d+)", true)
	require.NoError(t, err)
	require.Equal(t, []string{"V12", "12"}, re.Std().FindStringSubmatch("is V12"))
	require.Equal(t, regexp.MustCompile(`(?i)v(\d+)`).String(), re.Std().String())
}
