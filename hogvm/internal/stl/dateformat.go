package stl

import (
	"strconv"
	"time"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

func formatDateTime(c *native.Call, args []value.Value) (value.Value, error) {
	m, ok := momentOf(args[0])
	if c.IsNode() && (!ok || m.date) {
		return value.Value{}, errNoDateTime
	}
	if !ok {
		return value.Value{}, fault.Failed("formatDateTime expects a DateTime")
	}
	if !args[1].Truthy() {
		return value.Value{}, failed(c, "formatDateTime requires at least 2 arguments")
	}
	format, err := str(args[1])
	if err != nil {
		return value.Value{}, err
	}
	if len(args) > 2 && (args[2].Truthy() || !c.IsNode()) {
		if m.zone, err = str(args[2]); err != nil {
			return value.Value{}, err
		}
	}
	t, err := m.local()
	if err != nil && c.IsNode() {
		return value.OfString("Invalid DateTime"), nil
	}
	if err != nil {
		return value.Value{}, err
	}
	b := c.Heap.Open("")
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b = append(b, format[i])
			continue
		}
		if i++; i < len(format) {
			b = appendToken(c, b, t, format[i])
		}
	}
	return c.Heap.Close(b)
}

// layouts are the tokens that package time can format.
var layouts = [256]string{
	'a': "Mon", 'b': "Jan", 'c': "01", 'C': "06", 'd': "02", 'D': "01/02/06", 'f': "000", 'F': "2006-01-02", 'g': "06", 'G': "2006", 'h': "03",
	'H': "15", 'i': "04", 'I': "03", 'k': "15", 'l': "03", 'm': "01", 'M': "January", 'p': "PM", 'r': "03:04 PM", 'R': "15:04", 's': "05",
	'S': "05", 'T': "15:04:05", 'W': "Monday", 'y': "06", 'Y': "2006", 'z': "-0700",
}

// appendToken appends what stands for % and a letter: the tokens of ClickHouse. Others stand for nothing.
func appendToken(c *native.Call, b []byte, t time.Time, token byte) []byte {
	switch token {
	case 'e':
		if c.IsNode() {
			return strconv.AppendInt(b, int64(t.Day()), 10)
		}
		return appendPadded(b, t.Day(), 2)
	case 'f':
		return appendPadded(b, t.Nanosecond()/int(time.Millisecond), 3)
	case 'j':
		return appendPadded(b, t.YearDay(), 3)
	case 'n':
		return append(b, '\n')
	case 'Q':
		return strconv.AppendInt(b, int64(t.Month()+2)/3, 10)
	case 't':
		return append(b, '\t')
	case 'u':
		return strconv.AppendInt(b, isoWeekday(t), 10)
	case 'V':
		_, week := t.ISOWeek()
		return appendPadded(b, week, 2)
	case 'w':
		if c.IsNode() {
			return strconv.AppendInt(b, isoWeekday(t), 10)
		}
		return strconv.AppendInt(b, int64(t.Weekday()), 10)
	case '%':
		return append(b, '%')
	}
	if layouts[token] == "" {
		return b
	}
	return t.AppendFormat(b, layouts[token])
}

// isoWeekday counts from Monday, 1, to Sunday, 7.
func isoWeekday(t time.Time) int64 { return int64(t.Weekday()+6)%7 + 1 }

func appendPadded(b []byte, n, width int) []byte {
	for limit := 10; width > 1; width-- {
		if n < limit {
			b = append(b, '0')
		}
		limit *= 10
	}
	return strconv.AppendInt(b, int64(n), 10)
}
