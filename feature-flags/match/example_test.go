package match_test

import (
	"fmt"
	"time"

	"github.com/hog-go/hog/feature-flags/match"
)

// A flag for people at Acme, asked about by someone whose address is in the database.
func Example() {
	set, err := match.Compile([]byte(`{"flags": [{"id": 7, "key": "new-nav", "active": true, "filters": {
		"groups": [{"properties": [{"key": "email", "type": "person", "operator": "icontains", "value": "@acme.io"}]}],
		"multivariate": {"variants": [{"key": "blue", "rollout_percentage": 50}, {"key": "red", "rollout_percentage": 50}]},
		"payloads": {"blue": "{\"c\":1}"}}}]}`), nil, match.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	e := set.Begin(&match.Request{DistinctID: "ann", Now: time.Now()})
	defer e.End()
	data := match.Data{}
	if e.Needs().Fetch {
		data = match.Data{Fetched: true, Person: []byte(`{"email": "Ann@Acme.io"}`)} // from the database
	}
	for _, r := range e.Run(&data, nil) {
		variant, _ := r.Variant()
		fmt.Println(r.Flag.Key, r.Enabled, variant, r.Description(), string(r.Payload()))
	}
	// Output: new-nav true blue Matched condition set 1 "{\"c\":1}"
}
