package hogvm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm"
	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/value"
)

// The opcodes that the rules below are about.
const (
	opEq, opGt, opGtEq, opLt, opLtEq, opLike, opILike, opIn, opRegex = 11, 13, 14, 15, 16, 17, 18, 21, 23
)

// binary is the program of left op right; both are bytecode.
func binary(op int, left, right string) string {
	return fmt.Sprintf(`["_H",1,%s,%s,%d]`, right, left, op)
}

func str(s string) string { return fmt.Sprintf("32,%q", s) }

func arrayOf(items ...string) string {
	return strings.Join(append(items, fmt.Sprintf("43,%d", len(items))), ",")
}

func at(text, zone string) string { return fmt.Sprintf(`32,%q,32,%q,2,"toDateTime",2`, text, zone) }

func TestRules(t *testing.T) {
	const yes, no = "true", "false"
	noon, paris := at("2024-01-01T00:00:00Z", "UTC"), at("2024-01-01T00:00:00Z", "Asia/Kolkata")
	tests := []struct {
		name, program  string
		strict, coerce string // the result, or an error behind "!"
	}{
		{"1 == 1.0", binary(opEq, "33,1", "34,1.0"), yes, yes},
		{"1000 == 1000.0", binary(opEq, "33,1000", "34,1000.0"), yes, yes},
		{"'1' == 1.0", binary(opEq, str("1"), "34,1.0"), yes, yes},
		{"true == 1.0", binary(opEq, "29", "34,1.0"), yes, yes},
		{"false == 0.0", binary(opEq, "30", "34,0.0"), yes, yes},
		{"'' == 0", binary(opEq, str(""), "33,0"), no, no},
		{"true == 'True'", binary(opEq, "29", str("True")), yes, yes},
		{"null == null", binary(opEq, "31", "31"), yes, yes},
		{"null == 0", binary(opEq, "31", "33,0"), no, no},
		{"1.0 in [1, 2]", binary(opIn, "34,1.0", arrayOf("33,1", "33,2")), yes, yes},
		{"[[1]] == [[1.0]]", binary(opEq, arrayOf(arrayOf("33,1")), arrayOf(arrayOf("34,1.0"))), yes, yes},
		{"has([1, 2], 1.0)", `["_H",1,33,1,33,2,43,2,34,1.0,2,"has",2]`, yes, yes},
		{"indexOf([1.0, 2.0], 2)", `["_H",1,34,1.0,34,2.0,43,2,33,2,2,"indexOf",2]`, "2", "2"},
		{"in(1, [1.0])", `["_H",1,33,1,34,1.0,43,1,2,"in",2]`, yes, yes},
		{"equals(1, 1.0)", `["_H",1,33,1,34,1.0,2,"equals",2]`, yes, yes},

		{"true > 0", binary(opGt, "29", "33,0"), "!Invalid value of type Boolean, expected Number", yes},
		{"false < 1", binary(opLt, "30", "33,1"), "!Invalid value of type Boolean, expected Number", yes},
		{"true >= 1", binary(opGtEq, "29", "33,1"), "!Invalid value of type Boolean, expected Number", yes},
		{"1 > false", binary(opGt, "33,1", "30"), "!Invalid value of type Boolean, expected Number", yes},
		{"true > ''", binary(opGt, "29", str("")), "!Invalid value of type Boolean, expected Number", yes},
		{"true > 'false'", binary(opGt, "29", str("false")), "!Invalid value of type Boolean, expected Number", yes},
		{"true >= 'yes'", binary(opGtEq, "29", str("yes")), "!Invalid value of type Boolean, expected Number", yes},
		{"false < 'yes'", binary(opLt, "30", str("yes")), "!Invalid value of type Boolean, expected Number", yes},
		{"number against text of a date", binary(opGt, str("1700000000"), noon), "!Invalid value of type String, expected Number",
			"!Cannot coerce types String and Object"},
		{"null orders with nothing", binary(opLtEq, "31", "31"), no, no},
		{"[1, 2] < [1, 10]", binary(opLt, arrayOf("33,1", "33,2"), arrayOf("33,1", "33,10")), yes, yes},
		{"[1] < [1, 0]", binary(opLt, arrayOf("33,1"), arrayOf("33,1", "33,0")), yes, yes},

		{"datetimes of one instant, two zones", binary(opEq, noon, paris), no, yes},
		{"date text == datetime", binary(opEq, str("2024-01-01"), noon), no, yes},
		{"date text < datetime", binary(opLt, str("2023-12-31"), noon), "!Invalid value of type String, expected Number", yes},
		{"date text in a list of datetimes", binary(opIn, str("2024-01-01"), arrayOf(noon)), no, no},

		{"'' like ''", binary(opLike, str(""), str("")), yes, yes},
		{"'' like '%'", binary(opLike, str(""), str("%")), yes, yes},
		{"'' like '_'", binary(opLike, str(""), str("_")), no, no},
		{"escaped percent", binary(opLike, str("100% sure"), str(`100\% sure`)), yes, yes},
		{"escaped underscore", binary(opLike, str("hello_world"), str(`hello\_world`)), yes, yes},
		{"backslash before a letter", binary(opLike, str(`hello\there`), str(`hello\there`)), yes, yes},
		{"one character of many bytes", binary(opLike, str("こんにちは"), str("こ_にちは")), yes, yes},
		{"percent across lines", binary(opLike, str("a;\nb:token;\nc"), str("%token%")), yes, yes},
		{"ilike folds", binary(opILike, str("STRASSE"), str("straSSe")), yes, yes},
		{"like of a list", binary(opLike, arrayOf(), str("%")), "!Invalid value of type Array, expected String",
			"!Invalid value of type Array, expected String"},
		{"regex of a list is an error that no and guards", `["_H",1,32,"a",33,1,43,1,23,30,3,2]`,
			"!Invalid value of type Array, expected String", "!Invalid value of type Array, expected String"},
		{"bad regex", binary(opRegex, str("a"), str("a(")), "!Invalid regex a(: error parsing regexp: missing closing ): `a(`",
			"!Invalid regex a(: error parsing regexp: missing closing ): `a(`"},
		{"number in a text", binary(opIn, "33,1", str("1")), "!Invalid value of type Number, expected String",
			"!Invalid value of type Number, expected String"},
		{"key of an object", `["_H",1,32,"a",33,1,42,1,32,"a",21]`, yes, yes},
		{"in null", binary(opIn, "33,1", "31"), "!Cannot coerce types Null and Number", "!Cannot coerce types Null and Number"},
		{"range fails at once", `["_H",1,33,1000000000000,2,"range",1]`, "!Out of resource: Heap Memory", "!Out of resource: Heap Memory"},
	}
	for _, tt := range tests {
		t.Run("row 8.3 "+tt.name, func(t *testing.T) {
			for _, mode := range []struct {
				coerce bool
				want   string
			}{{false, tt.strict}, {true, tt.coerce}} {
				got, err := evaluate(t, hogvm.Config{Coerce: mode.coerce}, tt.program, "")
				if text, fails := strings.CutPrefix(mode.want, "!"); fails {
					require.EqualError(t, err, text, "coerce %t", mode.coerce)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, mode.want, got, "coerce %t", mode.coerce)
			}
		})
	}
}

