package hogvm_test

import (
	"slices"
	"strings"
)

// libraryCalls are functions and what to give them, by the kind of their result. A lower-case letter is a literal of a list in literals,
// a digit a lambda of so many arguments, ? before an argument an optional one, * after one some more.
var libraryCalls = map[kind][]string{
	integer: {"sleep n", "length S", "length A", "position SS", "positionCaseInsensitive SS", "toInt X", "toInt F", "indexOf AI", "arrayCount 1A", "JSONLength jk?y", "JSONExtractInt jk?y", "JSONExtractInt wx*", "round F", "floor F", "min2 II", "plus II", "minus II",
		"toYear M", "toMonth M", "toYYYYMM M", "toYear D", "dateDiff uMM", "dateDiff uDD", "extract pM", "multiSearchAnyCaseInsensitive ST", "toUnixTimestampMilli M", "arrayReduce 2AI", "toInt M", "toInt D", "coalesce XX*", "ifNull II", "assumeNotNull I"},
	number: {"toFloat X", "toFloat S", "JSONExtractFloat jk?y", "plus FF", "minus FI", "min2 FF", "toUnixTimestamp M", "toUnixTimestamp d", "toFloat M", "if BFF", "multiIf BFBFF"},
	text: {"concat SX*", "concat XXX", "toString X", "toString F", "toUUID S", "lower S", "upper S", "reverse S", "trim S?c", "trimLeft S?c", "trimRight S?c", "substring SI?I", "substring Snn", "replaceOne SSS", "replaceAll SSS", "replaceAll SdS", "base64Encode S", "base64Decode b",
		"tryBase64Decode b", "encodeURLComponent S", "decodeURLComponent e", "tryDecodeURLComponent e", "jsonStringify X?n", "jsonStringify O", "jsonStringify A", "arrayStringConcat T?c", "arrayStringConcat A?c", "typeof X", "typeof E", "toString E", "concat EE", "extractRegex Sr", "JSONExtractString oy", "JSONExtractString wx*",
		"formatDateTime Mf?z", "toString M", "toString D", "md5 S?h", "md5Hex S", "sha256 S?h", "sha256Hex S", "sha1Hex S", "sha1 S?h", "sha256HmacChainHex T", "sha1HmacChainHex T", "sha256HmacChain T?h", "sha1HmacChain T?h", "if BSS", "multiIf BSBSS", "ifNull SS", "coalesce SS"},
	boolean: {"match Sr", "like Sl", "ilike Sl", "notLike Sl", "notILike Sl", "empty X", "notEmpty X", "isNull X", "isNotNull X", "equals XX", "equals II", "notEquals SS", "greater II", "greaterOrEquals SS", "less FF", "lessOrEquals II", "and BB*", "or BB*", "not X",
		"in IA", "has AI", "has TS", "startsWith SS", "JSONHas jy*", "JSONHas wx*", "isValidJSON j", "JSONExtractBool jk?y", "isIPAddressInRange iq", "arrayExists 1A", "inCohort IA", "notInCohort IA"},
	array:   {"range n", "range nn", "arrayMap 1A", "arrayFilter 1A", "arrayPushBack AI", "arrayPushFront AI", "arrayPopBack A", "arrayPopFront A", "arraySort A", "arrayReverse A", "arrayReverseSort A", "values A", "keys A", "JSONExtractArrayRaw jk?y", "JSONExtractArrayRaw wx*", "JSONExtract wxs", "sortableSemver v", "tuple II*"},
	texts:   {"splitByString cS?n", "keys O", "arraySort T", "arrayReverse T", "arrayReverseSort T", "arrayPushBack TS", "arrayPopFront T", "values T"},
	failure: {"HogError ssO", "HogError sS", "Error S", "Error SA", "RetryError SO", "NotImplementedError"},
	object:  {"jsonParse j", "toIntervalDay I", "toIntervalHour I", "toIntervalMinute I", "toIntervalMonth I"},
	moment:  {"toDateTime d?z", "toDateTime n", "fromUnixTimestamp n", "fromUnixTimestampMilli t", "toTimeZone Mz", "dateAdd unM", "dateTrunc uM", "addDays Mn", "toStartOfDay M", "toStartOfHour M", "toStartOfMonth M", "toStartOfWeek M", "toStartOfDay D"},
	day:     {"toDate d", "dateAdd unD", "addDays Dn"},
}

// writtenInHog are functions whose own code calls others with the arguments in the order of version 1, whatever the program's: in Node
// they do not work in programs of version 0.
var writtenInHog = []string{"arrayMap", "arrayFilter", "arrayExists", "arrayCount", "arrayReduce", "inCohort", "notInCohort", "sortableSemver"}

