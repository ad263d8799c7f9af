package stl_test

import (
	"testing"

	"github.com/hog-go/hog/hogvm/native"
)

// These are rules of the Rust VM that the calls recorded from the Node VM do not show, or where the two differ.

func TestTypesInRust(t *testing.T) {
	check(t, native.Rust, map[string]string{
		`toInt("  42 ")`:                        `42`,
		`toInt("0x10")`:                         `null`,
		`toInt(false)`:                          `0`,
		`toInt(1e300)`:                          `9223372036854775807`,
		`toInt("9223372036854775808")`:          `null`,
		`toInt(null)`:                           `null`,
		`toInt([1])`:                            `null`,
		`toInt(toDateTime(-12.1))`:              `-13`,
		`toFloat("1e3")`:                        `1000.0`,
		`isNull(toFloat("-NaN"))`:               `false`,
		`isNull(toFloat("+na"))`:                `true`,
		`toFloat(2)`:                            `2.0`,
		`toFloat(true)`:                         `null`,
		`toFloat(toDate("1970-01-11"))`:         `10.0`,
		`typeof(2.0)`:                           `"float"`,
		`typeof(fn)`:                            `"function"`,
		`typeof({"__hx_ast": "Call"})`:          `"object"`,
		`typeof(toIntervalDay(1))`:              `"object"`,
		`toString(fn)`:                          `"fn<f(2)>"`,
		`toString(2.0)`:                         `"2"`,
		`toString("x", "ignored")`:              `"x"`,
		`assumeNotNull(null)`:                   `error: Native call failed: Value is null in assumeNotNull`,
		`empty(fn)`:                             `false`,
		`Error(5)`:                              `{"__hogError__":true,"type":"Error","message":"5"}`,
		`HogError(["a"], toDate("2024-01-02"))`: `{"__hogError__":true,"type":"['a']","message":"2024-01-02"}`,
		`RetryError("m", {"a": 1})`:             `{"__hogError__":true,"type":"RetryError","message":"m","payload":{"a":1}}`,
		`HogError()`:                            `error: Function HogError requires at least 1 arguments`,
		`Error(1, 2, 3)`:                        `error: Function Error requires at most 2 arguments`,
	})
}

func TestLogicInRust(t *testing.T) {
	check(t, native.Rust, map[string]string{
		`equals(1, 1.0)`: `true`,
		`equals([1, {"a": [2]}], [1, {"a": [2.0]}])`: `true`,
		`equals(tuple(1), [1])`:                      `false`,
		`equals(true, 1)`:                            `false`,
		`notEquals({"a": 1}, {"a": 2})`:              `true`,
		`greater("10", 9)`:                           `true`,
		`greater(null, -1)`:                          `true`,
		`less(null, 1)`:                              `true`,
		`lessOrEquals(null, null)`:                   `true`,
		`greater("x", 1)`:                            `error: Invalid number x`,
		`less({}, 1)`:                                `error: Cannot coerce types Object and Number`,
		`greater(toDateTime(2), toDateTime(1))`:      `true`,
		`in(1, [1.0])`:                               `true`,
		`in(1, tuple("1"))`:                          `true`,
		`in("a", "abc")`:                             `false`,
		`multiIf(0, "a", 1, "b", "ignored", "c")`:    `"b"`,
		`multiIf(0, "a", 0, "b", "c")`:               `"c"`,
		`multiIf(0, "a", 1, "c")`:                    `"c"`,
	})
}

func TestNumbersInRust(t *testing.T) {
	check(t, native.Rust, map[string]string{
		`plus(9223372036854775807, 1)`:   `9223372036854775807`,
		`plus(-9223372036854775808, -1)`: `-9223372036854775808`,
		`minus(-9223372036854775808, 1)`: `-9223372036854775808`,
		`minus(0, -9223372036854775808)`: `9223372036854775807`,
		`plus(1, 1.5)`:                   `2.5`,
		`plus(null, 1)`:                  `error: Invalid value of type Null, expected Number`,
		`plus("a", "b")`:                 `error: Invalid value of type String, expected Number`,
		`min2(3, 3.0)`:                   `3.0`,
		`max2(3, 3.0)`:                   `3.0`,
		`max2(3, 5)`:                     `5`,
		`min2("1", 2)`:                   `error: Invalid value of type String, expected Number`,
		`round(0.5)`:                     `0`,
		`round(3.5, 2)`:                  `4`,
		`round(-2.5)`:                    `-2`,
		`floor(2.9)`:                     `2`,
		`floor("2")`:                     `error: Invalid value of type String, expected Number`,
		`range(3.9)`:                     `[0,1,2]`,
		`range(5, 2)`:                    `[]`,
		`range(1000000000000)`:           `error: Out of resource: Heap Memory`,
		`range(-9223372036854775808, 9223372036854775807)`: `error: Out of resource: Heap Memory`,
	})
}

