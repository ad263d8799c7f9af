package migrator

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// line is one line of output; the field names are those of PostHog's migrate-entry.
type line struct {
	Timestamp string `json:"timestamp"` // UTC, whole seconds
	Level     string `json:"level"`     // info, error
	Message   string `json:"message"`
	Type      string `json:"migration_type"`
	Status    string `json:"status"` // starting, running, completed, failed
	Database  string `json:"database_name,omitempty"`
	Fresh     bool   `json:"fresh_mode"`
	ExitCode  *int   `json:"exit_code,omitempty"`
}

// reporter tells about one target.
type reporter struct {
	w        io.Writer
	target   string
	database string
	fresh    bool
}

func (r reporter) print(level, status, message string, exitCode *int) {
	out, err := json.Marshal(line{
		Timestamp: time.Now().UTC().Format("2006-01-02T15:04:05Z"),
		Level:     level, Message: message, Type: r.target, Status: status,
		Database: r.database, Fresh: r.fresh, ExitCode: exitCode,
	})
	if err != nil {
		panic(fmt.Sprintf("migrator: encode a line: %v", err)) // only strings, a bool and an int
	}
	fmt.Fprintf(r.w, "%s\n", out)
}

func (r reporter) starting()              { r.print("info", "starting", "migrations starting", nil) }
func (r reporter) running(message string) { r.print("info", "running", message, nil) }

func (r reporter) end(code int) {
	if code == ExitOK {
		r.print("info", "completed", "migrations completed", &code)
	} else {
		r.print("error", "failed", "migrations failed, see the lines above", &code)
	}
}

// check reports the end of a target that failed, and tells whether it did not.
func (r reporter) check(err error) bool {
	if err != nil {
		code := ExitFailed
		r.print("error", "failed", err.Error(), &code)
	}
	return err == nil
}
