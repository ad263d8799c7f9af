package stl_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm/internal/stl"
	"github.com/hog-go/hog/hogvm/native"
)

// elsewhere are functions of the library that the machine provides.
var elsewhere = map[string]bool{"print": true, "sleep": true}

func TestTableTakesAsManyArgumentsAsTheSpecification(t *testing.T) {
	spec, err := os.ReadFile("testdata/arity.txt")
	require.NoError(t, err)
	for name, p := range map[string]native.Profile{"Rust": native.Rust, "Node": native.Node} {
		t.Run(name, func(t *testing.T) {
			table := stl.Table(p)
			for line := range strings.Lines(string(spec)) {
				var function, least, most string
				if n, _ := fmt.Sscan(line, &function, &least, &most); n < 3 || line[0] == '#' || elsewhere[function] {
					continue
				}
				entry, ok := table[function]
				require.True(t, ok, function)
				got := fmt.Sprint(entry.Min, " ", entry.Max)
				require.Equal(t, least+" "+strings.Replace(most, "*", fmt.Sprint(native.Unbounded), 1), got, function)
				delete(table, function)
			}
			if p == native.Rust {
				require.Contains(t, table, "max2")
				delete(table, "max2") // which the Node VM has not
			}
			require.Empty(t, table, "functions that are not in the specification")
		})
	}
}

func TestTablesBelongToTheCaller(t *testing.T) {
	clear(stl.Table(native.Rust))
	require.NotEmpty(t, stl.Table(native.Rust))
}
