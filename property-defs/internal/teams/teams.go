// Package teams says which teams' events are looked at: all but those of a list, or only those.
package teams

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Mode tells what the list means.
type Mode bool

// Modes.
const (
	OptOut Mode = false // the listed teams are left out
	OptIn  Mode = true  // only the listed teams are in
)

// UnmarshalText reads a mode in any case, with blanks around it.
func (m *Mode) UnmarshalText(text []byte) error {
	switch strings.ToLower(strings.TrimSpace(string(text))) {
	case "opt_out", "opt-out", "optout":
		*m = OptOut
	case "opt_in", "opt-in", "optin":
		*m = OptIn
	default:
		return fmt.Errorf("is no mode: use opt_in or opt_out (Invalid team filter mode: %s)", text)
	}
	return nil
}

// List is a comma list of team ids, sorted.
type List []int32

// UnmarshalText reads a list. Blanks around all of it and empty items are let pass; blanks inside are not, as in the original.
func (l *List) UnmarshalText(text []byte) error {
	*l = nil
	for item := range strings.SplitSeq(strings.TrimSpace(string(text)), ",") {
		if item == "" {
			continue
		}
		id, err := strconv.ParseInt(item, 10, 32)
		if err != nil {
			return fmt.Errorf("holds %q, which is no team id: separate whole numbers by commas, without blanks", item)
		}
		*l = append(*l, int32(id))
	}
	slices.Sort(*l)
	return nil
}

// Filter is a mode with its list.
type Filter struct {
	Mode Mode
	List List
}

// Has tells whether the events of team are looked at.
func (f *Filter) Has(team int32) bool {
	_, listed := slices.BinarySearch(f.List, team)
	return listed == bool(f.Mode)
}
