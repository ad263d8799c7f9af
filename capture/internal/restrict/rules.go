package restrict

import "github.com/prometheus/client_golang/prometheus"

// Pipeline is a group of events that has rules of its own.
type Pipeline uint8

// The pipelines.
const (
	Analytics Pipeline = iota
	SessionRecordings
	AI
	ErrorTracking

	pipelines = iota
)

// pipelineNames are how rules spell pipelines; Django writes the same.
var pipelineNames = [pipelines]string{"analytics", "session_recordings", "ai", "errortracking"}

// String is the name in rules and metrics.
func (p Pipeline) String() string { return pipelineNames[p] }

// Event is what rules look at. A nil field is a value that the event does not have.
type Event struct{ DistinctID, SessionID, Name, UUID []byte }

// Effect is what all rules that match an event do to it together.
type Effect struct {
	Drop       bool
	Overflow   bool
	SkipPerson bool
	DLQ        bool
	Topic      string // "": none
}

// kind is what a rule does.
type kind uint8

const (
	dropEvent kind = iota
	forceOverflow
	skipPerson
	redirectToDLQ
	redirectToTopic

	kinds = iota
)

// kindNames are the values of the metrics' label restriction_type, kindKeys where the rules are in Redis.
var (
	kindNames = [kinds]string{"drop_event", "force_overflow", "skip_person_processing", "redirect_to_dlq", "redirect_to_topic"}
	kindKeys  = [kinds]string{
		keyPrefix + "drop_event_from_ingestion", keyPrefix + "force_overflow_from_ingestion", keyPrefix + "skip_person_processing",
		keyPrefix + "redirect_to_dlq", keyPrefix + "redirect_to_topic",
	}
)

const keyPrefix = "event_ingestion_restriction_dynamic_config:"

// Rules are those of one project and pipeline. The zero value has none.
type Rules struct {
	rules   []rule
	applied *[kinds]prometheus.Counter
}

// Empty reports whether there is nothing to match.
func (r Rules) Empty() bool { return len(r.rules) == 0 }

// Match unites what the matching rules do; of several topics the last one stands.
func (r Rules) Match(e *Event) (effect Effect) {
	var matched [kinds]bool
	for i := range r.rules {
		rule := &r.rules[i]
		if !rule.matches(e) {
			continue
		}
		matched[rule.kind] = true
		if rule.kind == redirectToTopic {
			effect.Topic = rule.topic
		}
	}
	for k, yes := range matched {
		if yes {
			r.applied[k].Inc()
		}
	}
	effect.Drop, effect.Overflow, effect.SkipPerson = matched[dropEvent], matched[forceOverflow], matched[skipPerson]
	effect.DLQ = matched[redirectToDLQ]
	return effect
}

// rule matches the events that are in all of its sets; one that is nil holds everything.
type rule struct {
	kind                                  kind
	topic                                 string
	distinctIDs, sessionIDs, names, uuids *set
}

func (r *rule) matches(e *Event) bool {
	return r.distinctIDs.has(e.DistinctID) && r.sessionIDs.has(e.SessionID) && r.names.has(e.Name) && r.uuids.has(e.UUID)
}

// set holds few values in a list, which is faster to search, or many in a map.
type set struct {
	list []string
	all  map[string]struct{} // nil: list holds them
}

// maxList is the longest list that is searched from end to end.
const maxList = 8

func newSet(values []string) *set {
	if len(values) == 0 {
		return nil
	}
	if len(values) <= maxList {
		return &set{list: values}
	}
	s := &set{all: make(map[string]struct{}, len(values))}
	for _, v := range values {
		s.all[v] = struct{}{}
	}
	return s
}

func (s *set) has(value []byte) bool {
	switch {
	case s == nil:
		return true
	case value == nil:
		return false
	case s.all != nil:
		_, ok := s.all[string(value)]
		return ok
	}
	for _, v := range s.list {
		if v == string(value) {
			return true
		}
	}
	return false
}
