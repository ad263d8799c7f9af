package python_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// The generated flags, people and questions for which the package must say what the service says. The same numbers are drawn each time.

// question is the body of a request to the service, whose members are arguments of the package, too.
type question struct {
	DistinctID      string                    `json:"distinct_id"`
	Anon            string                    `json:"$anon_distinct_id,omitempty"`
	Groups          map[string]string         `json:"groups"`
	Person          map[string]any            `json:"person_properties"`
	GroupProperties map[string]map[string]any `json:"group_properties"`
	FlagKeys        []string                  `json:"flag_keys_to_evaluate,omitempty"`
}

// flagRow is a flag as table and document have it.
type flagRow struct {
	ID         int             `json:"id" db:"id"`
	TeamID     int             `json:"team_id" db:"team_id"`
	Key        string          `json:"key" db:"key"`
	Filters    json.RawMessage `json:"filters" db:"filters"`
	Active     bool            `json:"active" db:"active"`
	Deleted    bool            `json:"deleted" db:"deleted"`
	Version    int             `json:"version" db:"version"`
	Continuity bool            `json:"ensure_experience_continuity" db:"ensure_experience_continuity"`
}

// generator draws.
type generator struct{ *rand.Rand }

func newGenerator() generator { return generator{rand.New(rand.NewPCG(3, 1))} }

func one[T any](g generator, values ...T) T { return values[g.IntN(len(values))] }

func (g generator) chance(percent int) bool { return g.IntN(100) < percent }

// properties are a person's or a group's; few of each, so that flags ask for some that are missing.
func (g generator) properties() map[string]any {
	all := map[string]any{
		"email": one(g, "ann@example.com", "bob@acme.io", "Zoë@пример.рф"), "plan": one(g, "free", "pro", "enterprise"), "age": one[any](g, 17, 30.5, "41", 65),
		"admin": one[any](g, true, false, "true"), "version": one(g, "1.2.3", "2.0.0-beta", "10.4"), "signup": one(g, "2021-03-04", "2026-01-01T10:00:00Z", "1700000000"),
		"score": one[any](g, -3, 0, 9007199254740993, 1e300), "nothing": nil, "$os": one(g, "Linux", "Mac OS X"), "utm_source": one(g, "google", "ads"),
		"$feature_enrollment/beta": one(g, "true", "false"),
	}
	out := map[string]any{}
	for _, name := range []string{"email", "plan", "age", "admin", "version", "signup", "score", "nothing", "$os", "utm_source", "$feature_enrollment/beta"} {
		if g.chance(45) {
			out[name] = all[name]
		}
	}
	return out
}

// filter is a condition on a property of a person, or with group set of a group.
func (g generator) filter(group bool) map[string]any {
	f := one(g,
		map[string]any{"key": "email", "operator": one(g, "icontains", "not_icontains"), "value": one(g, "ACME", "example", "ZOË")},
		map[string]any{"key": "email", "operator": one(g, "regex", "not_regex"), "value": one(g, `@acme\.io$`, `^(?!ann).*@`, `[`)},
		map[string]any{"key": "plan", "operator": one(g, "exact", "is_not"), "value": one[any](g, []string{"pro", "enterprise"}, "free", []string{})},
		map[string]any{"key": "age", "operator": one(g, "gt", "gte", "lt", "lte"), "value": one[any](g, 18, "40", 65.5)},
		map[string]any{"key": "admin", "operator": "exact", "value": one[any](g, "true", []string{"false"}, true)},
		map[string]any{"key": one(g, "plan", "nothing", "score"), "operator": one(g, "is_set", "is_not_set"), "value": one(g, "is_set", "is_not_set")},
		map[string]any{"key": "version", "operator": one(g, "semver_gte", "semver_lt", "semver_caret"), "value": one(g, "1.2.0", "2.0.0")},
		map[string]any{"key": "signup", "operator": one(g, "is_date_before", "is_date_after"), "value": one(g, "2023-06-01", "-2y", "2025-01-01 08:00:00")},
		map[string]any{"key": "score", "operator": one(g, "gt", "exact", "lt"), "value": one[any](g, 0, "-3", 9007199254740993)},
		map[string]any{"key": one(g, "$initial_utm_source", "$initial_os"), "operator": "exact", "value": one(g, "google", "Linux")},
	)
	f["type"] = "person"
	if group {
		f["type"], f["group_type_index"] = "group", g.IntN(2)
	}
	return f
}

// cohortIDs are 1, static; 2, dynamic; 3, which holds the others. A fourth is named by flags and is not there.
const cohortIDs = 3

