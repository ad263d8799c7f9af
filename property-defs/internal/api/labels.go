package api

import (
	_ "embed"
	"strings"
	"sync"
)

// labelText has the standard properties of events, one a line: the name, and behind a tab its label in lower case, where that is not
// the name in words. Source of the facts: PostHog's posthog/taxonomy/taxonomy.py.
//
//go:embed labels.txt
var labelText string

type label struct{ name, text string }

var labels = sync.OnceValue(func() (out []label) {
	for line := range strings.Lines(labelText) {
		name, text, given := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !given {
			text = strings.ReplaceAll(strings.TrimLeft(name, "$"), "_", " ")
		}
		out = append(out, label{name, text})
	}
	return out
})

// labelled gives the names of the standard properties whose label holds every term.
func labelled(terms []string) (names []string) {
next:
	for _, l := range labels() {
		for _, t := range terms {
			if !strings.Contains(l.text, t) {
				continue next
			}
		}
		names = append(names, l.name)
	}
	return names
}