// literals are arguments which random values would seldom hit.
var literals = map[byte][]any{
	'n': {0, 1, 2, 3, 5, -1, 12},
	't': {0, 1000, 1714000000000, -86400000},
	'c': {",", "-", "a", "", "ab", nil, " "},
	'd': {"2024-01-01", "2024-02-29 12:30:15", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00+05:30", "2024-01-01T00:00:00.123456Z", "1960-01-01", "  2024-06-01T10:00  "},
	'u': {"day", "hour", "minute", "month", "year", "week", "day", "month", "decade"},
	'p': {"year", "month", "day", "hour", "minute", "second", "era"},
	'z': {"UTC", "America/New_York", "Asia/Kolkata", "Europe/Berlin"},
	'f': {"%Y-%m-%d", "%d/%m/%y %H:%i:%S", "%a %b %M %W", "%j %u %V %G", "%F %T", "%D %R %r", "%h %I %l %k %p", "%%", "%c %C %g %s %n%t", "%z"},
	'r': {"a", "^a", "(b)(c)", "[0-9]+", "([a-z]+)@", "(?i)HELLO", "a|(b)", ".*", "x*", "(\\d+)\\.(\\d+)", "é"},
	'l': {"%a%", "a%", "%", "_", "a_c", "%B%", "a.b", "%\\%", ""},
	'j': {`{"a":1,"b":[1,2,{"a":"x"}],"c":{"a":true,"b":null}}`, `[1,[2,3],{"a":"12px"}]`, `"text"`, "12", "1.9", "null", "true", "{", "", `{"b":2.5,"a":"3.7"}`, `{"a":"{\"b\":1}"}`, "[]", "{}"},
	'k': {"a", "b", "c", 1, 2, -1, 3, "zz"}, // what JSONExtract finds deeper down is a character of a text, or no map, in Node
	'y': {"a", "b", "c", "zz"},              // an index into an object is there, in Node
	'w': {"[1,[2,3],[[4,[]],6]]", "[[[]]]", "[]"},
	'x': {1, 2, 3, -1, -2, 4},
	'o': {"{\"a\":1.5,\"b\":\"x\",\"c\":true,\"zz\":[1,[2,\"y\"]]}", "{}", "{", "[]"}, // an object in a text is none of its maps, to Node
	's': {"String", "Int"},
	'h': {"hex", "base64", "base64url", "binary"},
	'b': {"aGVsbG8", "aGVsbG8=", "", "w6k=", "YWJj"},
	'e': {"a%20b", "%C3%A9", "abc", "a+b", "%zz", "%"},
	'i': {"10.1.2.3", "192.168.0.1", "2001:db8::1", "1.2.3.04", "::1", "abc", ""},
	'q': {"10.0.0.0/8", "192.168.0.0/24", "2001:db8::/32", "1.2.3.0/24", "::/0", "10.1.2.3", "10.0.0.0/33"},
	'v': {"1.10.3", "v2.0.1-beta", "1", "", "abc 3.4"},
}

// call emits a call of a library function that gives k.
func (g *generator) call(k kind, depth int) {
	name, args, _ := strings.Cut(pick(g, libraryCalls[k]...), " ")
	if g.reversed && slices.Contains(writtenInHog, name) {
		g.constant(k)
		return
	}
	var pushes [][]any
	push := func(c byte) { pushes = append(pushes, g.capture(func() { g.argument(c, depth) })) }
	for i := 0; i < len(args); i++ {
		switch c := args[i]; {
		case c == '?':
			if g.chance(2) {
				i = len(args)
			}
		case c == '*':
			for range g.IntN(3) {
				push(args[i-1])
			}
		default:
			push(c)
		}
	}
	if g.reversed {
		slices.Reverse(pushes)
	}
	for _, p := range pushes {
		g.emit(p...)
	}
	count := len(pushes)
	if g.chance(100) { // too many, of most functions; one more may be an argument that is rightly null
		g.emit(31, 31, 31, 31, 31)
		count += 5
	}
	g.emit(2, name, count)
}

func (g *generator) argument(c byte, depth int) {
	switch {
	case c >= '0' && c <= '9':
		n := int(c - '0')
		g.lambda([]kind{integer, integer}[:n], func() { g.expression(pick(g, boolean, integer), min(depth-1, 2)) })
	case c >= 'a':
		switch v := pick(g, literals[c]...).(type) {
		case nil:
			g.emit(31)
		case string:
			g.emit(32, v)
		default:
			g.emit(33, v)
		}
	default:
		g.expression(kind(c), depth-1)
	}
}
