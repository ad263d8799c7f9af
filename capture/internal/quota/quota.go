// Package quota drops events of projects that are over what they pay for. Some kinds of events have a quota of their
// own, and are then spared by the project's general one. Source: PostHog's rust/capture/src/quota_limiters.rs.
package quota

import (
	"github.com/hog-go/hog/capture/internal/lane"
	"github.com/hog-go/hog/capture/internal/scan"
)

// Set tells whether a project, by its token, is over a quota. It is asked once for each request.
type Set interface {
	Limited(token string) bool
}

// Scoped is a quota for some events.
type Scoped struct {
	Resource string // the quota's name, a label of the drop counters
	Set      Set
	Grace    Set                                      // projects over the quota whose events are taken all the same for a while
	Matches  func(name []byte, productTour bool) bool // by the event's name, and whether it belongs to a product tour
}

// Limits are the quotas of a service.
type Limits struct {
	Resource string   // name of the general quota: events or recordings
	General  Set      // every event
	Grace    Set      // as of Scoped
	Scoped   []Scoped // in the order in which they claim events
}

// Exceptions, Surveys and AI tell the events of the scoped quotas.
func Exceptions(name []byte, _ bool) bool { return string(name) == "$exception" }

// Surveys tells survey events, but not those of a product tour, which are free.
func Surveys(name []byte, productTour bool) bool { return lane.IsSurvey(name) && !productTour }

// AI tells LLM events.
func AI(name []byte, _ bool) bool { return lane.IsAI(name) }

// Filter returns the events that may pass; dropped is told how many did not, by resource. Where the general quota is
// exhausted what is left stands in the order of the scoped quotas. Events are moved, not copied, when all may pass.
func (l *Limits) Filter(events []scan.Event, token string, dropped func(resource string, n int)) []scan.Event {
	general := l.General.Limited(token)
	scoped := false
	for i := range l.Scoped {
		scoped = scoped || l.Scoped[i].Set.Limited(token)
	}
	if !general && !scoped {
		return events
	}
	var protected []scan.Event
	for i := range l.Scoped {
		q := &l.Scoped[i]
		limited := q.Set.Limited(token)
		var rest, matched []scan.Event
		for j := range events {
			if q.Matches(events[j].Name, events[j].Has&scan.HasProductTour != 0) {
				matched = append(matched, events[j])
			} else {
				rest = append(rest, events[j])
			}
		}
		if limited {
			if len(matched) > 0 {
				dropped(q.Resource, len(matched))
			}
			events = rest
		} else {
			protected = append(protected, matched...)
		}
		if len(events) == 0 {
			return nil
		}
	}
	if !general {
		return events
	}
	if n := len(events) - len(protected); n > 0 {
		dropped(l.Resource, n)
	}
	return protected
}
