package event

import (
	"strconv"
	"strings"
	"time"
)

// maxAhead is how far an event may lie in the future; beyond it the event time is the receive time.
const maxAhead = 23 * time.Hour

// Clock is what a request says about an event's time.
type Clock struct {
	Timestamp    string // as the client wrote it; "" is absent
	OffsetMillis int64  // how long before Now the event happened; used when HasOffset
	HasOffset    bool
	SentAt       time.Time // client's clock when it sent the request; zero is unknown
	IgnoreSentAt bool
	Now          time.Time // server's receive time
}

// Time is the event time in UTC, corrected by the client's clock skew (SentAt - Now), which is returned with ok when
// it was applied. A timestamp that cannot be read counts as absent: a wrong clock loses no event.
// Source: parse_event_timestamp in PostHog's rust/common/types/src/timestamp.rs.
func (c Clock) Time() (t time.Time, skew time.Duration, ok bool) {
	t = c.Now
	if c.Timestamp != "" {
		if parsed, valid := ParseTime(c.Timestamp); valid {
			t = parsed
			if !c.SentAt.IsZero() && !c.IgnoreSentAt {
				skew, ok = c.SentAt.Sub(c.Now), true
				t = Shift(t, c.SentAt, c.Now)
			}
		}
	}
	if c.HasOffset {
		t = before(c.Now, c.OffsetMillis)
	}
	if t.Sub(c.Now).Truncate(time.Millisecond) > maxAhead {
		t = c.Now
	}
	return InCalendar(t), skew, ok
}

// InCalendar is t in UTC; a time that RFC 3339 has no form for becomes the beginning of 1970.
func InCalendar(t time.Time) time.Time {
	t = t.UTC()
	if !inCalendar(t) {
		t = time.Unix(0, 0).UTC()
	}
	return t
}

func inCalendar(t time.Time) bool {
	y := t.UTC().Year()
	return y >= 0 && y <= 9999
}

// Shift moves t from a clock that says from to one that says to. It counts in seconds: a client whose clock is not set says
// the year 1, which is further away than a Duration reaches.
func Shift(t, from, to time.Time) time.Time {
	return time.Unix(t.Unix()-from.Unix()+to.Unix(), int64(t.Nanosecond()-from.Nanosecond()+to.Nanosecond()))
}

// before is now less ms milliseconds. A Duration holds 292 years; an offset may be any integer that the client made up,
// and one that leaves the calendar comes out as a year that Time refuses.
func before(now time.Time, ms int64) time.Time {
	const span = 20_000 * 366 * 24 * 3600 * 1000 // more than the calendar, in milliseconds
	return time.UnixMilli(now.UnixMilli() - min(max(ms, -span), span)).Add(time.Duration(now.Nanosecond() % 1e6))
}

// ParseTime reads an event timestamp in any of the forms that SDKs and imports send: RFC 3339 first (also with a
// blank for the T, or an offset of hours only), then unix seconds, milliseconds or nanoseconds as digits, then the
// calendar forms of lenientLayouts. A time without a zone is UTC.
func ParseTime(s string) (time.Time, bool) {
	if t, ok := parseRFC3339(s); ok {
		return t, true
	}
	s = strings.TrimSpace(s)
	if t, ok := parseUnix(s); ok {
		return t, true
	}
	return parseLenient(s)
}

// parseRFC3339 reads YYYY-MM-DD(T|t| )HH:MM:SS[.f…](Z|z|±HH[:]MM|±HH). It is on the path of every event, and so written
// out: time.Parse costs about eight times as much.
func parseRFC3339(s string) (time.Time, bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[4] != '-' || s[7] != '-' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	if c := s[10]; c != 'T' && c != 't' && c != ' ' {
		return time.Time{}, false
	}
	year, ok1 := digits(s[0:4])
	month, ok2 := digits(s[5:7])
	day, ok3 := digits(s[8:10])
	hour, ok4 := digits(s[11:13])
	minute, ok5 := digits(s[14:16])
	second, ok6 := digits(s[17:19])
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6) || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		hour > 23 || minute > 59 || second > 60 {
		return time.Time{}, false
	}
	nanos, rest, ok := fraction(s[19:])
	if !ok {
		return time.Time{}, false
	}
	offset, ok := zone(rest)
	if !ok {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC).Add(-offset), true
}

// fraction reads an optional ".ddd…"; digits after the ninth are cut off.
func fraction(s string) (nanos int, rest string, ok bool) {
	if s == "" || s[0] != '.' {
		return 0, s, true
	}
	i, scale := 1, 100_000_000
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		nanos += int(s[i]-'0') * scale
		scale /= 10
	}
	return nanos, s[i:], i > 1
}

func zone(s string) (time.Duration, bool) {
	switch {
	case s == "Z" || s == "z":
		return 0, true
	case len(s) == 3: // ±HH, which Postgres prints
		s += ":00"
	case len(s) == 5: // ±HHMM
		s = s[:3] + ":" + s[3:]
	}
	if len(s) != 6 || s[3] != ':' || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	h, ok1 := digits(s[1:3])
	m, ok2 := digits(s[4:6])
	if !ok1 || !ok2 || h > 23 || m > 59 {
		return 0, false
	}
	d := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	if s[0] == '-' {
		d = -d
	}
	return d, true
}