func TestTextInRust(t *testing.T) {
	check(t, native.Rust, map[string]string{
		`length("a😀é")`:          `7`,
		`length(5)`:              `error: Native call failed: length() only supports arrays, objects and strings`,
		`concat(1.0, "x", 2.5)`:  `"1x2.5"`,
		`concat(toDateTime(0))`:  `"DateTime(0.0, 'UTC')"`,
		`lower("ΟΔΥΣΣΕΥΣ İ")`:    `"οδυσσευς i̇"`,
		`upper("straße ﬁ")`:      `"STRASSE FI"`,
		`upper(5)`:               `error: Invalid value of type Number, expected String`,
		`reverse("aé😀")`:         `"😀éa"`,
		`reverse([1, 2])`:        `[2,1]`,
		`trim("\u2003a\u00a0")`:  `"a"`,
		`trim("a", "")`:          `"a"`,
		`trim("  a ", null)`:     `"a"`,
		`trim("éaé", "é")`:       `"a"`,
		`trimLeft("\t a ")`:      `"a "`,
		`trimRight(null)`:        `null`,
		`substring("a😀b", 3)`:    `"b"`,
		`substring("a😀b", 2, 1)`: `"😀"`,
		`substring("abc", 9223372036854775807, 9223372036854775807)`: `""`,
		`substring("abc", -9223372036854775808)`:                     `""`,
		`substring("abc", "1")`:                                      `error: Invalid value of type String, expected Number`,
		`substring(null, 1)`:                                         `""`,
		`position("a😀b", "b")`:                                       `3`,
		`position("[1, 2]", [1, 2])`:                                 `1`,
		`positionCaseInsensitive("ÄB", "b", "ignored")`:              `2`,
		`replaceOne("aXbX", "X", "$&")`:                              `"a$&bX"`,
		`replaceAll("abc", "", "-")`:                                 `"-a-b-c-"`,
		`replaceAll("a", 1, "x")`:                                    `error: Invalid value of type Number, expected String`,
		`splitByString(",", "a,b", -1)`:                              `[]`,
		`splitByString("", "aé")`:                                    `["a","é"]`,
		`splitByString("", "")`:                                      `[]`,
		`splitByString(",", "a,b", null)`:                            `["a","b"]`,
		`multiSearchAnyCaseInsensitive("[1, A]", [[1, "a"], "a]"])`:  `1`,
		`multiSearchAnyCaseInsensitive("x", tuple("x"))`:             `0`,
		`multiSearchAnyCaseInsensitive(null, ["null"])`:              `0`,
	})
}

func TestPatternsInRust(t *testing.T) {
	check(t, native.Rust, map[string]string{
		`like("baa", "aa")`:                   `true`,
		`like("a\nb", "a%b")`:                 `false`,
		`like(5, "5")`:                        `error: Invalid value of type Number, expected String`,
		`ilike("ÄB", "ä_")`:                   `true`,
		`notILike("AB", "b%")`:                `false`,
		`match(15, "^1")`:                     `true`,
		`match(0, "0")`:                       `false`,
		`match([], "a")`:                      `error: Invalid value of type Array, expected String`,
		`match("a", "(?=a)")`:                 "error: Invalid regex (?=a): error parsing regexp: invalid or unsupported Perl syntax: `(?=`",
		`match("AL", "(?i)al")`:               `true`,
		`extractRegex("id=42;", "id=(\\d+)")`: `"42"`,
		`extractRegex("b", "(a)?b")`:          `""`,
		`extractRegex(5, "5")`:                `null`,
		`extractRegex("a", "(")`:              `null`,
	})
}

