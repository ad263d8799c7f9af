package code_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm/internal/code"
	"github.com/hog-go/hog/hogvm/value"
)

func decode(t *testing.T, body string) *code.Unit {
	t.Helper()
	v, err := value.ParseJSON([]byte(body))
	require.NoError(t, err)
	return code.Decode("root", 0, v.Array().Items(), false)
}

func TestDecode(t *testing.T) {
	u := decode(t, `[33,29,39,-4,40,99,52,"f",1,0,2,31,38]`)
	require.Len(t, u.Plain, 14, "an instruction for each element, and the end")
	require.Equal(t, code.Instr{Op: code.Integer, Cost: 1, At: 0, Next: 2, A: 0}, u.Plain[0])
	require.Equal(t, code.True, u.Plain[1].Op, "an operand is an instruction, too, if a jump leads there")
	require.Equal(t, int32(0), u.Plain[2].A)
	require.Equal(t, int32(13), u.Plain[4].A, "behind the end is the end")
	require.Equal(t, &value.Callable{Name: "f", ArgCount: 1, IP: 11, Chunk: "root", Number: 1}, u.Callables[u.Plain[6].A])
	require.Equal(t, int32(13), u.Plain[6].B)
	require.Equal(t, code.End, u.Plain[13].Op)
}

func TestFaults(t *testing.T) {
	tests := map[string]string{
		`[58]`:            "Invalid operation 58",
		`[1.5]`:           "Invalid operation 1.5",
		`[null]`:          "Invalid value of type null, expected Operation",
		`[[]]`:            "Invalid value of type array, expected Operation",
		`[36]`:            "Unexpected end of program at address 1",
		`[36,-1]`:         "Invalid value of type number, expected usize",
		`[36,"x"]`:        "Invalid value of type string, expected Number",
		`[2,"f"]`:         "Unexpected end of program at address 2",
		`[33,{}]`:         "Invalid value of type object, expected Number",
		`[53,1,1,0]`:      "Invalid value of type number, expected Boolean",
		`[39,-3]`:         "Integer overflow",
		`[52,"f",0,0,-9]`: "Integer overflow",
	}
	for body, want := range tests {
		u := decode(t, body)
		require.Equal(t, code.Fault, u.Plain[0].Op, body)
		require.EqualError(t, u.Faults[u.Plain[0].A], want, body)
	}
}

func TestFuse(t *testing.T) {
	u := decode(t, `[32,"k",32,"p",1,2,33,1,36,0,15,40,3,36,0,38,32,"k",32,"p",1,2,33,0,32,"p",1,2]`)
	u.Fuse(false)
	require.Equal(t, code.Instr{Op: code.GlobalPath, Cost: 3, At: 0, Next: 6, A: 0}, u.Fast[0])
	require.Equal(t, code.ReturnIfConst, u.Fast[6].Op)
	require.Equal(t, code.Lt, u.Fast[6].Sub)
	require.Equal(t, code.ReturnLocal, u.Fast[13].Op)
	require.Equal(t, int32(0), u.Fast[16].A, "equal paths have one number")
	require.Equal(t, ":p#0", keysOf(u.Paths[u.Fast[22].A]))
	for i := range u.Plain {
		if u.Fast[i].Cost <= 1 {
			require.Equal(t, u.Plain[i], u.Fast[i])
		}
	}
}

// keysOf writes a path with : before names and # before indices.
func keysOf(p code.Path) string {
	text := ""
	for _, k := range p {
		if k.IsIndex {
			text += "#" + k.Text
		} else {
			text += ":" + k.Text
		}
	}
	return text
}
