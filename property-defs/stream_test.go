package propertydefs_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// stream is 10,000 events of all kinds, the same each time: three teams in two projects and one that is gone, many names and properties,
// properties whose type changes, persons and groups, things that are skipped, and messages that are no events.
func stream(t testing.TB) (messages []message) {
	r := rand.New(rand.NewPCG(42, 8))
	for i := range 10_000 {
		messages = append(messages, mixed(r, i))
	}
	return messages
}

// groupTypes are the ones that have an index; "planet" has none.
const groupTypes = `INSERT INTO posthog_grouptypemapping (team_id, project_id, group_type, group_type_index) VALUES (1, 1, 'org', 2), (2, 2, 'org', 0), (2, 2, 'plan', 3)`

func mixed(r *rand.Rand, i int) message {
	m := message{Team: 1, Project: 1, Properties: map[string]any{}}
	switch team := r.IntN(20); {
	case team < 5:
		m.Team, m.Project = 2, 2
	case team < 8:
		m.Team = 11 // whose names are its own, since the rows of a project belong to whoever brings them first
	case team == 8:
		m.Team, m.Project = 999, 999
	}
	own := ""
	if m.Team == 11 {
		own = "eleven "
	}
	m.Event = fmt.Sprintf("%sevent %d", own, r.IntN(40))
	for range r.IntN(12) {
		k := r.IntN(120)
		m.Properties[fmt.Sprintf("%sproperty %d", own, k)] = value(r, k, i)
	}
	person := func(n int) map[string]any {
		set := map[string]any{}
		for range n {
			k := r.IntN(25)
			set[fmt.Sprintf("%sperson %d", own, k)] = value(r, k, i)
		}
		return set
	}
	switch r.IntN(24) {
	case 0:
		m.Event = own + "$groupidentify"
		if own == "" {
			m.Properties = map[string]any{"$group_type": []string{"org", "plan", "planet"}[r.IntN(3)], "$group_key": "k", "$group_set": person(3)}
		}
	case 1, 2, 3:
		m.Properties["$set"] = person(3)
	case 4, 5:
		m.Properties["$set_once"] = person(2)
		m.Properties["$unset"] = []string{"x"}
	case 6:
		m.Properties[own+"$feature/flag "+fmt.Sprint(r.IntN(9))] = true
		m.Properties[fmt.Sprint("$feature/", own, r.IntN(9))] = "on"
	case 7:
		m.Properties["$groups"] = map[string]any{"org": "1"}
		m.Properties["$group_0"] = "1"
	case 8:
		m.Properties[own+fmt.Sprintf("%0201d", r.IntN(3))] = 1
	case 9:
		m.Properties, m.Text = nil, new(`{"not": "closed`)
	case 10:
		m.Properties = nil
	case 11:
		m.Event = "$$plugin_metrics"
	case 12:
		m.Event = own + "with \x00 and \u00e9"
		m.Properties[own+"quoted \" \\ \u2028 \x00"] = "x"
	case 13:
		m.raw = []byte([]string{"", "{", `{"team_id":1,"event":"no project"}`, `{"team_id":1.5,"project_id":1,"event":"e"}`, `[]`}[r.IntN(5)])
		if len(m.raw) == 0 {
			m.raw = []byte{}
		}
	}
	return m
}

// value is one of a kind that depends on the property, except that some are null for a while, and some change their type later.
func value(r *rand.Rand, k, i int) any {
	switch {
	case k%11 == 0 && r.IntN(2) == 0:
		return nil
	case k%13 == 0 && i > 5000:
		return "text in the second half"
	}
	switch k % 7 {
	case 0:
		return r.IntN(1000)
	case 1:
		return fmt.Sprint("text ", r.IntN(1000))
	case 2:
		return r.IntN(2) == 0
	case 3:
		return "2026-01-02T03:04:05Z"
	case 4:
		return []any{1, map[string]any{"x": nil}}
	case 5:
		return r.Float64()
	default:
		return "true"
	}
}
