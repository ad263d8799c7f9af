package regex

import "regexp/syntax"

// trim drops from both ends of re what a search without positions does not need: groups, and repetitions that may be empty.
// X*Y occurs in a text where Y does, and X+Y where XY does; the same holds at the end. Anchors stop it, being no repetition.
func trim(re *syntax.Regexp) *syntax.Regexp {
	subs := flatten(nil, re)
	first, last := 0, len(subs)
	for first < last && optional(subs[first].Op) {
		first++
	}
	for first < last && optional(subs[last-1].Op) {
		last--
	}
	subs = subs[first:last]
	switch len(subs) {
	case 0:
		return &syntax.Regexp{Op: syntax.OpEmptyMatch}
	case 1:
		if subs[0].Op == syntax.OpPlus {
			return trim(subs[0].Sub[0])
		}
		return subs[0]
	}
	for _, i := range []int{0, len(subs) - 1} {
		if subs[i].Op == syntax.OpPlus {
			subs[i] = subs[i].Sub[0]
			return trim(&syntax.Regexp{Op: syntax.OpConcat, Sub: subs})
		}
	}
	return &syntax.Regexp{Op: syntax.OpConcat, Sub: subs}
}

func optional(op syntax.Op) bool {
	return op == syntax.OpStar || op == syntax.OpQuest || op == syntax.OpEmptyMatch
}

// flatten appends the parts of re that follow one another, looking through groups and concatenations.
func flatten(dst []*syntax.Regexp, re *syntax.Regexp) []*syntax.Regexp {
	switch re.Op {
	case syntax.OpCapture:
		return flatten(dst, re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			dst = flatten(dst, sub)
		}
		return dst
	default:
		return append(dst, re)
	}
}
