package stl_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm/native"
)

// TestAsTheNodeVM compares the Node profile with calls that were recorded from the Node VM (see testdata/record.mjs). Texts of errors are
// JavaScript's own there and not compared.
func TestAsTheNodeVM(t *testing.T) {
	recorded, err := os.ReadFile("testdata/node_calls.txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(recorded)) {
		call, want, found := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !found {
			continue
		}
		t.Run(call, func(t *testing.T) {
			if why, known := nodeDefects[call]; known {
				t.Log("not copied: " + why)
				return
			}
			for how, got := range map[string]string{"called": eval(t, native.Node, call), "in the machine": viaMachine(t, native.Node, call)} {
				if want == "error" {
					require.Contains(t, got, "error: ", how)
					continue
				}
				require.Equal(t, want, got, how)
			}
		})
	}
}

// nodeDefects are calls whose recorded result is not worth having.
var nodeDefects = map[string]string{
	`Error(5)`: "the message of an error is a text in the other VMs",
}