func digits(s string) (n int, ok bool) {
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int(c)
	}
	return n, true
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// parseUnix tells the unit by the number of digits, as the clients in use send them: 10 are seconds, 13 milliseconds,
// 19 nanoseconds.
func parseUnix(s string) (time.Time, bool) {
	if len(s) != 10 && len(s) != 13 && len(s) != 19 {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || s[0] == '-' || s[0] == '+' {
		return time.Time{}, false
	}
	switch len(s) {
	case 10:
		return time.Unix(n, 0).UTC(), true
	case 13:
		return time.UnixMilli(n).UTC(), true
	default:
		return time.Unix(0, n).UTC(), true
	}
}

// lenientLayouts are the forms of the dateparser crate that the original falls back to, most usual first. Go's parser
// accepts a fraction after the seconds of any of them.
var lenientLayouts = []string{
	"2006-01-02T15:04:05",
	"2006-01-02T15:04",
	"2006-01-02 15:04:05",
	"2006-01-02 15:04",
	"2006-01-02 15:04:05 -0700",
	"2006-01-02 15:04:05 -07:00",
	"2006-01-02 15:04 -0700",
	"2006-01-02 15:04:05 PM",
	"2006-01-02 03:04:05 PM",
	"2006-01-02",
	"2006-01-02 -0700",
	"1/2/2006 15:04:05",
	"1/2/2006 15:04",
	"1/2/2006 3:04:05 PM",
	"1/2/2006 3:04 PM",
	"1/2/2006",
	"1/2/06 15:04:05",
	"1/2/06",
	"2006/1/2 15:04:05",
	"2006/1/2 15:04",
	"2006/1/2 3:04:05 PM",
	"2006/1/2",
	"1.2.2006",
	"1.2.06",
	"2006.1.2",
	"Mon, 2 Jan 2006 15:04:05 -0700",
	"Mon, 2 Jan 2006 15:04 -0700",
	"2 Jan 2006 15:04:05 -0700",
	"Mon, 2 Jan 2006 15:04:05",
	"2006-Jan-02",
	"2006-Jan-02 15:04:05",
	"2 Jan 2006",
	"2 Jan 2006, 15:04",
	"2 Jan 2006 15:04",
	"2 Jan 2006 15:04:05",
	"2 January 2006",
	"2 January 2006 15:04:05",
	"Jan 2, 2006",
	"Jan 2, 2006 15:04:05",
	"Jan 2, 2006 3:04:05 PM",
	"Jan 2, 2006 3:04 PM",
	"Jan 2, 2006 at 3:04 PM",
	"January 2, 2006",
	"January 2, 2006 15:04:05",
	"January 2, 2006 3:04:05 PM",
	"January 2, 2006 3:04 PM",
	"January 2, 2006 at 3:04 PM",
	"060102 15:04:05", // MySQL's log
	"2006年01月02日15时04分05秒",
	"2006年01月02日",
}

// namedZones are the zone names of RFC 2822 section 4.3; Go's parser would take an unknown one for UTC.
var namedZones = map[string]string{
	"UTC": "+0000", "GMT": "+0000", "UT": "+0000", "Z": "+0000",
	"EST": "-0500", "EDT": "-0400", "CST": "-0600", "CDT": "-0500", "MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700",
}

func parseLenient(s string) (time.Time, bool) {
	if len(s) < len("1/2/06") || len(s) > 64 {
		return time.Time{}, false
	}
	var offset time.Duration
	if i := strings.LastIndexByte(s, ' '); i > 0 {
		if z, ok := namedZones[strings.ToUpper(s[i+1:])]; ok {
			offset, _ = zone(z)
			s = s[:i]
		}
	}
	s = upperMeridiem(s)
	for _, layout := range lenientLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Add(-offset).UTC(), true
		}
	}
	return time.Time{}, false
}

// upperMeridiem turns "10:09am" into "10:09 AM", the one form of the layouts.
func upperMeridiem(s string) string {
	n := len(s)
	if n < 3 {
		return s
	}
	m := strings.ToUpper(s[n-2:])
	if m != "AM" && m != "PM" {
		return s
	}
	return strings.TrimRight(s[:n-2], " ") + " " + m
}

// ParseISO reads a sent_at value: ISO 8601 with an offset, nothing else. The offset must not lead out of the calendar.
func ParseISO(s string) (time.Time, bool) {
	t, ok := parseRFC3339(s)
	return t, ok && inCalendar(t)
}

// AppendTime appends t in UTC as RFC 3339 with "Z" and 0, 3, 6 or 9 fraction digits, as few as hold it.
func AppendTime(dst []byte, t time.Time) []byte {
	dst, nanos := appendSeconds(dst, t)
	switch {
	case nanos == 0:
	case nanos%1_000_000 == 0:
		dst = appendPadded(append(dst, '.'), nanos/1_000_000, 3)
	case nanos%1_000 == 0:
		dst = appendPadded(append(dst, '.'), nanos/1_000, 6)
	default:
		dst = appendPadded(append(dst, '.'), nanos, 9)
	}
	return append(dst, 'Z')
}

// AppendSentAt appends t in UTC as RFC 3339 with "Z" and the shortest fraction, the form of sent_at.
func AppendSentAt(dst []byte, t time.Time) []byte {
	dst, nanos := appendSeconds(dst, t)
	if nanos != 0 {
		dst = appendPadded(append(dst, '.'), nanos, 9)
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return append(dst, 'Z')
}

func appendSeconds(dst []byte, t time.Time) (out []byte, nanos int) {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = append(appendPadded(dst, year, 4), '-')
	dst = append(appendPadded(dst, int(month), 2), '-')
	dst = append(appendPadded(dst, day, 2), 'T')
	dst = append(appendPadded(dst, hour, 2), ':')
	dst = append(appendPadded(dst, minute, 2), ':')
	return appendPadded(dst, second, 2), t.Nanosecond()
}

func appendPadded(dst []byte, n, width int) []byte {
	var buf [9]byte
	for i := width - 1; i >= 0; i-- {
		buf[i] = byte('0' + n%10)
		n /= 10
	}
	return append(dst, buf[:width]...)
}
