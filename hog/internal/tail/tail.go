// Package tail prints captured events as they arrive, one line each, for people.
package tail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hog-go/hog/common/event"
	"github.com/hog-go/hog/common/kafka"
)

// Printer writes records to a terminal or a pipe.
type Printer struct {
	Out      io.Writer
	JSON     bool           // the value of a record as it is, one line each
	Location *time.Location // of the times; nil is UTC
}

// Options say what to follow.
type Options struct {
	At     kafka.ClientConfig
	Topics []string // waited for where they do not exist
	From   kafka.Position
	Limit  int // records after which to stop; 0 is none
	Log    *slog.Logger
}

// errEnough ends the reading after Limit records.
var errEnough = errors.New("enough")

// Follow prints the records of the topics until ctx ends or there were enough.
func Follow(ctx context.Context, o Options, p *Printer) error {
	printed := 0
	err := kafka.Tail(ctx, o.At, o.Log, o.Topics, o.From, func(m kafka.Message) error {
		if err := p.Print(&m); err != nil {
			return err
		}
		if printed++; printed == o.Limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// Print writes one record.
func (p *Printer) Print(m *kafka.Message) error {
	line := string(m.Value)
	if !p.JSON {
		line = p.line(m)
	}
	if _, err := fmt.Fprintln(p.Out, line); err != nil {
		return fmt.Errorf("print an event: %w", err)
	}
	return nil
}

// line is the readable form of a record: when it arrived, topic, event name, distinct id, project token, and some properties. A record
// that is no captured event is shown with the beginning of its value.
func (p *Printer) line(m *kafka.Message) string {
	zone := p.Location
	if zone == nil {
		zone = time.UTC
	}
	at := m.Time.In(zone).Format("15:04:05.000")
	var e event.Captured
	if err := json.Unmarshal(m.Value, &e); err != nil || e.Token == "" && e.Event == "" {
		return fmt.Sprintf("%s  %-24s  (no captured event) %s", at, m.Topic, field(string(m.Value), 80))
	}
	var raw event.Raw
	_ = json.Unmarshal([]byte(e.Data), &raw) // data of another shape has no properties to show
	line := fmt.Sprintf("%s  %-24s  %-20s  %-24s  %-12s  %s",
		at, m.Topic, field(e.Event, 40), field(e.DistinctID, 24), field(e.Token, 12), properties(raw.Properties))
	return strings.TrimRight(line, " ")
}

const shownProperties = 4

// properties lists the first few by name, the client's own before those of the SDK, which begin with a dollar sign.
func properties(all map[string]json.RawMessage) string {
	names := make([]string, 0, len(all))
	for name := range all {
		if name != "token" && name != "distinct_id" { // shown already
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if x, y := strings.HasPrefix(a, "$"), strings.HasPrefix(b, "$"); x != y {
			if x {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
	var b strings.Builder
	for i, name := range names {
		if i == shownProperties {
			fmt.Fprintf(&b, " +%d", len(names)-i)
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s=%s", field(name, 40), field(string(all[name]), 40))
	}
	return b.String()
}

// field makes text of a client fit for a line on a terminal: at most n characters, and no control characters.
func field(s string, n int) string {
	if utf8.RuneCountInString(s) > n {
		s = string([]rune(s)[:n-1]) + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
