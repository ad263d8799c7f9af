package decode

import (
	"bytes"
	"iter"
	"unicode/utf8"

	"github.com/hog-go/hog/common/rawjson"
	"github.com/hog-go/hog/feature-flags/internal/agent"
	"github.com/hog-go/hog/feature-flags/match"
)

// Object is the text of a JSON object that has been checked, or nil.
type Object []byte

// All gives the members in the order of the text; of keys that come twice all are given. Keys and values lie in the object's memory.
func (o Object) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		if len(o) == 0 {
			return
		}
		s := scanner{text: o, ok: true}
		for key := range s.members() {
			if !yield(key, s.value()) {
				return
			}
		}
	}
}

// String reads a JSON string; ok is false for any other value.
func String(value []byte) (text string, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	s := scanner{text: value, ok: true}
	inner, escaped := s.str()
	if escaped {
		return string(rawjson.AppendUnescaped(nil, inner)), true
	}
	return string(inner), true
}

// Text is the text form of a string or a number; ok is false for any other value.
func Text(value []byte) (text string, ok bool) {
	if len(value) > 0 && (value[0] == '-' || value[0]-'0' < 10) {
		return numberText(value), true
	}
	return String(value)
}

// Group is one entry of a request's groups.
type Group struct {
	Type string
	Key  []byte // JSON
}

// GroupProperties are those of one group type.
type GroupProperties struct {
	Type       string
	Properties Object
}

// Request is what a client asks.
type Request struct {
	Token         string // empty if there is none
	DistinctID    string
	HasDistinctID bool

	NoGeoIP bool
	NoFlags bool

	PersonProperties   Object
	Groups             []Group
	GroupProperties    []GroupProperties
	AnonDistinctID     string
	DeviceID           string
	FlagKeys           []string // nil: all
	TimeZone           string
	CookielessExtra    string
	EvaluationContexts []string
	Runtime            match.Runtime // RuntimeUnknown: the client does not say
	Overrides          Object        // flags by key, in place of the stored ones; for internal callers
}

// Lengths beyond which a distinct id is cut: an id of more bytes keeps so many characters.
const maxID = 200

// parse reads a body that is strict JSON. Where a field comes under two names, the first name of the table in field wins.
func parse(text []byte) (req Request, ok bool) {
	p := parser{scanner: scanner{text: text, ok: true}, req: &req}
	for key := range p.members() {
		p.field(key)
	}
	if p.space(); !p.ok || p.at != len(text) {
		return Request{}, false
	}
	req.finish()
	return req, true
}

type parser struct {
	scanner
	req  *Request
	rank [numFields]uint8 // of the name that a field was last read under, from 1
}

type field uint8

const (
	fToken field = iota
	fDistinctID
	fPersonProperties
	fGroups
	fGroupProperties
	fAnonDistinctID
	fDeviceID
	fFlagKeys
	fContexts
	numFields
)

func (p *parser) field(key []byte) {
	r := p.req
	switch string(key) {
	case "token":
		p.aliased(fToken, 3, func() { r.Token = p.optionalString() })
	case "$token":
		p.aliased(fToken, 2, func() { r.Token = p.optionalString() })
	case "api_key":
		p.aliased(fToken, 1, func() { r.Token = p.optionalString() })
	case "distinct_id":
		p.aliased(fDistinctID, 2, p.distinctID)
	case "$distinct_id":
		p.aliased(fDistinctID, 1, p.distinctID)
	case "person_properties":
		p.aliased(fPersonProperties, 2, func() { r.PersonProperties = p.object() })
	case "$properties":
		p.aliased(fPersonProperties, 1, func() { r.PersonProperties = p.object() })
	case "groups":
		p.aliased(fGroups, 2, p.groups)
	case "$groups":
		p.aliased(fGroups, 1, p.groups)
	case "group_properties":
		p.aliased(fGroupProperties, 2, p.groupProperties)
	case "$group_properties":
		p.aliased(fGroupProperties, 1, p.groupProperties)
	case "anon_distinct_id":
		p.aliased(fAnonDistinctID, 2, func() { r.AnonDistinctID = p.optionalString() })
	case "$anon_distinct_id":
		p.aliased(fAnonDistinctID, 1, func() { r.AnonDistinctID = p.optionalString() })
	case "device_id":
		p.aliased(fDeviceID, 2, func() { r.DeviceID = p.optionalString() })
	case "$device_id":
		p.aliased(fDeviceID, 1, func() { r.DeviceID = p.optionalString() })
	case "flag_keys":
		p.aliased(fFlagKeys, 2, func() { r.FlagKeys = p.strings() })
	case "flag_keys_to_evaluate":
		p.aliased(fFlagKeys, 1, func() { r.FlagKeys = p.strings() })
	case "evaluation_contexts":
		p.aliased(fContexts, 2, func() { r.EvaluationContexts = p.strings() })
	case "evaluation_environments":
		p.aliased(fContexts, 1, func() { r.EvaluationContexts = p.strings() })
	case "geoip_disable":
		r.NoGeoIP = p.optionalBool()
	case "disable_flags":
		r.NoFlags = p.optionalBool()
	case "timezone":
		r.TimeZone = p.optionalString()
	case "cookieless_hash_extra":
		r.CookielessExtra = p.optionalString()
	case "ip_address":
		p.optionalString()
	case "evaluation_runtime":
		r.Runtime = match.RuntimeUnknown
		if text := p.value(); string(text) != "null" {
			word, isString := String(text)
			p.ok = p.ok && isString
			r.Runtime = agent.ParseRuntime(word)
		}
	case "override_flags_definitions":
		r.Overrides = p.object()
	default:
		p.value()
	}
}

