// Package semver compares versions and tells whether they satisfy a requirement, by the rules of Rust's semver crate, which the original
// service uses: precedence as in semver.org, requirements as in Cargo, and a pre-release satisfies a requirement only if that names a
// pre-release of the same three numbers. Build metadata is checked and then ignored.
package semver

import (
	"cmp"
	"strconv"
	"strings"
)

// Version is a parsed version. The zero value is 0.0.0.
type Version struct {
	Major, Minor, Patch uint64
	pre                 string
}

// Parse reads a full version: three numbers without leading zeros, then optionally a pre-release and build metadata.
func Parse(s string) (v Version, ok bool) {
	core, pre, ok := cutSuffix(s)
	if !ok {
		return v, false
	}
	parts := strings.Split(core, ".")
	if len(parts) != 3 {
		return v, false
	}
	for i, field := range []*uint64{&v.Major, &v.Minor, &v.Patch} {
		if *field, ok = parseNumber(parts[i]); !ok {
			return v, false
		}
	}
	v.pre = pre
	return v, true
}

// Canonical brings a loosely written version into the form that Parse takes: one leading v and surrounding space go, so do leading zeros,
// and missing numbers become 0. Four and more numbers are left as they are, which Parse refuses.
func Canonical(s string) string {
	s = strings.TrimSpace(strings.TrimPrefix(s, "v"))
	core, suffix := s, ""
	if i := strings.IndexAny(s, "-+"); i >= 0 {
		core, suffix = s[:i], s[i:]
	}
	parts := strings.Split(core, ".")
	for i, part := range parts {
		parts[i] = stripZeros(part)
	}
	for len(parts) < 3 {
		parts = append(parts, "0")
	}
	return strings.Join(parts, ".") + suffix
}

// stripZeros takes leading zeros off a number, and leaves other text alone.
func stripZeros(part string) string {
	if !isDigits(part) {
		return part
	}
	if part = strings.TrimLeft(part, "0"); part == "" {
		return "0"
	}
	return part
}

// Compare orders by precedence: -1, 0 or 1.
func Compare(a, b Version) int {
	return cmp.Or(cmp.Compare(a.Major, b.Major), cmp.Compare(a.Minor, b.Minor), cmp.Compare(a.Patch, b.Patch), comparePre(a.pre, b.pre))
}

// comparePre orders pre-releases: none is the highest, numbers are below words and compared as numbers, a prefix is below what it begins.
func comparePre(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, y := as[i], bs[i]
		var order int
		switch xNumber, yNumber := isDigits(x), isDigits(y); {
		case xNumber && yNumber: // no leading zeros, so that the longer one is the larger
			order = cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
		case xNumber:
			order = -1
		case yNumber:
			order = 1
		default:
			order = cmp.Compare(x, y)
		}
		if order != 0 {
			return order
		}
	}
	return cmp.Compare(len(as), len(bs))
}

// cutSuffix splits off the pre-release and checks it and the build metadata.
func cutSuffix(s string) (core, pre string, ok bool) {
	core, build, hasBuild := strings.Cut(s, "+")
	core, pre, hasPre := strings.Cut(core, "-")
	if hasBuild && !identifiers(build, true) || hasPre && !identifiers(pre, false) {
		return "", "", false
	}
	return core, pre, true
}

// identifiers checks a dotted list of identifiers; only in build metadata may a number have leading zeros.
func identifiers(s string, leadingZeros bool) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || !leadingZeros && len(part) > 1 && part[0] == '0' && isDigits(part) {
			return false
		}
		for _, c := range []byte(part) {
			if !(c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
				return false
			}
		}
	}
	return true
}

func parseNumber(s string) (uint64, bool) {
	if !isDigits(s) || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
