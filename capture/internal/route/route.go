// Package route tells where an event's record goes: its topic, and whether it keeps the key that holds the events of a
// person together. Source: PostHog's rust/capture/src/pipeline.rs.
package route

import (
	"github.com/hog-go/hog/capture/internal/lane"
	"github.com/hog-go/hog/capture/internal/resolve"
)

// Topics are the outputs of capture.
type Topics struct {
	Main, Overflow, Historical string
	AI, AIOverflow             string // AIOverflow "": AI events never overflow
	Exception, Heatmap         string
	ClientWarning              string
	ReplayMain, ReplayOverflow string
	DLQ                        string
	PreserveLocality           bool // AI events that burst keep their key
}

// Topic is the topic of e, and whether its record has the key. A record that overflows because an operator listed its
// key, or that skips person processing, spreads over all partitions: nothing about it must be handled in order.
func (t *Topics) Topic(e *resolve.Event) (topic string, keyed bool) {
	switch {
	case e.DLQ:
		return t.DLQ, true
	case e.Redirect != "":
		return e.Redirect, true
	}
	switch e.Lane {
	case lane.Historical:
		return t.Historical, true
	case lane.AI:
		return t.ai(e)
	case lane.Exception:
		return t.Exception, true
	case lane.Heatmap:
		return t.Heatmap, true
	case lane.ClientWarning:
		return t.ClientWarning, true
	}
	switch e.Overflow {
	case resolve.Forced:
		return t.Overflow, false
	case resolve.Asked, resolve.Burst:
		return t.Overflow, !e.NoPerson
	}
	return t.Main, !e.NoPerson
}

func (t *Topics) ai(e *resolve.Event) (topic string, keyed bool) {
	if t.AIOverflow == "" {
		return t.AI, true
	}
	switch e.Overflow {
	case resolve.Forced:
		return t.AIOverflow, false
	case resolve.Asked:
		return t.AIOverflow, !e.NoPerson
	case resolve.Burst:
		return t.AIOverflow, t.PreserveLocality && !e.NoPerson
	}
	return t.AI, true
}

// Overflows tells whether events of lane l are measured for overflow at all.
func (t *Topics) Overflows(l lane.Lane) bool {
	return l == lane.Main || l == lane.AI && t.AIOverflow != ""
}
