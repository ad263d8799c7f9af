package warnings

import (
	"encoding/json"
	"fmt"
	"time"
)

// Row is a warning of a producer that knows the team, the value of a record on clickhouse_ingestion_warnings.
type Row struct {
	TeamID    int32  `json:"team_id"` // 0 is unknown
	Type      string `json:"type"`
	Source    string `json:"source"`
	Details   string `json:"details"`   // JSON text
	Timestamp string `json:"timestamp"` // as ClickHouse reads it, UTC
}

// NewRow encodes details and the time.
func NewRow(teamID int32, warning, source string, details any, at time.Time) (Row, error) {
	text, err := json.Marshal(details)
	if err != nil {
		return Row{}, fmt.Errorf("encode details of warning %s: %w", warning, err)
	}
	return Row{
		TeamID: teamID, Type: warning, Source: source, Details: string(text),
		Timestamp: at.UTC().Format("2006-01-02 15:04:05.000000"),
	}, nil
}
