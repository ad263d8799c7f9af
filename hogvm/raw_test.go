package hogvm_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm"
	"github.com/hog-go/hog/hogvm/value"
)

// rawInputs are JSON texts, and texts that are none, with what a scanner may stumble over.
var rawInputs = []string{
	`{}`, `[]`, `null`, `1`, `"x"`, ``, ` `, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1}}`, `{"a":1} x`, `{"a":1}` + "\n\t ", "\ufeff{}", `{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":1e}`, `{"a":.5}`, `{"a":+1}`, `{"a":tru}`, `{"a":True}`, `{'a':1}`, `{"a":1 "b":2}`, `{,}`,
	`{"a":1,"a":2}`, `{"a":{"b":1},"a":{"b":2}}`, `{"a":{"b":1},"a":3}`, `{"a":[1,{"b":[true,false,null]}],"b":"t","c":2.0,"d":2,"e":-0,"f":1e400,"g":9223372036854775807,"h":9223372036854775808,"i":1E+2}`,
	`{"\u0061":1}`, `{"\u0024browser":"x","$browser":"y"}`, `{"a\"b":1,"a\\b":2,"a\/b":3}`, `{"a":"\ud83d\ude00\ud800\n\u0000"}`, `{"a":"\x"}`, `{"a":"` + "\n" + `"}`, "{\"a\":\"\xff\"}", `{"a":"unterminated`, `{"a":"\`, `{"":{"":1}}`,
	`{"a":{"b":{"c":[[[[1]]]]}},"z":[{"a":1},{"a":2}]}`, `{"properties":{"a":"b"},"a":{"__hogDateTime__":true,"dt":1,"zone":"UTC"}}`, `{"a":[1,2,3` + strings.Repeat(",4", 50) + `]}`,
	`{"a":` + strings.Repeat("[", 255) + strings.Repeat("]", 255) + `}`, `{"a":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}`, `{"a":` + strings.Repeat("[", 300),
}

// reader returns a program that reads some paths, of which most exist in v, and puts what it finds together.
func reader(r *rand.Rand, v any) []byte {
	code := []any{"_H", 1}
	n := 1 + r.IntN(4)
	for range n {
		path := walk(r, v)
		for i := len(path) - 1; i >= 0; i-- {
			if key, ok := path[i].(string); ok {
				code = append(code, 32, key)
			} else {
				code = append(code, 33, path[i])
			}
		}
		code = append(code, 1, len(path))
	}
	code = append(code, 43, n)
	if r.IntN(2) == 0 { // change what was read: a copy is a copy
		code = append(code, 36, 0, 33, 1, 33, 7, 46)
	}
	bytecode, _ := json.Marshal(append(code, 38))
	return bytecode
}

// walk returns a path into v, now and then past its end or beside it.
func walk(r *rand.Rand, v any) []any {
	var path []any
	for len(path) == 0 || r.IntN(3) > 0 && len(path) < 6 {
		switch at := v.(type) {
		case map[string]any:
			keys := append(slices.Sorted(maps.Keys(at)), "nope", "", "toString")
			key := keys[r.IntN(len(keys))]
			path, v = append(path, key), at[key]
		case []any:
			i := r.IntN(len(at)+3) - 1
			path, v = append(path, i), nil
			if i > 0 && i <= len(at) {
				v = at[i-1]
			}
		default:
			path, v = append(path, []any{"a", 1, "b", -1}[r.IntN(4)]), nil
		}
	}
	return path
}

// sameEitherWay checks that a program sees the same in a text read lazily and in one decoded before, and that both refuse what is no JSON.
func sameEitherWay(t *testing.T, vm *hogvm.VM, text []byte, seed uint64) {
	t.Helper()
	var v any
	valid := json.Unmarshal(text, &v) == nil || json.Valid(text) // numbers beyond a double are valid, too
	decoded, err := hogvm.ParseGlobals(text)
	if !valid {
		require.Error(t, err, "no JSON: %q", text)
	}
	r := rand.New(rand.NewPCG(seed, 1))
	for range 3 {
		program, loadErr := vm.Load(reader(r, v))
		require.NoError(t, loadErr)
		raw, rawErr := program.Run(t.Context(), hogvm.RawGlobals(text))
		if err != nil {
			require.Error(t, rawErr, "decoding says %v of %q", err, text)
			continue
		}
		want, wantErr := program.Run(t.Context(), decoded)
		if wantErr != nil {
			require.EqualError(t, rawErr, wantErr.Error(), "%q", text)
			continue
		}
		require.NoError(t, rawErr, "%q with %s", text, program.Disassemble())
		style := value.JSONStyle{Lenient: true}
		wantText, wantErr := value.AppendJSON(nil, want, style)
		rawText, rawErr := value.AppendJSON(nil, raw, style)
		require.Equal(t, wantErr, rawErr)
		require.Equal(t, string(wantText), string(rawText), "%q with %s", text, program.Disassemble())
	}
}

func rawVM(t testing.TB) *hogvm.VM {
	t.Helper()
	vm, err := hogvm.New(hogvm.Config{MaxHeap: 64 << 20})
	require.NoError(t, err)
	return vm
}

func TestRawGlobalsEqualDecodedOnes(t *testing.T) {
	vm := rawVM(t)
	for i, text := range rawInputs {
		for seed := range uint64(50) {
			sameEitherWay(t, vm, []byte(text), uint64(i)*1000+seed)
		}
	}
}

func FuzzRawGlobals(f *testing.F) {
	for i, text := range rawInputs {
		f.Add([]byte(text), uint64(i))
	}
	vm := rawVM(f)
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) { sameEitherWay(t, vm, text, seed) })
}
