// Package regex answers one question fast: does a regular expression, in the syntax of package regexp, match anywhere in a text.
//
// A pattern is parsed once and gets the cheapest plan that can decide it:
//
//   - gapped literals, such as foo, ^foo$ or ^Mozilla.*Safari, are found with package strings (gaps.go);
//   - everything else runs on a lazy DFA over classes of runes (dfa.go). Where every match has to begin with, or to contain, one of
//     a few byte sequences, a scan for those comes first and skips the text in which nothing can begin (prefix.go, scan.go);
//   - regexp itself decides what the DFA gives up: programs too large for it, and texts on which it keeps meeting new states.
//
// Every plan is linear in the text, and equal to regexp.MatchString on every input, texts of invalid UTF-8 included: a DFA over runes
// decodes what is not ASCII exactly as regexp does. The tests and FuzzMatch hold the plans to that.
package regex

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
)

// Regex is a compiled pattern. It is safe for concurrent use.
type Regex struct {
	source string // as regexp compiles it: the flag of Compile is a (?i) in front
	gaps   *gapped
	factor *scanner // necessary, but not where a match begins: no hit, no match
	dfa    *dfa

	once sync.Once
	std  *regexp.Regexp
}

// maxInsts bounds the programs that get a DFA: a step of its construction costs time in proportion to the program.
const maxInsts = 4096

// compile makes a Regex that shares no memory with pattern.
func compile(pattern string, caseInsensitive bool, mem *budget) (*Regex, error) {
	source := strings.Clone(pattern)
	if caseInsensitive {
		source = "(?i)" + pattern
	}
	re, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("compile %q: %w", pattern, err)
	}
	r := &Regex{source: source}
	re = trim(re.Simplify())
	if surrogates(re) {
		return r, nil
	}
	if r.gaps = gaps(re); r.gaps != nil {
		return r, nil
	}
	prog, err := syntax.Compile(re)
	if err != nil || len(prog.Inst) > maxInsts {
		return r, nil // the program goes to regexp, which parses the source again
	}
	classes, ok := classify(prog)
	if !ok {
		return r, nil
	}
	var prefix *scanner
	if prog.StartCond()&syntax.EmptyBeginText == 0 {
		prefix = newScanner(prefixes(re))
	}
	if prefix == nil {
		r.factor = newScanner(bestFactor(re))
	}
	r.dfa = newDFA(prog, classes, prefix, mem)
	return r, nil
}

// surrogates tells whether a literal of re has any. They are no characters of a text, but regexp takes U+FFFD for them at the beginning of
// some patterns, and not of others.
func surrogates(re *syntax.Regexp) bool {
	return re.Op == syntax.OpLiteral && slices.ContainsFunc(re.Rune, utf16.IsSurrogate) || slices.ContainsFunc(re.Sub, surrogates)
}

// MatchString tells whether the pattern matches anywhere in s. It does not keep s.
func (r *Regex) MatchString(s string) bool {
	if r.gaps != nil {
		return r.gaps.match(s)
	}
	if r.dfa == nil {
		return r.Std().MatchString(s)
	}
	if r.factor != nil && r.factor.fits(s) && r.factor.next(s, 0) < 0 {
		return false
	}
	if matched, ok := r.dfa.match(s); ok {
		return matched
	}
	return r.Std().MatchString(s)
}

// Std returns the pattern as package regexp compiles it, for callers that need the place of a match or its groups.
func (r *Regex) Std() *regexp.Regexp {
	r.once.Do(func() { r.std = regexp.MustCompile(r.source) })
	return r.std
}