func TestArraysInRust(t *testing.T) {
	check(t, native.Rust, map[string]string{
		`indexOf([1, "2"], 2)`:                                   `2`,
		`indexOf([1.0, 2.0], 2)`:                                 `2`,
		`has([1, 2], 1.0)`:                                       `true`,
		`has([[1]], [1])`:                                        `true`,
		`has(tuple(1), 1)`:                                       `false`,
		`has([toDateTime("2024-01-01")], "2024-01-01")`:          `false`,
		`arrayPushBack(tuple(1), 2)`:                             `[2]`,
		`arrayPopBack(tuple(1))`:                                 `[]`,
		`arraySort([3, 1.5, -2])`:                                `[-2,1.5,3]`,
		`arrayReverseSort([1, 3, 2], "ignored")`:                 `[3,2,1]`,
		`arraySort(null)`:                                        `[]`,
		`arraySort([null])`:                                      `error: Native call failed: arraySort() only supports arrays of numbers`,
		`arrayStringConcat([toDate("2024-01-02"), [null]], "|")`: `"2024-01-02|[null]"`,
		`arrayStringConcat(tuple(1))`:                            `""`,
		`arrayStringConcat([1], 5)`:                              `error: Invalid value of type Number, expected String`,
		`keys(tuple("a", "b"))`:                                  `[0,1]`,
		`keys(5)`:                                                `[]`,
		`values(tuple("a", "b"))`:                                `["a","b"]`,
		`values("abc")`:                                          `[]`,
	})
}

func TestJSONInRust(t *testing.T) {
	check(t, native.Rust, map[string]string{
		`jsonParse("[2.0, 2, 18446744073709551615]")`: `[2.0,2,1.8446744073709552e19]`,
		`jsonParse("{\"a\": 1, \"b\": 2, \"a\": 3}")`: `{"a":3,"b":2}`,
		`jsonParse("{")`:                                 `error: Native call failed: jsonParse: invalid JSON at byte 1: expected a key`,
		`jsonParse(5)`:                                   `error: Invalid value of type Number, expected String`,
		`jsonStringify([2.0, fn, tuple(1)])`:             `"[2.0, \"fn<f(2)>\", [1]]"`,
		`jsonStringify([0.0001, 0.00005, 1e15, 1e16])`:   `"[0.0001, 5e-5, 1000000000000000.0, 1e16]"`,
		`JSONExtractString([[0.00005]], 1)`:              `"[0.00005]"`,
		`jsonStringify({"a": [1]}, 2)`:                   `"{\n  \"a\": [\n    1\n  ]\n}"`,
		`jsonStringify(toDate("2024-01-02"))`:            `"{\"__hogDate__\": true, \"year\": 2024, \"month\": 1, \"day\": 2}"`,
		`jsonStringify("é😀")`:                            `"\"é😀\""`,
		`isValidJSON("[1,]")`:                            `false`,
		`JSONHas("{\"a\": null}", "a")`:                  `true`,
		`JSONHas("[1]", -1)`:                             `true`,
		`JSONHas("[1]", 0)`:                              `false`,
		`JSONHas("nope")`:                                `false`,
		`JSONExtractString("{\"a\": [1, \"x\"]}", "a")`:  `"[1,\"x\"]"`,
		`JSONExtractString("{\"a\": 2.0}", "a")`:         `"2.0"`,
		`JSONExtractString({"a": {"b": "c"}}, "a", "b")`: `"c"`,
		`JSONExtractInt("{\"a\": \" 12 \"}", "a")`:       `12`,
		`JSONExtractInt("{\"a\": true}", "a")`:           `null`,
		`JSONExtractFloat("{\"a\": 1}", "a")`:            `1.0`,
		`JSONExtractFloat("{\"a\": \"1.5x\"}", "a")`:     `null`,
		`JSONExtractBool("true")`:                        `true`,
		`JSONExtractArrayRaw(tuple(1, [2]))`:             `[1,[2]]`,
		`JSONExtract("[1, 2]", 0, "Int64")`:              `null`,
		`JSONExtract([[1], fn], 1, "Array")`:             `[1]`,
		`JSONExtract([[fn]], 1, "Array")`:                `null`,
	})
}

