package event

import (
	"encoding/json"
	"fmt"
)

// ClickHouse is an event on the topic clickhouse_events_json, as the ingestion workers write it for ClickHouse. Times
// are text as ClickHouse prints them ("2024-01-01 12:00:00.000000"); pointers are optional fields, left out when nil.
// Source: ClickHouseEvent in PostHog's rust/common/types/src/event.rs.
type ClickHouse struct {
	UUID             string  `json:"uuid"`
	TeamID           int32   `json:"team_id"`
	ProjectID        *int64  `json:"project_id"`
	Event            string  `json:"event"`
	DistinctID       string  `json:"distinct_id"`
	Properties       *string `json:"properties,omitempty"` // JSON text of an object
	PersonID         *string `json:"person_id,omitempty"`
	Timestamp        string  `json:"timestamp"`
	CreatedAt        string  `json:"created_at"`
	CapturedAt       *string `json:"captured_at,omitempty"`
	ElementsChain    *string `json:"elements_chain"`
	PersonCreatedAt  *string `json:"person_created_at,omitempty"`
	PersonProperties *string `json:"person_properties,omitempty"`
	Group0Properties *string `json:"group0_properties,omitempty"`
	Group1Properties *string `json:"group1_properties,omitempty"`
	Group2Properties *string `json:"group2_properties,omitempty"`
	Group3Properties *string `json:"group3_properties,omitempty"`
	Group4Properties *string `json:"group4_properties,omitempty"`
	Group0CreatedAt  *string `json:"group0_created_at,omitempty"`
	Group1CreatedAt  *string `json:"group1_created_at,omitempty"`
	Group2CreatedAt  *string `json:"group2_created_at,omitempty"`
	Group3CreatedAt  *string `json:"group3_created_at,omitempty"`
	Group4CreatedAt  *string `json:"group4_created_at,omitempty"`
	PersonMode       string  `json:"person_mode"` // full, propertyless or force_upgrade
	Historical       *bool   `json:"historical_migration,omitempty"`
}

// PropertyMap decodes Properties. Absent properties are an empty map; text that is no JSON object is an error, and c
// keeps the original text.
func (c *ClickHouse) PropertyMap() (map[string]json.RawMessage, error) {
	props := map[string]json.RawMessage{}
	if c.Properties == nil {
		return props, nil
	}
	if err := json.Unmarshal([]byte(*c.Properties), &props); err != nil {
		return nil, fmt.Errorf("properties of event %s are no JSON object: %w", c.UUID, err)
	}
	return props, nil
}