// aliased reads a value into the field f unless a better name than the one of this rank has filled it; the type counts anyhow.
func (p *parser) aliased(f field, rank uint8, read func()) {
	if p.rank[f] > rank {
		kept := *p.req
		read()
		*p.req = kept
		return
	}
	p.rank[f] = rank
	read()
}

// optionalString reads a string, or null as "".
func (p *parser) optionalString() string {
	text := p.value()
	if string(text) == "null" {
		return ""
	}
	s, isString := String(text)
	p.ok = p.ok && isString
	return s
}

func (p *parser) optionalBool() bool {
	switch text := p.value(); string(text) {
	case "true":
		return true
	case "false", "null":
		return false
	default:
		p.ok = false
		return false
	}
}

func (p *parser) distinctID() {
	text := p.value()
	if string(text) == "null" {
		p.req.DistinctID, p.req.HasDistinctID = "", false
		return
	}
	id, isText := Text(text)
	p.ok = p.ok && isText
	p.req.DistinctID, p.req.HasDistinctID = shorten(id), true
}

func shorten(id string) string {
	if len(id) <= maxID {
		return id
	}
	n := 0
	for i := range id {
		if n++; n > maxID {
			return id[:i]
		}
	}
	return id
}

// object reads an object, or null as nil.
func (p *parser) object() Object {
	text := p.value()
	if !p.ok || string(text) == "null" {
		return nil
	}
	p.ok = text[0] == '{'
	return Object(text)
}

func (p *parser) groups() {
	p.req.Groups = nil
	for name, key := range p.object().All() {
		p.req.Groups = append(p.req.Groups, Group{Type: string(name), Key: key})
	}
}

func (p *parser) groupProperties() {
	p.req.GroupProperties = nil
	for name, value := range p.object().All() {
		p.ok = p.ok && value[0] == '{'
		p.req.GroupProperties = append(p.req.GroupProperties, GroupProperties{Type: string(name), Properties: Object(value)})
	}
}

// strings reads a list of strings, or null as nil; an empty list is not nil.
func (p *parser) strings() []string {
	if p.space(); p.at < len(p.text) && p.text[p.at] == 'n' {
		p.value()
		return nil
	}
	list := []string{}
	for range p.elements() {
		text := p.value()
		s, isString := String(text)
		p.ok = p.ok && isString
		list = append(list, s)
	}
	return list
}

// finish takes from the properties what older clients put there.
func (r *Request) finish() {
	if r.AnonDistinctID != "" && r.DeviceID != "" {
		return
	}
	if !bytes.Contains(r.PersonProperties, []byte(`_id"`)) {
		return
	}
	for key, value := range r.PersonProperties.All() {
		switch string(key) {
		case "$anon_distinct_id":
			if s, ok := String(value); ok && r.AnonDistinctID == "" {
				r.AnonDistinctID = s
			}
		case "$device_id":
			if s, ok := String(value); ok && r.DeviceID == "" {
				r.DeviceID = s
			}
		}
	}
}

// TokenOf is the token in a body as it came, before anything is known of it: what the rate limit of a token goes by. The first of
// token, api_key and $token that is there decides; a body that is no strict JSON has none.
func TokenOf(body []byte) string {
	if !utf8.Valid(body) {
		return ""
	}
	var found [3][]byte
	s := scanner{text: body, ok: true}
	for key := range s.members() {
		value := s.value()
		switch string(key) {
		case "token":
			found[0] = value
		case "api_key":
			found[1] = value
		case "$token":
			found[2] = value
		}
	}
	if s.space(); !s.ok || s.at != len(body) {
		return ""
	}
	for _, value := range found {
		if value != nil {
			token, _ := String(value)
			return token
		}
	}
	return ""
}