func TestDatesInRust(t *testing.T) {
	check(t, native.Rust, map[string]string{
		`now()`:             `{"__hogDateTime__":true,"dt":1714000000.123,"zone":"UTC"}`,
		`now("Asia/Tokyo")`: `{"__hogDateTime__":true,"dt":1714000000.123,"zone":"Asia/Tokyo"}`,
		`today()`:           `{"__hogDate__":true,"year":2024,"month":4,"day":24}`,
		`toDateTime(null)`:  `null`,
		`toDateTime(5, 5)`:  `null`,
		`toDateTime("1e3")`: `{"__hogDateTime__":true,"dt":1000.0,"zone":"UTC"}`,
		`toDateTime("2024-03-10 02:30:00", "America/New_York")`:       `null`,
		`toDateTime("2024-01-01", "Nowhere/Land")`:                    `null`,
		`toDateTime("2024-01-01", "Local")`:                           `null`,
		`toDateTime("2024-01-01T00:00:00Z", "Nowhere/Land")`:          `{"__hogDateTime__":true,"dt":1704067200.0,"zone":"Nowhere/Land"}`,
		`toUnixTimestamp("2024-01-01 00:00-0500", "Nowhere/Land")`:    `1704085200.0`,
		`toUnixTimestamp("2024-01-01T00:00:00", "Nowhere/Land")`:      `null`,
		`toDateTime("2024-11-03 01:30:00", "America/New_York")`:       `{"__hogDateTime__":true,"dt":1730611800.0,"zone":"America/New_York"}`,
		`toDate(1704067199.9)`:                                        `{"__hogDate__":true,"year":2023,"month":12,"day":31}`,
		`toDate(-0.5)`:                                                `{"__hogDate__":true,"year":1969,"month":12,"day":31}`,
		`toDate(1e300)`:                                               `null`,
		`toUnixTimestamp(5)`:                                          `error: Native call failed: toUnixTimestamp expects a Date or DateTime`,
		`toUnixTimestamp("2024-07-01", "Europe/Berlin")`:              `1719784800.0`,
		`toUnixTimestamp("2024-07-01", null)`:                         `1719792000.0`,
		`toUnixTimestampMilli("2024-01-01T00:00:00.123Z")`:            `1704067200123`,
		`fromUnixTimestampMilli(1500)`:                                `{"__hogDateTime__":true,"dt":1.5,"zone":"UTC"}`,
		`fromUnixTimestamp("1")`:                                      `error: Invalid value of type String, expected Number`,
		`toTimeZone(toDate("1970-01-02"), "Asia/Tokyo")`:              `{"__hogDateTime__":true,"dt":86400.0,"zone":"Asia/Tokyo"}`,
		`toYear(toDateTime(1704067200, "America/New_York"))`:          `2024`,
		`toYear("2024-01-01")`:                                        `error: Native call failed: toYear expects a Date or DateTime`,
		`toYYYYMM(toDateTime(1704067200, "America/New_York"))`:        `202401`,
		`extract("hour", toDateTime(1704067200, "America/New_York"))`: `19`,
		`extract("week", toDateTime(0))`:                              `error: Native call failed: Unknown extract part: week`,
		`toString(toDateTime(1e300))`:                                 `error: Native call failed: timestamp 1e+300 out of range`,
	})
}

