package featureflags

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/hog-go/hog/feature-flags/internal/rate"
)

// Switch is a boolean in one of the spellings that people use: true, 1, yes, on; false, 0, no, off.
type Switch bool

// UnmarshalText reads a switch, in any case and with blanks around it.
func (s *Switch) UnmarshalText(text []byte) error {
	switch strings.ToLower(strings.TrimSpace(string(text))) {
	case "true", "1", "yes", "on":
		*s = true
	case "false", "0", "no", "off", "":
		*s = false
	default:
		return fmt.Errorf("%q is neither true nor false", text)
	}
	return nil
}

// Teams is a set of team ids. The zero value is empty.
type Teams struct {
	all    bool
	ranges [][2]int32 // inclusive
}

// UnmarshalText reads all or *, none, or a comma separated list of ids and of inclusive ranges a:b.
func (t *Teams) UnmarshalText(text []byte) error {
	*t = Teams{}
	switch whole := strings.TrimSpace(string(text)); whole {
	case "all", "*":
		t.all = true
		return nil
	case "none", "":
		return nil
	}
	for entry := range strings.SplitSeq(string(text), ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		from, to, isRange := strings.Cut(entry, ":")
		if !isRange {
			to = from
		}
		a, errA := strconv.ParseInt(strings.TrimSpace(from), 10, 32)
		b, errB := strconv.ParseInt(strings.TrimSpace(to), 10, 32)
		if errA != nil || errB != nil || b < a {
			return fmt.Errorf("%q is neither a team id nor a range such as 1:9", entry)
		}
		t.ranges = append(t.ranges, [2]int32{int32(a), int32(b)})
	}
	return nil
}

// Has tells whether a team is in the set.
func (t Teams) Has(id int32) bool {
	if t.all {
		return true
	}
	for _, r := range t.ranges {
		if r[0] <= id && id <= r[1] {
			return true
		}
	}
	return false
}

// Empty tells whether no team is in the set.
func (t Teams) Empty() bool { return !t.all && len(t.ranges) == 0 }

// BotFilter says what becomes of requests that come from crawlers.
type BotFilter string

// The modes of BotFilter.
const (
	BotsDisabled BotFilter = "disabled"
	BotsLogOnly  BotFilter = "log_only"
	BotsEnforced BotFilter = "enforced"
)

// UnmarshalText reads a mode in any case.
func (b *BotFilter) UnmarshalText(text []byte) error {
	switch mode := BotFilter(strings.ToLower(strings.TrimSpace(string(text)))); mode {
	case BotsDisabled, BotsLogOnly, BotsEnforced:
		*b = mode
		return nil
	default:
		return fmt.Errorf("%q is no mode: use disabled, log_only or enforced", text)
	}
}

// maxOverrides bounds what one variable can hold.
const maxOverrides = 100

// overrides reads FLAGS_TOKEN_RATE_LIMIT_OVERRIDES.
func overrides(text string) (map[string]rate.Limit, error) {
	const name = "FLAGS_TOKEN_RATE_LIMIT_OVERRIDES"
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var rates map[string]string
	if err := json.Unmarshal([]byte(text), &rates); err != nil {
		return nil, fmt.Errorf(`%s is no JSON object such as {"token":"100/minute"}: %w`, name, err)
	}
	if len(rates) > maxOverrides {
		return nil, fmt.Errorf("%s has %d entries, of which there may be %d", name, len(rates), maxOverrides)
	}
	limits := make(map[string]rate.Limit, len(rates))
	for token, text := range rates {
		limit, err := rate.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		limits[token] = limit
	}
	return limits, nil
}

// warnCapacity is the part of capacity that passes without a warning.
func warnCapacity(capacity int, ratio float64) int {
	return int(math.Floor(float64(capacity)*ratio + 1e-9))
}
