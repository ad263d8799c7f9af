package semver

import "strings"

// Requirement is a list of comparators that all have to hold. One without comparators, "*", takes every release.
type Requirement struct{ all []comparator }

type comparator struct {
	op    string // = > >= < <= ~ ^ or * for a version with wildcards
	parts int    // how many of the numbers are given: 1 to 3
	Version
}

// ParseRequirement reads Cargo's syntax: comparators separated by commas, each an operator (^ if there is none) and a version of one to
// three numbers, of which the later ones may be wildcards: *, x or X.
func ParseRequirement(s string) (r Requirement, ok bool) {
	s = strings.TrimSpace(s)
	if isWildcard(s) {
		return r, true
	}
	for text := range strings.SplitSeq(s, ",") {
		c, ok := parseComparator(strings.TrimSpace(text))
		if !ok {
			return r, false
		}
		r.all = append(r.all, c)
	}
	return r, true
}

func parseComparator(s string) (c comparator, ok bool) {
	for _, op := range []string{">=", "<=", ">", "<", "=", "~", "^"} {
		if rest, found := strings.CutPrefix(s, op); found {
			c.op, s = op, strings.TrimLeft(rest, " ")
			break
		}
	}
	core, pre, ok := cutSuffix(s)
	if !ok {
		return c, false
	}
	parts := strings.Split(core, ".")
	if len(parts) > 3 || pre != "" && len(parts) < 3 {
		return c, false
	}
	wild := false
	for i, field := range []*uint64{&c.Major, &c.Minor, &c.Patch}[:len(parts)] {
		if i > 0 && isWildcard(parts[i]) {
			wild = true
			continue
		}
		if wild {
			return c, false // a number behind a wildcard
		}
		if *field, ok = parseNumber(parts[i]); !ok {
			return c, false
		}
		c.parts++
	}
	if wild && pre != "" {
		return c, false
	}
	if c.pre = pre; c.op == "" {
		c.op = "^"
		if wild {
			c.op = "*"
		}
	}
	return c, true
}

// Wildcard brings the pattern of a wildcard condition into the syntax of ParseRequirement: numbers lose their leading zeros.
func Wildcard(pattern string) string {
	parts := strings.Split(pattern, ".")
	for i, part := range parts {
		parts[i] = stripZeros(part)
	}
	return strings.Join(parts, ".")
}

func isWildcard(s string) bool { return s == "*" || s == "x" || s == "X" }

// Matches tells whether v satisfies r.
func (r Requirement) Matches(v Version) bool {
	named := v.pre == ""
	for _, c := range r.all {
		if !c.matches(v) {
			return false
		}
		named = named || c.pre != "" && c.parts == 3 && c.Major == v.Major && c.Minor == v.Minor && c.Patch == v.Patch
	}
	return named
}

func (c comparator) matches(v Version) bool {
	switch c.op {
	case "=", "*":
		return c.prefixOf(v)
	case ">":
		return c.below(v)
	case ">=":
		return c.prefixOf(v) || c.below(v)
	case "<":
		return c.above(v)
	case "<=":
		return c.prefixOf(v) || c.above(v)
	case "~":
		return c.tilde(v)
	default:
		return c.caret(v)
	}
}

// prefixOf: the numbers that are given are equal, and so is the pre-release.
func (c comparator) prefixOf(v Version) bool {
	return v.Major == c.Major && (c.parts < 2 || v.Minor == c.Minor) && (c.parts < 3 || v.Patch == c.Patch) && v.pre == c.pre
}

// below: v is greater in the numbers that are given, or has them all and a greater pre-release.
func (c comparator) below(v Version) bool { return c.order(v) > 0 }

func (c comparator) above(v Version) bool { return c.order(v) < 0 }

func (c comparator) order(v Version) int {
	if c.parts < 2 {
		v.Minor, c.Minor = 0, 0
	}
	if c.parts < 3 {
		v.Patch, c.Patch, v.pre, c.pre = 0, 0, "", ""
	}
	return Compare(v, c.Version)
}

// tilde lets the last number that is given grow, and the patch number if the minor one is given.
func (c comparator) tilde(v Version) bool {
	if v.Major != c.Major || c.parts > 1 && v.Minor != c.Minor {
		return false
	}
	if c.parts > 2 && v.Patch != c.Patch {
		return v.Patch > c.Patch
	}
	return comparePre(v.pre, c.pre) >= 0
}

// caret lets everything grow to the right of the first number that is not zero.
func (c comparator) caret(v Version) bool {
	switch {
	case v.Major != c.Major:
		return false
	case c.parts == 1:
		return true
	case c.parts == 2:
		return c.Major > 0 && v.Minor >= c.Minor || v.Minor == c.Minor
	case c.Major > 0 && v.Minor != c.Minor:
		return v.Minor > c.Minor
	case v.Minor != c.Minor:
		return false
	case (c.Major > 0 || c.Minor > 0) && v.Patch != c.Patch:
		return v.Patch > c.Patch
	case v.Patch != c.Patch:
		return false
	default:
		return comparePre(v.pre, c.pre) >= 0
	}
}
