package hogvm_test

import (
	"regexp"
	"strings"
)

// defect is a difference that is known.
type defect struct {
	name, reason string
	met          func(program string, ours, theirs outcome) bool
}

// defects of the package, and departures of the Node profile from it, by what they do to an outcome. What would hide other differences
// the generator avoids instead, and says so: holes in arrays, payloads of errors, indexes into objects, halves of characters.
var defects = []defect{
	{"date of anything", "date functions take every value, and make a date without numbers of it, or today's", func(_ string, ours, _ outcome) bool {
		return strings.HasSuffix(ours.Error, " expects a Date or DateTime") || strings.HasSuffix(ours.Error, " expects a DateTime")
	}},
	{"argument of another type", "library functions convert what they are given as JavaScript does, or fail only where the value is used", func(_ string, ours, theirs outcome) bool {
		return strings.HasPrefix(ours.Error, "Invalid value of type ") && theirs.Error != ours.Error
	}},
	{"chain of a text", "a text is as good as an array of keys and messages to HMAC chains", func(_ string, ours, _ outcome) bool {
		return strings.HasSuffix(ours.Error, "HmacChain expects an array") || strings.HasSuffix(ours.Error, "HmacChainHex expects an array")
	}},
	{"trim of null", "a separator that is not one character makes the result empty before the text is looked at", func(program string, ours, theirs outcome) bool {
		return theirs.Error != ours.Error && strings.Contains(program, `"trim`) && strings.HasPrefix(ours.Error, "Cannot read properties of null")
	}},
	{"index of a date", "the fields of dates and errors are counted as elements", func(_ string, ours, theirs outcome) bool {
		return theirs.Error == "Hog arrays start from index 1" && theirs.Error != ours.Error
	}},
	{"field of a date", "dates and errors are no maps: their fields can be read and not set", func(_ string, _, theirs outcome) bool {
		return strings.HasPrefix(theirs.Error, "Can not set ") && strings.HasSuffix(theirs.Error, " on element of type object")
	}},
	{"null as JSON", "JSONHas of the text null crashes", func(_ string, _, theirs outcome) bool {
		return strings.HasPrefix(theirs.Error, "Cannot use 'in' operator to search for ")
	}},
	{"message of an error", "an error keeps a message that is no text as it is, can not be printed then, and weighs another amount", func(program string, _, theirs outcome) bool {
		return theirs.Error == "value.split is not a function" || strings.HasPrefix(theirs.Error, "Memory limit of ") && strings.Contains(program, `Error"`)
	}},
	{"payload of an error", "a payload that is false, 0, NaN or an empty text is not printed", func(_ string, ours, theirs outcome) bool {
		return agree(ours.replaced(falsyPayload, "')"), theirs)
	}},
	{"minus zero", "round and toInt of a small negative number give -0, by which a division comes out with the other sign", func(_ string, ours, theirs outcome) bool {
		return infinity.MatchString(theirs.text()) && infinity.ReplaceAllString(ours.text(), "") == infinity.ReplaceAllString(theirs.text(), "")
	}},
	{"clocks of two zones", "dateDiff compares what the clocks of two zones show, so that days can lie between a moment and itself", func(program string, ours, theirs outcome) bool {
		return ours.Error == "" && theirs.Error == "" && strings.Contains(program, `"dateDiff"`) && zoneName.MatchString(program)
	}},
	{"suspension", "tuples come back as arrays, and errors as plain objects, from the JSON of a state", func(program string, _, theirs outcome) bool {
		return len(theirs.Suspended) > 0 && lostByJSON.MatchString(program)
	}},
}

var (
	falsyPayload = regexp.MustCompile(`', (?:false|0|NaN|'')\)`)
	infinity     = regexp.MustCompile(`\{"\$inf":-?1\}|-?Infinity`)
	zoneName     = regexp.MustCompile(`"(?:America|Asia|Europe)/`)
	lostByJSON   = regexp.MustCompile(`[\[,]44,|"tuple"|Error"`)
)
