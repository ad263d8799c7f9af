package restrict

import (
	"cmp"
	"encoding/json"
	"slices"
)

// entry is a rule as Django writes it. Missing lists are empty; what else it says is ignored.
type entry struct {
	Version     *int            `json:"version"`
	Index       int64           `json:"index"` // order among the entries of a kind
	Token       string          `json:"token"`
	Pipelines   []string        `json:"pipelines"`
	DistinctIDs []string        `json:"distinct_ids"`
	SessionIDs  []string        `json:"session_ids"`
	EventNames  []string        `json:"event_names"`
	EventUUIDs  []string        `json:"event_uuids"`
	Args        json.RawMessage `json:"args"`
}

// entryVersion is the only one that is understood: older entries have another form.
const entryVersion = 2

// parseEntries returns the entries of one kind in the order in which they apply.
func parseEntries(text string) ([]entry, error) {
	var entries []entry
	if err := json.Unmarshal([]byte(text), &entries); err != nil {
		return nil, err
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.Index, b.Index) })
	return entries, nil
}

// rule is what e says, for kind k. An entry of another version, or a redirection to nowhere, is none.
func (e *entry) rule(k kind) (rule, bool) {
	if e.Version == nil || *e.Version != entryVersion {
		return rule{}, false
	}
	r := rule{
		kind: k, distinctIDs: newSet(e.DistinctIDs), sessionIDs: newSet(e.SessionIDs), names: newSet(e.EventNames), uuids: newSet(e.EventUUIDs),
	}
	if k == redirectToTopic {
		if r.topic = e.topic(); r.topic == "" {
			return rule{}, false
		}
	}
	return r, true
}

// topic is args.topic, or "" if that is no text.
func (e *entry) topic() string {
	var args struct {
		Topic any `json:"topic"`
	}
	if json.Unmarshal(e.Args, &args) != nil {
		return ""
	}
	topic, _ := args.Topic.(string)
	return topic
}

// tokenRules are the rules of a pipeline, by project.
type tokenRules map[string][]rule

// add appends the rules of kind k to those of the pipelines that they name.
func (e *entry) add(k kind, to *[pipelines]tokenRules) {
	r, ok := e.rule(k)
	if !ok {
		return
	}
	for p, name := range pipelineNames {
		if to[p] != nil && slices.Contains(e.Pipelines, name) {
			to[p][e.Token] = append(to[p][e.Token], r)
		}
	}
}
