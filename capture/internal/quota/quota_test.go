package quota_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/quota"
	"github.com/hog-go/hog/capture/internal/scan"
)

type limited bool

func (l limited) Limited(token string) bool { return bool(l) && token == "t" }

func TestFilter(t *testing.T) {
	type over struct{ events, exceptions, surveys, ai limited }
	tests := map[string]struct {
		over    over
		token   string
		in      []string
		want    []string
		dropped map[string]int
	}{
		"nobody is over":                     {in: []string{"a", "$exception"}, want: []string{"a", "$exception"}},
		"another project is over":            {over: over{events: true, ai: true}, token: "u", in: []string{"a", "$ai_x"}, want: []string{"a", "$ai_x"}},
		"over events":                        {over: over{events: true}, in: []string{"a", "b"}, dropped: map[string]int{"events": 2}},
		"scoped kinds are spared":            {over: over{events: true}, in: []string{"$ai_x", "survey sent", "a", "$exception"}, want: []string{"$exception", "survey sent", "$ai_x"}, dropped: map[string]int{"events": 1}},
		"a scoped quota drops its own":       {over: over{ai: true}, in: []string{"$ai_x", "a"}, want: []string{"a"}, dropped: map[string]int{"llm_events": 1}},
		"all dropped by a scoped quota":      {over: over{exceptions: true}, in: []string{"$exception"}, dropped: map[string]int{"exceptions": 1}},
		"both, and nothing is counted twice": {over: over{events: true, exceptions: true}, in: []string{"$exception", "a", "survey shown"}, want: []string{"survey shown"}, dropped: map[string]int{"exceptions": 1, "events": 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			limits := quota.Limits{Resource: "events", General: tt.over.events, Scoped: []quota.Scoped{
				{Resource: "exceptions", Set: tt.over.exceptions, Matches: quota.Exceptions},
				{Resource: "surveys", Set: tt.over.surveys, Matches: quota.Surveys},
				{Resource: "llm_events", Set: tt.over.ai, Matches: quota.AI},
			}}
			var events []scan.Event
			for _, name := range tt.in {
				events = append(events, scan.Event{Name: []byte(name)})
			}
			if tt.token == "" {
				tt.token = "t"
			}
			var dropped map[string]int
			var got []string
			for _, e := range limits.Filter(events, tt.token, func(resource string, n int) {
				if dropped == nil {
					dropped = map[string]int{}
				}
				dropped[resource] += n
			}) {
				got = append(got, string(e.Name))
			}
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.dropped, dropped)
		})
	}
}

func TestGrace(t *testing.T) {
	tests := map[string]struct {
		over, grace map[string]limited
		token       string
		want        map[string]string // by the name of an event
	}{
		"nobody":                      {},
		"another project":             {grace: map[string]limited{"events": true}, token: "u"},
		"general":                     {grace: map[string]limited{"events": true}, want: map[string]string{"a": "events", "$exception": "events", "$ai_x": "events"}},
		"scoped":                      {grace: map[string]limited{"exceptions": true}, want: map[string]string{"$exception": "exceptions"}},
		"both: nothing counts twice":  {grace: map[string]limited{"events": true, "exceptions": true}, want: map[string]string{"a": "events", "$exception": "exceptions", "$ai_x": "events"}},
		"what is enforced, has none":  {grace: map[string]limited{"events": true}, over: map[string]limited{"events": true}},
		"a scoped one that is, too":   {grace: map[string]limited{"llm_events": true}, over: map[string]limited{"llm_events": true}},
		"the general one is enforced": {grace: map[string]limited{"llm_events": true}, over: map[string]limited{"events": true}, want: map[string]string{"$ai_x": "llm_events"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			limits := quota.Limits{Resource: "events", General: tt.over["events"], Grace: tt.grace["events"], Scoped: []quota.Scoped{
				{Resource: "exceptions", Set: tt.over["exceptions"], Grace: tt.grace["exceptions"], Matches: quota.Exceptions},
				{Resource: "llm_events", Set: tt.over["llm_events"], Grace: tt.grace["llm_events"], Matches: quota.AI},
			}}
			if tt.token == "" {
				tt.token = "t"
			}
			grace := limits.GraceOf(tt.token)
			require.Equal(t, len(tt.want) > 0, grace.Any())
			for _, event := range []string{"a", "$exception", "$ai_x"} {
				require.Equal(t, tt.want[event], grace.Resource([]byte(event), false), event)
			}
		})
	}
}
