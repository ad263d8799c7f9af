package warnings

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"

	"github.com/hog-go/hog/common/event"
	"github.com/hog-go/hog/common/kafka"
)

// Type is the kind of a warning.
type Type string

// The types that there are. Why an event was refused may have other names; nothing is emitted for those.
const (
	MissingEventName         Type = "missing_event_name"
	EventNameTooLong         Type = "event_name_too_long"
	MissingDistinctID        Type = "missing_distinct_id"
	DistinctIDTooLarge       Type = "distinct_id_too_large"
	InvalidEventTimestamp    Type = "invalid_event_timestamp"
	MalformedEventProperties Type = "malformed_event_properties"
	InvalidOptions           Type = "invalid_options"
	EmptyBatch               Type = "empty_batch"
	InvalidBatch             Type = "invalid_batch"
	MissingEventUUID         Type = "missing_event_uuid"
	InvalidEventUUID         Type = "invalid_event_uuid"
	DuplicateEventUUID       Type = "duplicate_event_uuid"
	DistinctIDTruncated      Type = "distinct_id_truncated"
	HighVolumeDistinctID     Type = "high_volume_distinct_id"
	MessageSizeTooLarge      Type = "message_size_too_large"
	InvalidAIEvent           Type = "invalid_ai_event"
	InvalidAIPayload         Type = "invalid_ai_payload"
	InvalidSessionID         Type = "invalid_session_id"
	MissingSessionID         Type = "missing_session_id"
	MissingSnapshotData      Type = "missing_snapshot_data"
)

var known = map[Type]bool{
	MissingEventName: true, EventNameTooLong: true, MissingDistinctID: true, DistinctIDTooLarge: true,
	InvalidEventTimestamp: true, MalformedEventProperties: true, InvalidOptions: true, EmptyBatch: true,
	InvalidBatch: true, MissingEventUUID: true, InvalidEventUUID: true, DuplicateEventUUID: true,
	DistinctIDTruncated: true, HighVolumeDistinctID: true, MessageSizeTooLarge: true, InvalidAIEvent: true, InvalidAIPayload: true,
	InvalidSessionID: true, MissingSessionID: true, MissingSnapshotData: true,
}

// Known reports whether warnings of this type exist.
func (t Type) Known() bool { return known[t] }

// Warning is one thing to tell a project.
type Warning struct {
	Token   string
	Type    Type
	Service string         // who noticed, such as capture
	Step    string         // of the pipeline at which it was noticed; default StepValidation
	Path    string         // route of the request, a label of metrics: never what a client may choose freely
	Count   int            // events that it is about
	Details map[string]any // in camelCase, such as distinctId and eventUuid; must encode as JSON. Read before Emit returns

	Lib, LibVersion string // of the SDK
}

// Steps of a pipeline.
const (
	StepValidation = "capture_validation"
	StepRateLimit  = "capture_rate_limit"
)

const (
	eventName = "$$client_ingestion_warning"
	unknown   = "unknown"
)

// record builds the Kafka record of w. The warning belongs to the project, not to one of its persons: distinct_id is the token,
// whatever the details say.
func (w *Warning) record(topic string, now time.Time) (kafka.Record, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return kafka.Record{}, fmt.Errorf("make uuid: %w", err)
	}
	data, err := w.data(id)
	if err != nil {
		return kafka.Record{}, fmt.Errorf("encode warning %s: %w", w.Type, err)
	}
	now = now.UTC().Truncate(time.Millisecond)
	c := event.Captured{
		UUID: id, DistinctID: w.Token, Data: string(data), Now: now.Format("2006-01-02T15:04:05.000Z"),
		Token: w.Token, Event: eventName, Timestamp: now,
	}
	h := c.Headers()
	rec := kafka.Record{Topic: topic, Key: []byte(w.Token), Value: c.AppendJSON(nil)}
	for _, header := range h.Append(nil) {
		rec.Headers = append(rec.Headers, kafka.Header{Key: header.Name, Value: header.Value})
	}
	return rec, nil
}

func (w *Warning) data(id uuid.UUID) ([]byte, error) {
	details := maps.Clone(w.Details)
	if details == nil {
		details = map[string]any{}
	}
	details["count"] = w.Count
	details["pipelineStep"] = cmp.Or(w.Step, StepValidation)
	details["lib"] = cmp.Or(w.Lib, unknown)
	details["libVersion"] = cmp.Or(w.LibVersion, unknown)
	details["path"] = cmp.Or(w.Path, unknown)

	raw := event.Raw{Token: w.Token, UUID: &id, Event: eventName, Properties: map[string]json.RawMessage{}}
	var err error
	if raw.DistinctID, err = json.Marshal(w.Token); err != nil {
		return nil, err
	}
	for name, value := range map[string]any{"type": w.Type, "source": w.Service, "details": details} {
		if raw.Properties["$$client_ingestion_warning_"+name], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	return json.Marshal(raw)
}
