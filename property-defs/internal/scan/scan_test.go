package scan_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/property-defs/internal/definition"
	"github.com/hog-go/hog/property-defs/internal/scan"
)

// member is a property as both readers show it.
type member struct {
	list, key, kind, text string
}

// show gives all members of an event in order.
func show(s *scan.Scanner, e *scan.Event) (out []member) {
	for i, list := range [][]scan.Member{e.Top, e.Set, e.SetOnce} {
		for _, m := range list {
			v := s.Value(m)
			kind := [...]string{definition.Other: "other", definition.Text: "text", definition.Number: "number", definition.Bool: "bool"}[v.Kind]
			out = append(out, member{[]string{"top", "set", "once"}[i], string(s.Key(m)), kind, string(v.Text)})
		}
	}
	return out
}

// read works out the same with encoding/json: ok is false unless text is JSON and an object.
func read(text string) (out []member, ok bool) {
	if !valid(text) {
		return nil, false
	}
	lists := map[string][]member{}
	members := func(name, text string) bool {
		lists[name] = nil
		d := json.NewDecoder(strings.NewReader(text))
		if t, _ := d.Token(); t != json.Delim('{') {
			return false
		}
		for d.More() {
			key, _ := d.Token()
			var raw json.RawMessage
			if d.Decode(&raw) != nil {
				return false
			}
			m := member{list: name, key: key.(string)}
			var s string
			switch raw[0] {
			case '"':
				_ = json.Unmarshal(raw, &s)
				m.kind, m.text = "text", s
			case 't', 'f':
				m.kind = "bool"
			case '{', '[', 'n':
				m.kind = "other"
			default:
				m.kind, m.text = "number", string(raw)
			}
			lists[name] = append(lists[name], m)
		}
		return true
	}
	if !members("top", text) {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(text)) // again, for the last of the sets
	_, _ = d.Token()
	for d.More() {
		key, _ := d.Token()
		var raw json.RawMessage
		_ = d.Decode(&raw)
		if list := map[any]string{"$set": "set", "$set_once": "once"}[key]; list != "" && !members(list, string(raw)) {
			lists[list] = nil
		}
	}
	return append(append(lists["top"], lists["set"]...), lists["once"]...), true
}

// valid is what serde_json makes a tree of: JSON, whole characters only, numbers that a float can hold, 127 levels at most.
func valid(text string) bool {
	if !json.Valid([]byte(text)) || !utf8.ValidString(text) {
		return false
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	for depth := 0; ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return false
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				if depth++; depth > 127 {
					return false
				}
			} else {
				depth--
			}
		case json.Number:
			if f, err := strconv.ParseFloat(v.String(), 64); err != nil || math.IsInf(f, 0) {
				return false
			}
		}
	}
	return !loneSurrogate(text)
}

func loneSurrogate(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++
		if text[i] != 'u' {
			continue
		}
		unit := func(at int) uint64 {
			if at+6 > len(text) || text[at:at+2] != `\u` {
				return 0
			}
			v, _ := strconv.ParseUint(text[at+2:at+6], 16, 16)
			return v
		}
		first := unit(i - 1)
		switch {
		case first >= 0xD800 && first < 0xDC00:
			if low := unit(i + 5); low < 0xDC00 || low >= 0xE000 {
				return true
			}
			i += 10
		case first >= 0xDC00 && first < 0xE000:
			return true
		}
	}
	return false
}

var seeds = []string{
	`{"a":1,"b":"x","$set":{"c":[1,{"d":null}]},"$set_once":{"e":true}}`, `{"a\"b\\":"q\"\\\/\b\f\n\r\t"}`, `{"é":"\u00e9","\ud83d\ude00":"😀"}`,
	`{"a":"\ud800"}`, `{"a":1e999}`, `{"a":-0.5e-3,"b":01}`, ` { "a" : [ ] , "b" : { } } `, `[]`, `"x"`, `{"$set":1,"$set":{"a":1},"$set":[]}`, `{"a":1}x`, `{"a":`, `{"a" "b"}`,
	`{"a":"b` + "\n" + `"}`, `{"a":tru}`, `{"":""}`, `{"a":"\\\""}`, `{"a":` + strings.Repeat(`[`, 126) + strings.Repeat(`]`, 126) + `}`, `{"a":` + strings.Repeat(`{"b":`, 127) + `1` + strings.Repeat(`}`, 128),
}

// FuzzProperties compares with encoding/json, for every way in which the text of properties may be written inside the payload.
func FuzzProperties(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, ok := read(text)
		for name, quoted := range map[string]string{"plain": plainly(text), "escaped": escaped(text)} {
			var s scan.Scanner
			e, err := s.Event(fmt.Appendf(nil, `{"team_id":1,"project_id":2,"event":"e","properties":%s,"x":{"y":[]}}`, quoted))
			if !utf8.ValidString(text) {
				if name == "plain" { // the other one has no form for it
					require.Error(t, err)
				}
				continue
			}
			require.NoError(t, err, name)
			require.Equal(t, ok, e.Object, "%s %q", name, text)
			if ok {
				require.Equal(t, want, show(&s, &e), "%s %q", name, text)
			}
		}
	})
}

// plainly quotes as JSON.stringify does: what needs no escape has none.
func plainly(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(text) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + `"`
}

// escaped quotes with a number for everything that is no letter.
func escaped(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r >= 0x10000:
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xD800+(r-0x10000)>>10, 0xDC00+(r-0x10000)&0x3ff)
		case r < 'a' || r > 'z':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

// FuzzEvent feeds whole payloads: what is accepted must be JSON with the four fields, what is refused must lack something.
func FuzzEvent(f *testing.F) {
	for _, s := range []string{
		`{"team_id":1,"project_id":2,"event":"e","properties":"{\"a\":1}"}`, `{"team_id":"1","project_id":"2","event":"\u0065","x":"\ud800"}`, `{"event":1}`, `[`, ``, `{"team_id":1,"team_id":1}`,
		`{"team_id":1,"project_id":2,"event":"e","properties":null} `, `{"team_id":1,"project_id":2,"event":"e","properties":{"a":1}}`, `{"x":1e999,"team_id":1,"project_id":2,"event":"e"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var s scan.Scanner
		e, err := s.Event(bytes.Clone(payload))
		var oracle struct {
			Team       json.RawMessage `json:"team_id"`
			Project    json.RawMessage `json:"project_id"`
			Event      *string         `json:"event"`
			Properties *string         `json:"properties"`
		}
		if err != nil {
			return
		}
		require.True(t, json.Valid(payload))
		if json.Unmarshal(payload, &oracle) != nil || oracle.Event == nil {
			return // encoding/json takes field names in any case, and so reads other ones
		}
		show(&s, &e)
	})
}
