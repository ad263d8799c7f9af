package match

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/hog-go/hog/feature-flags/internal/semver"
)

// outcome is what a predicate comes to. The zero value says that it has not been asked yet.
type outcome uint8

const (
	unasked outcome = iota
	no
	yes
	failed  // the operator could not be applied
	unknown // the property should have been read, and was not
)

func boolOutcome(b bool) outcome {
	if b {
		return yes
	}
	return no
}

// predicate is a property filter with its operand prepared. Equal filters share one.
type predicate struct {
	slot    int32
	op      op
	negated bool // the not_ form
	never   bool // no operand where one is needed: nothing matches

	truths  bool     // exact: compare by truth
	truth   bool     // … against this
	words   []string // exact: lower-case forms of which one must be equal; contains, prefix, suffix: folded forms
	pattern *pattern
	num     float64
	high    float64 // between: the upper bound
	valid   bool    // the operand can be used; otherwise the operator fails
	version semver.Version
	require semver.Requirement
	date    date
}

// op is a family of operators; not_ forms are the same with predicate.negated.
type op uint8

const (
	opExact op = iota
	opContains
	opPrefix
	opSuffix
	opRegex
	opGt
	opGte
	opLt
	opLte
	opBetween
	opSemverGt
	opSemverGte
	opSemverLt
	opSemverLte
	opSemverEq
	opSemverNeq
	opSemverRange
	opIsSet
	opDateExact
	opDateAfter
	opDateBefore
	opElsewhere // in, not_in and flag_evaluates_to make no sense of a plain property
)

type operator struct {
	op      op
	negated bool
}

var operators = map[string]operator{
	"exact": {opExact, false}, "is_not": {opExact, true},
	"icontains": {opContains, false}, "not_icontains": {opContains, true},
	"icontains_multi": {opContains, false}, "not_icontains_multi": {opContains, true},
	"starts_with": {opPrefix, false}, "not_starts_with": {opPrefix, true},
	"ends_with": {opSuffix, false}, "not_ends_with": {opSuffix, true},
	"regex": {opRegex, false}, "not_regex": {opRegex, true},
	"gt": {opGt, false}, "gte": {opGte, false}, "lt": {opLt, false}, "lte": {opLte, false},
	"between": {opBetween, false}, "not_between": {opBetween, true},
	"semver_gt": {opSemverGt, false}, "semver_gte": {opSemverGte, false}, "semver_lt": {opSemverLt, false}, "semver_lte": {opSemverLte, false},
	"semver_eq": {opSemverEq, false}, "semver_neq": {opSemverNeq, false},
	"semver_tilde": {opSemverRange, false}, "semver_caret": {opSemverRange, false}, "semver_wildcard": {opSemverRange, false},
	"is_set": {opIsSet, false}, "is_not_set": {opIsSet, true},
	"is_date_exact": {opDateExact, false}, "is_date_after": {opDateAfter, false}, "is_date_before": {opDateBefore, false},
	"in": {opElsewhere, false}, "not_in": {opElsewhere, false}, "flag_evaluates_to": {opElsewhere, false},
}

// newPredicate prepares a filter on a slot; ok is false for an operator that does not exist.
func newPredicate(slot int32, name string, operand json.RawMessage, o Options) (p predicate, ok bool) {
	found, ok := operators[name]
	if !ok {
		return p, false
	}
	p = predicate{slot: slot, op: found.op, negated: found.negated}
	if isNull(operand) && p.op != opIsSet {
		p.never = true
		return p, true
	}
	raw := string(operand)
	switch p.op {
	case opExact:
		p.prepareExact(raw, o.ExplicitExact)
	case opContains, opPrefix, opSuffix:
		p.words = []string{fold(jsonText(raw))}
		if strings.HasSuffix(name, "_multi") && raw[0] == '[' {
			p.words = nil
			for _, element := range elements(raw) {
				p.words = append(p.words, fold(jsonText(element)))
			}
		}
	case opRegex:
		p.pattern = newPattern(jsonText(raw))
	case opGt, opGte, opLt, opLte:
		v := valueOf(raw)
		p.num, p.valid = v.asNumber()
	case opBetween:
		p.prepareBetween(elements(raw))
	case opSemverGt, opSemverGte, opSemverLt, opSemverLte, opSemverEq, opSemverNeq:
		p.version, p.valid = semver.Parse(semver.Canonical(jsonText(raw)))
	case opSemverRange:
		p.prepareRange(name, jsonText(raw))
	case opDateExact, opDateAfter, opDateBefore:
		if raw[0] == '"' {
			p.date = parseDate(unquote(raw), o.Location)
		}
	}
	return p, true
}

