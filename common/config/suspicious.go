package config

import (
	"fmt"
	"slices"
	"strings"
)

// Suspicious compares the names in environ (as os.Environ gives it) with the settings of cfgs and returns a warning for each that looks
// like a misspelt one: "KAFKA_HOST is not a setting; did you mean KAFKA_HOSTS?". Only names of a known family (the part up to the first
// underscore) are looked at, so that PATH and the like never warn. Warnings are sorted.
func Suspicious(environ []string, cfgs ...any) []string {
	known := map[string]bool{}
	families := map[string][]string{} // family -> its names
	for _, f := range collectAll(cfgs) {
		for _, name := range f.names {
			if family, _, ok := strings.Cut(name, "_"); ok && !known[name] {
				families[family] = append(families[family], name)
			}
			known[name] = true
		}
	}
	var warnings []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		family, _, _ := strings.Cut(name, "_")
		if known[name] {
			continue
		}
		if closest := nearest(name, families[family]); closest != "" {
			warnings = append(warnings, fmt.Sprintf("%s is not a setting; did you mean %s?", name, closest))
		}
	}
	slices.Sort(warnings)
	return slices.Compact(warnings)
}

// nearest returns the candidate with the fewest typing mistakes between it and name, or "" when even that one is too far: one mistake
// for each five letters after the family, at least one and at most three.
func nearest(name string, candidates []string) string {
	best, closest := 4, ""
	for _, candidate := range candidates {
		_, own, _ := strings.Cut(candidate, "_")
		allowed := min(max(len(own)/5, 1), 3)
		if d := distance(name, candidate); d <= allowed && d < best {
			best, closest = d, candidate
		}
	}
	return closest
}

// distance counts the letters to insert, delete, replace or swap with their neighbour to get from a to b (optimal string alignment
// distance: no letter is touched twice).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
