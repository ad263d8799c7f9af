// Package aiform reads the multipart form of POST /i/v0/ai: one AI event, with its properties inside or in a part of
// their own, so that a large prompt need not be escaped twice.
//
//	event                          JSON object, the first part, at most MaxEventPart bytes
//	event.properties               JSON object
//	event.properties.<property>    anything; goes to object storage, and a link into the property (Limits.Blobs)
//
// Reading has two steps, between which a service looks whether it wants the event at all: Open reads the first part,
// Finish the others, and checks and merges. The words and the order of all refusals are those of PostHog's
// rust/capture/src/ai_endpoint.rs and ai_rejection.rs; of errors inside the multipart framing only the beginning is.
package aiform

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/capture/internal/scan"
)

// MaxEventPart is how many bytes the part event may have.
const MaxEventPart = 32 << 10

// Limits are the settings of a service.
type Limits struct {
	Event int  // bytes of the parts event and event.properties together; 0 is no limit
	Blobs bool // take parts for single properties
	Sum   int  // bytes of all parts; looked at if Blobs
}

// Part is a part that was accepted. An empty ContentType or ContentEncoding was not sent.
type Part struct {
	Name            string
	Length          int
	ContentType     string
	ContentEncoding string
}

// Form is a request. Its bytes are copies: the body may go once Finish has returned.
type Form struct {
	// Known after Open.
	Name       string // of the event
	DistinctID string
	UUID       string // as sent; "" where it is missing or no string

	// Known after Finish.
	ID           uuid.UUID
	Timestamp    string // as sent; "" where it is missing or no string
	SentAt       time.Time
	IgnoreSentAt bool   // the properties ask for it
	Internal     bool   // made inside the product: the client's address is nobody's
	Properties   []byte // JSON object, without what only PostHog's LLM gateway may say
	Parts        []Part // in the order sent
	Blobs        []Blob // in the order sent

	reader  *multipart.Reader
	body    []byte
	closing string          // ends body
	first   Part            // the event part
	arena   []byte          // contents of all parts
	members []member        // of the event, one for each name
	blobs   map[string]bool // properties that Blobs has
	own     []byte          // the event's own properties, JSON of any kind; nil where it has none
}

// member is a member of the event object.
type member struct {
	name  string
	value []byte // JSON
}

// Open reads the event part of body, which is unpacked already.
func Open(body []byte, contentType string) (*Form, *reject.Error) {
	boundary, refused := boundaryOf(contentType)
	if refused != nil {
		return nil, refused
	}
	f := &Form{reader: multipart.NewReader(bytes.NewReader(body), boundary), body: body, closing: "--" + boundary + "--", arena: make([]byte, 0, len(body)+bytes.MinRead)}
	part, refused := f.next()
	if refused != nil {
		return nil, refused
	}
	if part == nil {
		return nil, reject.Parse("Missing required 'event' part in multipart data")
	}
	info := describe(part)
	if info.Name != "event" {
		return nil, reject.Parse("First part must be 'event', got '" + info.Name + "'")
	}
	text, refused := f.read(part, &info)
	if refused != nil {
		return nil, refused
	}
	f.first = info
	if refused := f.event(text); refused != nil {
		return nil, refused
	}
	return f, nil
}

// boundaryOf returns what separates the parts.
func boundaryOf(contentType string) (string, *reject.Error) {
	const form = "multipart/form-data"
	if len(contentType) < len(form) || !strings.EqualFold(contentType[:len(form)], form) {
		return "", reject.Decode("Content-Type must be multipart/form-data")
	}
	kind, params, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		return "", reject.Decode("Invalid boundary in Content-Type: " + err.Error())
	case kind != form:
		return "", reject.Decode("Invalid boundary in Content-Type: Content-Type is not multipart/form-data")
	case params["boundary"] == "":
		return "", reject.Decode("Invalid boundary in Content-Type: multipart boundary not found in Content-Type")
	}
	return params["boundary"], nil
}

// next steps to the following part; nil is the end.
func (f *Form) next() (*multipart.Part, *reject.Error) {
	part, err := f.reader.NextRawPart()
	switch {
	case err == io.EOF && bytes.Contains(f.body, []byte(f.closing)): // a body that is cut behind a boundary is EOF as well
		return nil, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, reject.Decode("Multipart parsing failed: incomplete multipart stream")
	case err != nil:
		return nil, reject.Decode("Multipart parsing failed: " + err.Error())
	}
	return part, nil
}

// describe tells of a part what its headers say.
func describe(part *multipart.Part) Part {
	info := Part{Name: "unknown", ContentEncoding: part.Header.Get("Content-Encoding")}
	if _, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition")); err == nil {
		if name, ok := params["name"]; ok {
			info.Name = name
		}
	}
	contentType := part.Header.Get("Content-Type")
	if kind, _, err := mime.ParseMediaType(contentType); err == nil && strings.Contains(kind, "/") {
		_, params, _ := strings.Cut(contentType, ";")
		if info.ContentType = kind; params != "" {
			info.ContentType += ";" + params
		}
	}
	return info
}

// read copies the content of part into the arena and notes its length.
func (f *Form) read(part *multipart.Part, info *Part) ([]byte, *reject.Error) {
	from := len(f.arena)
	w := bytes.NewBuffer(f.arena)
	if _, err := w.ReadFrom(part); err != nil {
		return nil, reject.Decode("Failed to read field data: field '" + info.Name + "' received with incomplete data")
	}
	f.arena = w.Bytes()
	info.Length = len(f.arena) - from
	return f.arena[from:len(f.arena):len(f.arena)], nil
}

// event reads the event object.
func (f *Form) event(text []byte) *reject.Error {
	switch {
	case len(text) > MaxEventPart:
		return reject.TooLarge("Event part size (" + strconv.Itoa(len(text)) + " bytes) exceeds maximum allowed size (" + strconv.Itoa(MaxEventPart) + " bytes)")
	case !utf8.Valid(text):
		return reject.Parse("Event part must be valid UTF-8")
	case scan.Check(text) != nil:
		return reject.Parse("Event part must be valid JSON")
	}
	r := scan.NewReader(text)
	if r.Kind() != '{' {
		return reject.Parse("Event must be a JSON object")
	}
	index := map[string]int{}
	for name := range r.Members() {
		m := member{name: string(name)}
		m.value = r.Raw()
		if i, ok := index[m.name]; ok {
			f.members[i].value = m.value
			continue
		}
		index[m.name] = len(f.members)
		f.members = append(f.members, m)
	}
	f.own = f.member("properties")
	var ok bool
	if f.Name, ok = f.text("event"); !ok {
		return reject.Parse("Event missing 'event' field")
	}
	if f.DistinctID, ok = f.text("distinct_id"); !ok {
		return reject.Parse("Event missing 'distinct_id' field")
	}
	f.UUID, _ = f.text("uuid")
	return nil
}

// member returns the JSON value of a member, nil where there is none.
func (f *Form) member(name string) []byte {
	for i := range f.members {
		if f.members[i].name == name {
			return f.members[i].value
		}
	}
	return nil
}

// text returns the contents of a member that is a string.
func (f *Form) text(name string) (string, bool) {
	return contents(f.member(name))
}

// contents returns what a JSON value says if it is a string.
func contents(value []byte) (string, bool) {
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	return string(scan.NewReader(value).Text()), true
}
