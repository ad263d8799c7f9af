// Package lane sorts events into the streams of the pipeline by their name. A lane decides the topic, and whether an
// event may be rerouted.
package lane

import "strings"

// Lane is one stream.
type Lane uint8

// The lanes, and where they lead.
const (
	Main          Lane = iota // analytics
	Historical                // analytics of a migration, or rerouted for its age
	AI                        // LLM observability
	Exception                 // error tracking
	Heatmap                   // heatmaps
	ClientWarning             // ingestion warnings that SDKs report
	Replay                    // session recordings
)

// aiEvents are the names that the Node ingestion workers' AI lane takes. Source: AI_EVENT_TYPES in PostHog's
// nodejs/src/ingestion/common/subpipelines/ai-event-types.ts, which capture's list mirrors.
var aiEvents = map[string]bool{
	"$ai_generation": true, "$ai_trace": true, "$ai_span": true, "$ai_embedding": true, "$ai_metric": true, "$ai_feedback": true,
	"$ai_evaluation": true, "$ai_tag": true, "$ai_generation_summary": true, "$ai_trace_summary": true, "$ai_evaluation_report": true,
}

// AIPrefix begins the names of all AI events.
const AIPrefix = "$ai_"

// HeatmapEvent is the name of an event that carries heatmap data only.
const HeatmapEvent = "$$heatmap"

// AI lane membership rules.
const (
	Allowlist = "allowlist" // the events of the LLM product, by name
	Prefix    = "prefix"    // every name that begins with AIPrefix
)

// Sorter tells the lane of an event.
type Sorter struct {
	AIByPrefix bool // rule Prefix, else Allowlist
}

// Lane is the lane of an event by its name; historical says that the batch is a migration, which only analytics heeds.
func (s Sorter) Lane(name []byte, historical bool) Lane {
	if len(name) > 0 && name[0] == '$' {
		switch string(name) {
		case "$$client_ingestion_warning":
			return ClientWarning
		case "$exception":
			return Exception
		case HeatmapEvent:
			return Heatmap
		}
		if IsAI(name) && (s.AIByPrefix || aiEvents[string(name)]) {
			return AI
		}
	}
	if historical {
		return Historical
	}
	return Main
}

// IsAI tells whether name begins as an AI event's.
func IsAI(name []byte) bool {
	return len(name) >= len(AIPrefix) && string(name[:len(AIPrefix)]) == AIPrefix
}

// IsSurvey tells whether name is one of the events that a survey sends.
func IsSurvey(name []byte) bool {
	rest, ok := strings.CutPrefix(string(name), "survey ")
	return ok && (rest == "sent" || rest == "shown" || rest == "dismissed")
}