func (p *predicate) prepareExact(raw string, explicit bool) {
	if !explicit && booleanLike(raw) {
		p.truths, p.truth = true, truthy(raw)
		return
	}
	if raw[0] != '[' {
		p.words = []string{lower(jsonText(raw))}
		return
	}
	items := elements(raw)
	p.truths, p.truth = len(items) == 0, true // the empty list equals what is true
	for _, item := range items {              // a list is the values of which one must be equal, and is equal to no list itself
		p.words = append(p.words, lower(jsonText(item)))
	}
}

func (p *predicate) prepareBetween(bounds []string) {
	if len(bounds) != 2 {
		return
	}
	low, high := valueOf(bounds[0]), valueOf(bounds[1])
	var lowOK, highOK bool
	p.num, lowOK = low.asNumber()
	p.high, highOK = high.asNumber()
	p.valid = lowOK && highOK && p.num <= p.high // false if one is NaN
}

func (p *predicate) prepareRange(name, pattern string) {
	switch name {
	case "semver_tilde":
		pattern = "~" + semver.Canonical(pattern)
	case "semver_caret":
		pattern = "^" + semver.Canonical(pattern)
	default:
		pattern = semver.Wildcard(pattern)
	}
	p.require, p.valid = semver.ParseRequirement(pattern)
}

// missing is the outcome where the property is not there.
func (p *predicate) missing() outcome {
	switch {
	case p.never:
		return no
	case p.op == opElsewhere:
		return failed
	default:
		return boolOutcome(p.negated)
	}
}

// test applies the operator to a property that is there.
func (p *predicate) test(v *value, now time.Time, loc *time.Location) outcome {
	if p.never {
		return no
	}
	switch p.op {
	case opExact:
		return boolOutcome(p.equals(v) != p.negated)
	case opContains, opPrefix, opSuffix:
		return boolOutcome(p.holdsWord(v.asFolded()) != p.negated)
	case opRegex:
		return p.search(v.asText())
	case opGt, opGte, opLt, opLte, opBetween:
		return p.compareNumber(v)
	case opSemverGt, opSemverGte, opSemverLt, opSemverLte, opSemverEq, opSemverNeq, opSemverRange:
		return p.compareVersion(v.asText())
	case opIsSet:
		return boolOutcome(!p.negated)
	case opDateExact, opDateAfter, opDateBefore:
		return p.compareDate(v, now, loc)
	default:
		return failed
	}
}

func (p *predicate) equals(v *value) bool {
	if p.truths {
		return v.truthy() == p.truth
	}
	text := v.asText()
	if isASCII(text) {
		return slices.ContainsFunc(p.words, func(word string) bool { return folds(text, word) })
	}
	return slices.Contains(p.words, v.asLower())
}

func (p *predicate) holdsWord(s string) bool {
	for _, word := range p.words {
		switch {
		case p.op == opContains && strings.Contains(s, word),
			p.op == opPrefix && strings.HasPrefix(s, word),
			p.op == opSuffix && strings.HasSuffix(s, word):
			return true
		}
	}
	return false
}

// search fails where the pattern is none: what the original calls no match for both forms is an error for rules of version 2.
func (p *predicate) search(s string) outcome {
	found, ok := p.pattern.match(s)
	if !ok {
		return failed
	}
	return boolOutcome(found != p.negated)
}

func (p *predicate) compareNumber(v *value) outcome {
	n, ok := v.asNumber()
	if !ok || !p.valid {
		return failed
	}
	switch p.op {
	case opGt:
		return boolOutcome(n > p.num)
	case opGte:
		return boolOutcome(n >= p.num)
	case opLt:
		return boolOutcome(n < p.num)
	case opLte:
		return boolOutcome(n <= p.num)
	default: // not a number is neither between nor outside
		return boolOutcome(n == n && (p.num <= n && n <= p.high) != p.negated)
	}
}

func (p *predicate) compareVersion(s string) outcome {
	version, ok := semver.Parse(semver.Canonical(s))
	if !ok {
		return no
	}
	if !p.valid {
		return failed
	}
	if p.op == opSemverRange {
		return boolOutcome(p.require.Matches(version))
	}
	switch order := semver.Compare(version, p.version); p.op {
	case opSemverGt:
		return boolOutcome(order > 0)
	case opSemverGte:
		return boolOutcome(order >= 0)
	case opSemverLt:
		return boolOutcome(order < 0)
	case opSemverLte:
		return boolOutcome(order <= 0)
	case opSemverEq:
		return boolOutcome(order == 0)
	default:
		return boolOutcome(order != 0)
	}
}

func (p *predicate) compareDate(v *value, now time.Time, loc *time.Location) outcome {
	want, ok := p.date.instant(now, loc)
	if !ok {
		return no
	}
	at, ok := instantOf(v, now, loc)
	switch {
	case !ok:
		return no
	case p.op == opDateAfter:
		return boolOutcome(at.After(want))
	case p.op == opDateBefore:
		return boolOutcome(at.Before(want))
	default:
		return boolOutcome(at.Equal(want))
	}
}
