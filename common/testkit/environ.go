package testkit

import "strings"

// LastWins drops settings, name=value, that a later entry sets again: an environment cannot hold a name twice. The order is not kept.
func LastWins(environ []string) []string {
	byName := map[string]string{}
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		byName[name] = kv
	}
	out := make([]string, 0, len(byName))
	for _, kv := range byName {
		out = append(out, kv)
	}
	return out
}
