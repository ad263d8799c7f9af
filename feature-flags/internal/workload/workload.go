// Package workload makes the flags and people that benchmarks and allocation tests measure with: half of the flags have a rollout only, 30 %
// one to three filters on properties, 10 % three variants with payloads, 10 % a cohort; a person has twenty properties. The same number
// makes the same workload, in the forms that the matcher and PostHog's SDKs read.
package workload

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
)

// Workload is definitions and the people they are asked about.
type Workload struct {
	Flags       []byte // JSON array of flags, for match.Compile
	Cohorts     []byte // JSON array of cohorts, for match.Compile
	Definitions []byte // the document that SDKs evaluate locally
	People      []Person
}

// Person is someone with properties.
type Person struct {
	ID         string
	Properties map[string]any
	JSON       []byte // Properties
}

// cohorts is how many cohorts there are; the flags that name one share them.
const cohorts = 5

// New makes a workload of so many flags and people.
func New(flags, people int) *Workload {
	random := rand.New(rand.NewPCG(7, 11))
	w := &Workload{}
	var list []map[string]any
	for i := range flags {
		list = append(list, newFlag(random, i))
	}
	trees := map[string]any{}
	var rows []map[string]any
	for id := 1; id <= cohorts; id++ {
		tree := group("OR", group("AND", filter(random)), group("AND", filter(random), filter(random)))
		trees[strconv.Itoa(id)] = tree
		rows = append(rows, map[string]any{"id": id, "is_static": false, "filters": map[string]any{"properties": tree}})
	}
	w.Flags, w.Cohorts = encode(list), encode(rows)
	w.Definitions = encode(map[string]any{"flags": list, "cohorts": trees, "group_type_mapping": map[string]string{}})
	for i := range people {
		w.People = append(w.People, newPerson(random, i))
	}
	return w
}

func newFlag(random *rand.Rand, i int) map[string]any {
	condition := map[string]any{"properties": []any{}, "rollout_percentage": 10 + random.IntN(81), "variant": nil}
	filters := map[string]any{"groups": []any{condition}, "payloads": map[string]any{}, "multivariate": nil}
	switch kind := i % 10; {
	case kind < 5:
	case kind < 8:
		var properties []any
		for range 1 + random.IntN(3) {
			properties = append(properties, filter(random))
		}
		condition["properties"], condition["rollout_percentage"] = properties, []int{100, 50}[random.IntN(2)]
	case kind < 9:
		condition["rollout_percentage"] = 100
		filters["multivariate"] = map[string]any{"variants": []any{
			map[string]any{"key": "control", "name": "", "rollout_percentage": 34}, map[string]any{"key": "test", "name": "", "rollout_percentage": 33},
			map[string]any{"key": "other", "name": "", "rollout_percentage": 33}}}
		filters["payloads"] = map[string]any{"control": `{"color":"grey"}`, "test": `{"color":"blue"}`, "other": `{"color":"red"}`}
	default:
		condition["properties"] = []any{map[string]any{"key": "id", "type": "cohort", "value": 1 + random.IntN(cohorts), "operator": "in"}}
		condition["rollout_percentage"] = 100
	}
	return map[string]any{
		"id": i + 1, "team_id": 1, "name": fmt.Sprintf("Flag %d", i), "key": fmt.Sprintf("flag-number-%d", i), "active": true, "deleted": false, "version": 1,
		"is_simple_flag": false, "ensure_experience_continuity": false, "filters": filters,
	}
}

func group(kind string, values ...any) map[string]any {
	return map[string]any{"type": kind, "values": values}
}

// filter draws one that all evaluators know.
func filter(random *rand.Rand) map[string]any {
	one := func(values ...any) any { return values[random.IntN(len(values))] }
	choices := []struct {
		key, operator string
		value         any
	}{
		{"email", "icontains", one("@example.com", "@acme.io", "user1")},
		{"plan", "exact", one([]string{"pro"}, []string{"pro", "enterprise"}, []string{"free"})},
		{"country", "exact", one([]string{"US", "CA"}, []string{"DE"}, []string{"FR", "DE", "IT", "ES"})},
		{"age", "gt", one(25, 40, 60)},
		{"seats", "lte", one(5, 50, 500)},
		{"is_admin", "exact", one([]string{"true"}, []string{"false"})},
		{"role", "is_not", one([]string{"guest"}, []string{"viewer", "guest"})},
		{"referrer", "regex", one("google", "^https://news\\.")},
		{"company", "not_icontains", one("test", "inc")},
		{"city", "is_set", "is_set"},
	}
	c := choices[random.IntN(len(choices))]
	return map[string]any{"key": c.key, "type": "person", "operator": c.operator, "value": c.value}
}

func newPerson(random *rand.Rand, i int) Person {
	one := func(values ...string) string { return values[random.IntN(len(values))] }
	p := Person{ID: fmt.Sprintf("018e-person-%d", i), Properties: map[string]any{
		"email": fmt.Sprintf("user%d@%s", i, one("example.com", "acme.io", "mail.org")), "plan": one("free", "pro", "enterprise"),
		"country": one("US", "CA", "DE", "FR", "IT", "ES", "GB"), "city": one("Berlin", "Paris", "Austin", "London"), "age": 18 + random.IntN(60),
		"seats": random.IntN(1000), "is_admin": random.IntN(2) == 0, "role": one("owner", "member", "viewer", "guest"),
		"referrer": one("https://www.google.com/", "https://news.ycombinator.com/", "$direct"), "company": one("Acme Inc", "Test Ltd", "Globex"),
		"signup": "2023-05-01T10:00:00Z", "app_version": one("3.10.2", "4.0.0"), "$browser": one("Chrome", "Firefox", "Safari"), "$os": one("Linux", "Mac OS X", "Windows"),
		"language": one("en", "de", "fr"), "utm_source": one("google", "newsletter"), "score": random.Float64() * 100, "tier": random.IntN(4),
		"$device_type": one("Desktop", "Mobile"), "timezone": one("UTC", "Europe/Berlin"),
	}}
	p.JSON = encode(p.Properties)
	return p
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // only values of this file are encoded
	}
	return text
}
