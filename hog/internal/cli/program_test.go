package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	return path
}

func TestRunProgram(t *testing.T) {
	filter := file(t, "filter.json", `["_H",1,32,"Mac OS X",32,"$os",32,"properties",1,2,11,38]`)
	tests := map[string]struct {
		args      []string
		code      int
		out, errs string // all of what is printed, part of the errors
	}{
		"result":                {[]string{file(t, "p", `["_H",1,33,1,33,2,6,38]`)}, 0, "3\n", ""},
		"globals":               {[]string{filter, "--globals", file(t, "g", `{"properties":{"$os":"Mac OS X"}}`)}, 0, "true\n", ""},
		"print":                 {[]string{file(t, "p", `["_H",1,32,"hi",2,"print",1,35,33,1,38]`)}, 0, "1\n", "hi\n"},
		"strict by default":     {[]string{file(t, "p", `["_H",1,33,1,32,"2",13,38]`)}, 1, "", "failed after 3 steps at element 6 of root"},
		"coercing":              {[]string{"--coerce", file(t, "p", `["_H",1,33,1,32,"2",13,38]`)}, 0, "true\n", ""},
		"node":                  {[]string{"--node", file(t, "p", `["_H",1,33,1,32,"2",13,38]`)}, 0, "true\n", ""},
		"steps":                 {[]string{"--max-steps", "5", file(t, "p", `["_H",1,39,-2]`)}, 1, "", "steps"},
		"no program":            {[]string{file(t, "p", `{"a":1}`)}, 1, "", "is no Hog program"},
		"no JSON":               {[]string{file(t, "p", `[`)}, 1, "", "is no Hog program"},
		"globals are no JSON":   {[]string{filter, "--globals", file(t, "g", `{`)}, 1, "", "globals"},
		"two in one input":      {[]string{"-", "--globals", "-"}, 1, "", "standard input can not be"},
		"function":              {[]string{"--node", file(t, "p", `["_H",1,52,"f",0,0,1,38]`)}, 0, `{"__hogCallable__":"local","name":"f","chunk":"root","argCount":0,"upvalueCount":0,"ip":7}` + "\n", ""},
		"no file":               {[]string{"/nowhere/p.json"}, 1, "", "no such file"},
		"no program is given":   {nil, 1, "", "accepts 1 arg"},
		"an error is explained": {[]string{file(t, "p", `["_H",1,32,"x",2,"nosuch",1,38]`)}, 1, "", "nosuch"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			code, out, errs := run(t, nil, append([]string{"run"}, tt.args...)...)
			require.Equal(t, tt.code, code, errs)
			require.Equal(t, tt.out, out)
			require.Contains(t, errs, tt.errs)
		})
	}
}

func TestDisasm(t *testing.T) {
	code, out, errs := run(t, nil, "disasm", file(t, "p", `["_H",1,33,1,33,2,6,38]`))
	require.Zero(t, code, errs)
	require.Contains(t, out, "PLUS")
	require.Contains(t, out, "RETURN")
	code, out, errs = run(t, nil, "disasm", file(t, "p", `["_H",1,32,"x",2,"nosuch",1,38]`))
	require.Equal(t, 1, code)
	require.Contains(t, out, "CALL_GLOBAL")
	require.Contains(t, errs, "nosuch")
}
