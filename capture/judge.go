package capture

import (
	"time"

	"github.com/hog-go/hog/capture/internal/lane"
	"github.com/hog-go/hog/capture/internal/record"
	"github.com/hog-go/hog/capture/internal/resolve"
	"github.com/hog-go/hog/capture/internal/restrict"
	"github.com/hog-go/hog/common/event"
	"github.com/hog-go/hog/common/limiter"
)

// judge applies to each event of a request what the project and the operator have ruled: it drops events, reroutes
// them or takes person processing from them. Both protocols go through it, in an order of their own.
type judge struct {
	s     *Service
	token []byte
	now   time.Time
	b     *batch // whose arena keys are made in

	rules [pipelines]restrict.Rules

	limited   int    // events that the fleet's limit took person processing from
	limitedID []byte // the distinct id of the last of them
}

// pipelines are the groups of events that have restrictions of their own.
const pipelines = 3

func (s *Service) judge(token []byte, now time.Time, b *batch) *judge {
	b.judge = judge{s: s, token: token, now: now, b: b}
	if s.restrictions != nil {
		for i, p := range [pipelines]restrict.Pipeline{restrict.Analytics, restrict.AI, restrict.ErrorTracking} {
			b.judge.rules[i] = s.restrictions.For(token, p, now)
		}
	}
	return &b.judge
}

// rulesOf are the restrictions that hold for events of lane l; heatmaps and warnings of SDKs have none.
func (j *judge) rulesOf(l lane.Lane) *restrict.Rules {
	switch l {
	case lane.Main, lane.Historical:
		return &j.rules[0]
	case lane.AI:
		return &j.rules[1]
	case lane.Exception:
		return &j.rules[2]
	}
	return nil
}

// drops tells why an event of v0 has no record, as a label of the drop counter; "" is that it has one.
func (j *judge) drops(e *resolve.Event) (cause string) {
	switch {
	case j.s.dropper.ShouldDrop(j.token, e.DistinctID):
		return causeTokenDropper
	case j.restrict(e):
		return causeRestriction
	case j.s.aiBytes != nil && e.Lane == lane.AI && j.overAIBudget(e, record.DataSize(e)):
		return causeAIRateLimited
	}
	return ""
}

// restrict applies the project's restrictions to e; drop means that e has no record.
func (j *judge) restrict(e *resolve.Event) (drop bool) {
	if rules := j.rulesOf(e.Lane); rules == nil || rules.Empty() {
		return false
	}
	from := len(j.b.arena)
	j.b.arena = event.AppendUUID(j.b.arena, e.ID)
	drop = j.restrictAs(e, j.b.arena[from:])
	j.b.arena = j.b.arena[:from]
	return drop
}

// restrictAs is restrict for an event whose uuid is known to rules as id; nil is none.
func (j *judge) restrictAs(e *resolve.Event, id []byte) (drop bool) {
	rules := j.rulesOf(e.Lane)
	if rules == nil || rules.Empty() {
		return false
	}
	effect := rules.Match(&restrict.Event{DistinctID: e.DistinctID, SessionID: e.SessionID, Name: e.Name, UUID: id})
	if effect.Drop {
		return true
	}
	m := j.s.metrics
	if effect.Overflow && j.s.topics.Overflows(e.Lane) {
		e.Overflow = resolve.Asked
		m.overflowed.WithLabelValues(reasonRestriction).Inc()
	}
	if effect.SkipPerson {
		e.NoPerson = true
	}
	if effect.Topic != "" {
		e.Redirect = effect.Topic
		m.redirected.Inc()
	}
	if effect.DLQ {
		e.DLQ = true
		m.deadLettered.Inc()
	}
	return false
}

// aiEnvelope is what a record weighs beside the client's event, for the byte budget. Source: PostHog's
// rust/capture/src/events/ai_byte_limit.rs.
const aiEnvelope = 512

// overAIBudget charges an AI event of so many bytes to its project and tells whether that was too much.
func (j *judge) overAIBudget(e *resolve.Event, bytes int) bool {
	return j.s.aiBytes != nil && e.Lane == lane.AI && j.s.aiBytes.Count(j.token, uint64(bytes+aiEnvelope), j.now)
}

// maxGlobalID is how many characters of a distinct id tell senders apart in the fleet's limiter.
const maxGlobalID = 128

// limitGlobally counts e for the whole fleet. Above the limit its key loses person processing, and with it its place in
// one partition.
func (j *judge) limitGlobally(e *resolve.Event) (limited bool) {
	if j.s.global == nil {
		return false
	}
	if e.NoPerson {
		j.s.metrics.globalSkipped.Inc() // there is nothing left to take from it
		return false
	}
	from := len(j.b.arena)
	j.b.arena = append(append(append(j.b.arena, j.token...), ':'), firstChars(e.DistinctID, maxGlobalID)...)
	over := j.s.global.Count(j.b.arena[from:], 1, j.now)
	j.b.arena = j.b.arena[:from]
	if !over {
		return false
	}
	j.s.metrics.globalLimited.Inc()
	e.NoPerson = true
	j.limited++
	j.limitedID = e.DistinctID
	if e.Lane == lane.Main && e.Overflow != resolve.Asked {
		e.Overflow = resolve.Forced
		j.s.metrics.overflowed.WithLabelValues(reasonForced).Inc()
	}
	return true
}

// firstChars is at most the first n characters of s.
func firstChars(s []byte, n int) []byte {
	if len(s) <= n {
		return s
	}
	for i := range string(s) {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// overflow marks events of keys that the operator listed or that send too fast.
func (j *judge) overflow(e *resolve.Event) limiter.Decision {
	s := j.s
	limits := s.overflow
	if e.Lane == lane.AI {
		limits = s.aiOverflow
	}
	if limits == nil || e.Overflow != resolve.NoOverflow || !s.topics.Overflows(e.Lane) {
		return limiter.Allowed
	}
	from := len(j.b.arena)
	j.b.arena = append(append(append(j.b.arena, j.token...), ':'), e.Subject()...)
	result := limits.Check(j.b.arena[from:], j.now)
	j.b.arena = j.b.arena[:from]
	switch result {
	case limiter.Forced:
		e.Overflow, e.NoPerson = resolve.Forced, true
		s.metrics.overflowed.WithLabelValues(reasonForced).Inc()
	case limiter.Limited:
		e.Overflow = resolve.Burst
		s.metrics.overflowed.WithLabelValues(reasonBurst).Inc()
	}
	return result
}