func TestCalendarInRust(t *testing.T) {
	check(t, native.Rust, map[string]string{
		// 2024-04-24 23:06:40 UTC, midnight of that UTC day on New York's clock
		`dateTrunc("day", toDateTime(1714000000, "America/New_York"))`: `{"__hogDateTime__":true,"dt":1713931200.0,"zone":"America/New_York"}`,
		`dateTrunc("day", toDate("2024-01-01"), "ignored")`:            `{"__hogDateTime__":true,"dt":1704067200.0,"zone":"UTC"}`,
		// clocks in Sao Paulo skipped the midnight at which this day began
		`dateTrunc("day", toDateTime(1541300400, "America/Sao_Paulo"))`:         `error: Native call failed: local time does not exist`,
		`dateTrunc("week", toDateTime(0))`:                                      `error: Native call failed: Unsupported unit for dateTrunc: week`,
		`dateTrunc("hour", 5)`:                                                  `error: Native call failed: dateTrunc expects a Date or DateTime`,
		`toStartOfWeek(toDate("2024-05-05"))`:                                   `{"__hogDateTime__":true,"dt":1714348800.0,"zone":"UTC"}`,
		`dateAdd("day", 1, toDateTime(1710003600, "America/New_York"))`:         `{"__hogDateTime__":true,"dt":1710090000.0,"zone":"America/New_York"}`,
		`dateAdd("day", 1.9, toDateTime(0))`:                                    `{"__hogDateTime__":true,"dt":86400.0,"zone":"UTC"}`,
		`dateAdd("month", 1e18, toDateTime(0))`:                                 `error: Native call failed: dateAdd: timestamp out of range`,
		`dateAdd("month", 12, toDateTime(1e300))`:                               `error: Native call failed: timestamp 1e+300 out of range`,
		`dateAdd("year", -1, toDate("2024-02-29"))`:                             `{"__hogDate__":true,"year":2023,"month":2,"day":28}`,
		`dateAdd("eon", 1, toDateTime(0))`:                                      `error: Native call failed: Unsupported interval unit: eon`,
		`dateAdd("day", "1", toDateTime(0))`:                                    `error: Invalid value of type String, expected Number`,
		`dateDiff("hour", toDateTime(7199), toDateTime(0))`:                     `-2`,
		`dateDiff("second", toDateTime(1.5), toDateTime(0))`:                    `-1`,
		`dateDiff("minute", toDate("2022-01-31"), toDate("2024-03-01"))`:        `1094400`,
		`dateDiff("month", toDate("2023-11-30"), toDate("2024-01-01"))`:         `2`,
		`dateDiff("year", toDate("2023-12-31"), toDate("2024-01-01"))`:          `1`,
		`dateDiff("eon", toDateTime(0), toDateTime(1))`:                         `error: Native call failed: Unsupported unit for dateDiff: eon`,
		`formatDateTime(toDateTime(1704067205.5), "%e %w %f %Q %x|%")`:          `"01 1 500 1 |"`,
		`formatDateTime(toDateTime(1714000000), "it's %H", "America/New_York")`: `"it's 19"`,
		`formatDateTime(toDateTime(0), "")`:                                     `error: Native call failed: formatDateTime requires at least 2 arguments`,
		`formatDateTime(toDateTime(0), "%Y", "Nowhere")`:                        `error: Native call failed: unknown timezone Nowhere`,
	})
}

func TestEncodingsAndHashesInRust(t *testing.T) {
	check(t, native.Rust, map[string]string{
		`base64Decode("!")`:                            `error: Native call failed: base64 decode failed: invalid input`,
		`base64Decode("aGVs\nbG8=")`:                   `error: Native call failed: base64 decode failed: invalid input`,
		`base64Decode(" aGVsbG8= ")`:                   `"hello"`,
		`base64Decode("aGk_")`:                         `error: Native call failed: base64 decode failed: invalid input`,
		`tryBase64Decode("!")`:                         `""`,
		`base64Decode("8J+Y")`:                         `"�"`,
		`base64Decode("7aCA")`:                         `"���"`,
		`base64Decode("4oIo")`:                         `"�("`,
		`encodeURLComponent(5)`:                        `error: Invalid value of type Number, expected String`,
		`decodeURLComponent("%zz")`:                    `error: Native call failed: URI malformed`,
		`decodeURLComponent("%e9")`:                    `error: Native call failed: URI malformed`,
		`tryDecodeURLComponent("%")`:                   `null`,
		`md5("abc", null)`:                             `"900150983cd24fb0d6963f7d28e17f72"`,
		`md5("abc", "latin1")`:                         `error: Native call failed: Unsupported encoding: latin1`,
		`sha256Hex(5)`:                                 `error: Invalid value of type Number, expected String`,
		`sha1HmacChain(["k", "m", 5])`:                 `error: Invalid value of type Number, expected String`,
		`sha1HmacChain("k")`:                           `error: Native call failed: sha1HmacChain expects an array`,
		`isIPAddressInRange("1.2.3.4", "1.2.3.0/ 24")`: `false`,
		`isIPAddressInRange("::ffff:1.2.3.4", "::/0")`: `false`,
		`isIPAddressInRange("fe80::1%eth0", "::/0")`:   `false`,
	})
}