func TestNesting(t *testing.T) {
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	t.Run("row 8.3 nesting of 100 levels passes, 300 fails", func(t *testing.T) {
		got, err := evaluate(t, hogvm.Config{}, `["_H",1,32,"a",1,1]`, deep(100))
		require.NoError(t, err)
		require.Equal(t, strings.Repeat("[", 100)+strings.Repeat("]", 100), got)
		_, err = hogvm.ParseGlobals([]byte(deep(300)))
		require.EqualError(t, err, "Out of resource: json->hog deserialization depth")
		build := strings.Repeat("36,0,43,1,37,0,", 300)
		_, err = evaluate(t, hogvm.Config{}, `["_H",1,43,0,`+build+`36,0,38]`, "")
		require.EqualError(t, err, "Out of resource: hog->json serialization depth")
	})
}

func TestConsumers(t *testing.T) {
	t.Run("row 8.3 a list of 8600 elements", func(t *testing.T) {
		list := strings.Repeat(`32,"x",`, 8599) + `32,"y"`
		got, err := evaluate(t, hogvm.Config{Coerce: true, MaxStack: 32768, MaxSteps: 131072},
			`["_H",1,`+list+`,43,8600,32,"y",21]`, "")
		require.NoError(t, err)
		require.Equal(t, "true", got)
	})
	t.Run("row 8.3 a rule of cymbal", func(t *testing.T) {
		program := `["_H",1,32,"test_value",32,"test_value",32,"properties",1,2,11,38]`
		for globals, want := range map[string]string{
			`{"properties":{"test_value":"test_value"}}`: "true",
			`{"properties":{"test_value":"other"}}`:      "false",
			`{"properties":{}}`:                          "false",
		} {
			got, err := evaluate(t, hogvm.Config{}, program, globals)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	})
	t.Run("row 8.3 one thread for many programs and globals", func(t *testing.T) {
		vm := newVM(t, hogvm.Config{})
		th := vm.NewThread()
		for _, row := range programRows {
			if row.coerce || row.id == "T20" {
				continue
			}
			p, err := vm.Load([]byte(row.program))
			require.NoError(t, err)
			v, err := th.Run(t.Context(), p, parseGlobals(t, row.globals))
			fresh, freshErr := p.Run(t.Context(), parseGlobals(t, row.globals))
			require.Equal(t, freshErr == nil, err == nil)
			if err == nil && !v.IsContainer() {
				same, err := value.StrictEqual(fresh, v)
				require.NoError(t, err)
				require.True(t, same, row.id)
			}
		}
	})
	t.Run("row 8.3 classes of errors", func(t *testing.T) {
		_, err := evaluate(t, hogvm.Config{}, `["_H",1,2,"nope",0]`, "")
		require.Equal(t, fault.UnknownFunction, fault.KindOf(err))
		_, err = evaluate(t, hogvm.Config{}, `[]`, "")
		require.EqualError(t, err, "Invalid bytecode: Missing bytecode marker at position 0")
	})
}

func TestJumpIntoAnOperand(t *testing.T) {
	got, err := evaluate(t, hogvm.Config{}, `["_H",1,39,1,33,29,38]`, "")
	require.NoError(t, err)
	require.Equal(t, "true", got)
}

func TestErrors(t *testing.T) {
	tests := []struct{ name, program, want string }{
		{"invalid version", `["_H",-1]`, "Invalid bytecode: Invalid version number"},
		{"opcode that does not exist", `["_H",1,99]`, "Invalid operation 99"},
		{"opcode that is no number", `["_H",1,"x"]`, "Invalid value of type string, expected Operation"},
		{"operand is missing", `["_H",1,33,1,33]`, "Unexpected end of program at address 3"},
		{"operand of the wrong type", `["_H",1,32,5]`, "Invalid value of type number, expected String"},
		{"stack underflow", `["_H",1,5]`, "Stack underflow"},
		{"a function takes more than it has", `["_H",1,33,1,33,2,52,"f",0,0,2,6,38,53,0,54,0]`, "Stack underflow"},
		{"local that does not exist", `["_H",1,36,3]`, "Stack index out of bounds"},
		{"not enough arguments", `["_H",1,33,1,2,"concat",2]`, "Not enough arguments for function concat: 1 available, 2 required"},
		{"too many arguments", `["_H",1,33,1,33,2,52,"f",1,0,3,36,0,38,53,0,54,2]`, "Invalid call: Too many args - expected 1, got 2"},
		{"at most", `["_H",1,33,1,33,2,2,"length",2]`, "Function length requires at most 1 arguments"},
		{"jump before the beginning", `["_H",1,39,-9]`, "Integer overflow"},
		{"index 0", `["_H",1,43,0,33,0,45]`, "Invalid index, expected positive, non-zero integer"},
		{"property of a number", `["_H",1,33,1,32,"a",33,2,46]`, "Expected object"},
		{"no handler", `["_H",1,51]`, "Unexpected pop try"},
		{"closure of nothing", `["_H",1,33,1,53,0]`, "Invalid value of type Number, expected Callable"},
		{"wrong number of captures", `["_H",1,52,"f",0,1,3,55,0,38,53,0]`, "Invalid call: invalid number of heap arguments"},
		{"upvalue that does not exist", `["_H",1,52,"f",0,0,3,55,0,38,53,0,54,0]`, "Capture index out of bounds: 0"},
		{"upvalue of the program itself", `["_H",1,55,0]`, "No frame"},
		{"upvalue of the program itself is set", `["_H",1,33,1,56,0]`, "No frame"},
		{"upvalue of the program itself is captured", `["_H",1,52,"f",0,1,3,55,0,38,53,1,false,0]`, "No frame"},
		{"key of an object is no text", `["_H",1,42,0,33,1,21]`, "Invalid value of type Number, expected String"},
		{"null as haystack", `["_H",1,31,33,1,21]`, "Cannot coerce types Null and Number"},
		{"number as haystack", `["_H",1,33,1,32,"a",22]`, "Cannot coerce types Number and String"},
		{"text as index to write to", `["_H",1,33,1,43,1,32,"a",33,2,46]`, "Invalid value of type String, expected Number"},
		{"float as index to write to", `["_H",1,33,1,43,1,34,1.0,33,2,46]`, "Invalid index, expected positive, non-zero integer"},
		{"cohort opcode", `["_H",1,33,1,33,2,27]`, "Not implemented: InCohort"},
		{"result is a function", `["_H",1,52,"f",0,0,2,31,38,53,0,38]`, "Not implemented: Closure serialisation"},
		{"result is a callable", `["_H",1,52,"f",0,0,2,31,38,38]`, "Not implemented: Callable serialisation"},
		{"result is no number", `["_H",1,34,0.0,34,0.0,9]`, "Invalid number NaN"},
		{"result is infinite", `["_H",1,34,0.0,33,1,9]`, "Invalid number inf"},
		{"unknown chunk", `["_H",1,32,"nope",2,"import",1]`, "Unknown chunk: nope"},
		{"cohort membership", `["_H",1,33,1,31,2,"inCohort",2]`,
			"Uncaught exception: Error: inCohort() requires cohort membership to be loaded for this evaluation"},
		{"endless loop", `["_H",1,39,-2]`, "Out of resource: steps"},
		{"text", `["_H",1,32,"a",33,1,6]`, "Invalid value of type String, expected Number"},
	}
	for _, tt := range tests {
		t.Run("row 5 "+tt.name, func(t *testing.T) {
			_, err := evaluate(t, hogvm.Config{}, tt.program, "")
			require.EqualError(t, err, tt.want)
		})
	}
}

// What npm @posthog/hogvm 1.0.71 answered to programs that no compiler makes.
func TestNodeAlone(t *testing.T) {
	globals := `{"list":[{"x":7},20]}`
	tests := []struct{ name, program, want, fails string }{
		{"index 0 in a path", `["_H",1,33,0,32,"list",1,2]`, "", "Hog arrays start from index 1"},
		{"index from the end in a path", `["_H",1,33,-1,32,"list",1,2]`, `20`, ""},
		{"text as index in a path", `["_H",1,32,"1",32,"list",1,2]`, `20`, ""},
		{"length in a path", `["_H",1,32,"length",32,"list",1,2]`, `2`, ""},
		{"path through an array", `["_H",1,32,"x",33,1,32,"list",1,3]`, `7`, ""},
		{"call of a callable", `["_H",1,52,"f",0,0,2,31,38,54,0]`, "",
			`Invalid closure: {"__hogCallable__":"local","name":"f","chunk":"root","argCount":0,"upvalueCount":0,"ip":7}`},
		{"closure of a number", `["_H",1,33,1,53,0]`, "", "Invalid callable: 1"},
		{"version that is nothing", `["_H",null,32,"a",32,"b",2,"concat",2]`, `"ba"`, ""},
		{"version that is a text", `["_H","1",32,"a",32,"b",2,"concat",2]`, `"ab"`, ""},
		{"no opcode", `["_H",1,"x"]`, "", `Unexpected node while running bytecode in chunk "root": x`},
		{"opcode of old cohorts", `["_H",1,33,1,33,2,27]`, "", `Unexpected node while running bytecode in chunk "root": 27`},
		{"date that is none, compared", `["_H",1,32,"nope",2,"toDate",1,36,0,36,0,11]`, `false`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := evaluate(t, hogvm.Config{Profile: hogvm.Node}, tt.program, globals)
			if tt.fails != "" {
				require.EqualError(t, err, tt.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}
