package aiform

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/capture/internal/scan"
	"github.com/hog-go/hog/common/event"
	"github.com/hog-go/hog/common/rawjson"
)

// names are the events that the endpoint takes: fewer than the AI lane.
var names = []string{"$ai_generation", "$ai_trace", "$ai_span", "$ai_embedding", "$ai_metric", "$ai_feedback"}

const (
	propertiesPart = "event.properties"
	blobPrefix     = propertiesPart + "."
)

// Finish reads the parts behind the event and checks what they make together. It may be called once.
func (f *Form) Finish(limits Limits) *reject.Error {
	sent, refused := f.parts(limits)
	f.reader, f.body = nil, nil
	if refused != nil {
		return refused
	}
	if f.own != nil && sent != nil {
		return reject.Parse("Event cannot have both embedded properties and a separate 'event.properties' part")
	}
	if f.Properties = sent; sent == nil {
		f.Properties = f.own
	}
	if f.Properties == nil {
		f.Properties = []byte("{}")
	}
	if refused := f.check(); refused != nil {
		return refused
	}
	id, err := event.ParseUUID([]byte(f.UUID))
	if err != nil {
		return reject.Parse("Invalid UUID format: " + err.Error())
	}
	f.ID = id
	f.Timestamp, _ = f.text("timestamp")
	if sentAt, ok := f.text("sent_at"); ok {
		f.SentAt, _ = event.ParseISO(sentAt)
	}
	return nil
}

// parts reads the rest of the form and returns the properties part, nil where there is none.
func (f *Form) parts(limits Limits) (properties []byte, refused *reject.Error) {
	eventSize := len(f.arena)
	combined := eventSize
	f.Parts = append(f.Parts[:0], f.first)
	for {
		part, refused := f.next()
		if refused != nil {
			return nil, refused
		}
		if part == nil {
			break
		}
		info := describe(part)
		if info.Name == "event" {
			return nil, reject.Parse("Duplicate 'event' part found")
		}
		content, refused := f.read(part, &info)
		if refused != nil {
			return nil, refused
		}
		switch {
		case info.Name == propertiesPart:
			properties, combined = content, eventSize+len(content)
			refused = checkProperties(content)
		case limits.Blobs && strings.HasPrefix(info.Name, blobPrefix):
			refused = f.blob(info, content)
		default:
			refused = unknown(info.Name, limits.Blobs)
		}
		if refused != nil {
			return nil, refused
		}
		f.Parts = append(f.Parts, info)
	}
	if limits.Event > 0 && combined > limits.Event {
		return nil, reject.TooLarge("Combined event and properties size (" + strconv.Itoa(combined) + " bytes) exceeds maximum allowed size (" +
			strconv.Itoa(limits.Event) + " bytes)")
	}
	if sum := len(f.arena); limits.Blobs && sum > limits.Sum {
		return nil, reject.TooLarge("Sum of all parts (" + strconv.Itoa(sum) + " bytes) exceeds maximum allowed size (" + strconv.Itoa(limits.Sum) + " bytes)")
	}
	return properties, nil
}

func checkProperties(content []byte) *reject.Error {
	switch {
	case !utf8.Valid(content):
		return reject.Parse("Properties part must be valid UTF-8")
	case scan.Check(content) != nil:
		return reject.Parse("Properties part must be valid JSON")
	}
	return nil
}

func unknown(name string, blobs bool) *reject.Error {
	expected := "'event' or 'event.properties'"
	if blobs {
		expected = "'event', 'event.properties', or 'event.properties.<property_name>'"
	}
	return reject.Parse("Unknown multipart field: '" + name + "'. Expected " + expected)
}

// check looks at the merged event, and takes out of its properties what others need to know.
func (f *Form) check() *reject.Error {
	switch {
	case f.Name == "":
		return reject.Parse("Event name cannot be empty")
	case !isAllowed(f.Name):
		return reject.Parse("Event name must be one of: " + strings.Join(names, ", ") + ", got '" + f.Name + "'")
	case f.DistinctID == "":
		return reject.Parse("distinct_id cannot be empty")
	}
	r := scan.NewReader(f.Properties)
	if r.Kind() != '{' {
		return reject.Parse("Event missing 'properties' field")
	}
	var model []byte
	gateway := false
	for name := range r.Members() {
		switch string(name) {
		case "$ai_model":
			model = r.Raw()
		case "$ignore_sent_at":
			f.IgnoreSentAt = string(r.Raw()) == "true"
		case "capture_internal":
			f.Internal = true
		default:
			gateway = gateway || isGateway(name)
		}
	}
	text, isText := contents(model)
	switch {
	case model == nil:
		return reject.Parse("Event properties must contain '$ai_model'")
	case !isText:
		return reject.Parse("$ai_model must be a string")
	case text == "":
		return reject.Parse("$ai_model cannot be empty")
	}
	if value := f.member("uuid"); len(value) == 0 || value[0] != '"' {
		return reject.Parse("Event UUID is required")
	}
	if gateway {
		f.Properties = without(f.Properties, isGateway)
	}
	return nil
}

func isAllowed(name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

var gatewayPrefix = []byte("$ai_gateway")

// isGateway tells a property with which PostHog's own LLM gateway marks its events as exempt from the quota: nobody else
// may set one.
func isGateway(name []byte) bool { return bytes.HasPrefix(name, gatewayPrefix) }

// without returns the JSON object raw without the members that drop names.
func without(raw []byte, drop func(name []byte) bool) []byte {
	out := append(make([]byte, 0, len(raw)), '{')
	scan.EachMember(raw, func(name, _, member []byte) {
		if drop(name) {
			return
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, member...)
	})
	return append(out, '}')
}

// AppendData appends the event with its properties, and whatever else it came with, as one JSON object: the data of its
// record. Its length is the size of the event.
func (f *Form) AppendData(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range f.members {
		m := &f.members[i]
		value := m.value
		if m.name == "properties" {
			value = f.Properties
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = rawjson.AppendString(dst, m.name)
		dst = append(dst, ':')
		dst = append(dst, value...)
	}
	if f.own == nil {
		dst = append(dst, `,"properties":`...) // an event has other members, its name at least
		dst = append(dst, f.Properties...)
	}
	return append(dst, '}')
}

// AppendAccepted appends the answer to a request whose parts were accepted. There are none where an event is dropped on
// purpose.
func AppendAccepted(dst []byte, parts []Part) []byte {
	dst = append(dst, `{"accepted_parts":[`...)
	for i := range parts {
		p := &parts[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"name":`...)
		dst = rawjson.AppendString(dst, p.Name)
		dst = append(dst, `,"length":`...)
		dst = strconv.AppendInt(dst, int64(p.Length), 10)
		dst = append(dst, `,"content-type":`...)
		dst = appendOptional(dst, p.ContentType)
		dst = append(dst, `,"content-encoding":`...)
		dst = append(appendOptional(dst, p.ContentEncoding), '}')
	}
	return append(dst, `]}`...)
}

func appendOptional(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return rawjson.AppendString(dst, s)
}