func (g generator) cohorts() map[int]any {
	return map[int]any{
		2: map[string]any{"properties": map[string]any{"type": "OR", "values": []any{
			map[string]any{"type": "AND", "values": []any{g.filter(false), g.filter(false)}}, map[string]any{"type": "AND", "values": []any{g.filter(false)}}}}},
		3: map[string]any{"properties": map[string]any{"type": "OR", "values": []any{map[string]any{"type": "AND", "values": []any{
			map[string]any{"key": "id", "type": "cohort", "value": 1}, map[string]any{"key": "id", "type": "cohort", "value": 2, "negation": true}}}}}},
	}
}

func (g generator) condition(aggregated bool) map[string]any {
	c := map[string]any{"properties": []any{}, "rollout_percentage": one[any](g, 100, nil, 50, 33.3, 0)}
	var filters []any
	for range g.IntN(3) {
		switch {
		case !aggregated && g.chance(20):
			filters = append(filters, map[string]any{"key": "id", "type": "cohort", "value": 1 + g.IntN(cohortIDs+1), "operator": one(g, "in", "not_in")})
		default:
			filters = append(filters, g.filter(aggregated || g.chance(10)))
		}
	}
	if filters != nil {
		c["properties"] = filters
	}
	return c
}

// flags has one of each kind, and then some.
func (g generator) flags(n int) []flagRow {
	flags := make([]flagRow, n)
	for i := range flags {
		f := &flags[i]
		*f = flagRow{ID: 100 + i, TeamID: 1, Key: fmt.Sprintf("flag-%d", i), Active: true, Version: 1 + g.IntN(5)}
		filters := map[string]any{"groups": []any{g.condition(false), g.condition(false)}}
		switch i % 10 {
		case 1, 2:
			filters["multivariate"] = map[string]any{"variants": []any{
				map[string]any{"key": "control", "rollout_percentage": 40}, map[string]any{"key": "tést <&>", "rollout_percentage": 60}}}
			filters["payloads"] = map[string]any{"control": `{"a":[1,2.5,null]}`, "tést <&>": map[string]any{"deep": []any{true, "ü"}}}
		case 3:
			filters["groups"] = []any{g.condition(true), g.condition(true)}
			filters["aggregation_group_type_index"] = g.IntN(2)
			filters["payloads"] = map[string]any{"true": 12}
		case 4:
			filters["holdout"] = map[string]any{"id": 7 + i, "exclusion_percentage": 30}
		case 5:
			f.Continuity = true
		case 6:
			filters["groups"] = []any{map[string]any{"properties": []any{
				map[string]any{"key": fmt.Sprint(100 + g.IntN(i)), "type": "flag", "operator": "flag_evaluates_to", "value": one[any](g, true, false)}}}}
		case 7:
			if i == 7 {
				f.Key, filters["feature_enrollment"] = "beta", true
			} else {
				filters["early_exit"] = true
			}
		case 8:
			if i == 8 {
				f.Active = false
			} else {
				filters = map[string]any{"version": 2, "return_type": "string", "default_value": "d", "rules": []any{map[string]any{
					"id": "11111111-1111-4111-8111-111111111111", "rule_type": "percentage_rollout", "targeting": map[string]any{"properties": []any{}}, "value": "v",
					"rollout_percentage": 50, "on_rollout_miss": "return_default", "assignment_algorithm": "sha1_60_v1", "seed": f.Key, "assign_by": "person"}}}
			}
		}
		f.Filters = encode(filters)
	}
	return flags
}

// questions come from the people in the database, named p0 to p9, and from others.
func (g generator) questions(n int, flags []flagRow) []question {
	out := make([]question, n)
	for i := range out {
		q := &out[i]
		q.DistinctID = one(g, fmt.Sprintf("p%d", g.IntN(10)), fmt.Sprintf("stranger-%d", i), "Ünï-"+fmt.Sprint(i))
		q.Groups, q.Person, q.GroupProperties = map[string]string{}, map[string]any{}, map[string]map[string]any{}
		if g.chance(60) {
			q.Person = g.properties()
		}
		for _, group := range []string{"company", "project"} {
			if g.chance(50) {
				q.Groups[group] = one(g, "acme", "globex", "nobody")
			}
			if g.chance(30) {
				q.GroupProperties[group] = g.properties()
			}
		}
		if g.chance(25) {
			q.Anon = fmt.Sprintf("anon-%d", g.IntN(4))
		}
		if g.chance(20) {
			q.FlagKeys = []string{one(g, flags...).Key, one(g, flags...).Key, "no-such-flag"}
		}
	}
	return out
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // only values of this file are encoded
	}
	return text
}
