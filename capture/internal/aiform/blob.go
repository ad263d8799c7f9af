package aiform

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/common/rawjson"
)

// Blob is the content of a property that is too large for the event.
type Blob struct {
	Property        string // name
	ContentType     string
	ContentEncoding string // empty was not sent
	Data            []byte
}

// blob takes a part for one property.
func (f *Form) blob(info Part, content []byte) *reject.Error {
	property := strings.TrimPrefix(info.Name, blobPrefix)
	switch {
	case strings.Contains(property, "."):
		return reject.Parse("Blob property '" + info.Name + "' contains nested properties (dots). Only top-level properties are allowed.")
	case f.blobs[property]:
		return reject.Parse("Duplicate blob property: " + info.Name)
	case info.ContentType == "":
		return reject.Parse("Missing required Content-Type header for blob part '" + info.Name + "'")
	case !isBlobType(info.ContentType):
		return reject.Parse("Unsupported content type for blob part '" + info.Name + "': '" + info.ContentType +
			"'. Supported types: application/octet-stream, application/json, text/plain")
	case len(content) == 0:
		return reject.Parse("Blob part '" + info.Name + "' cannot be empty (0 bytes)")
	}
	if f.blobs == nil {
		f.blobs = map[string]bool{}
	}
	f.blobs[property] = true
	f.Blobs = append(f.Blobs, Blob{property, info.ContentType, info.ContentEncoding, content})
	return nil
}

func isBlobType(contentType string) bool {
	switch contentType {
	case "application/octet-stream", "application/json", "text/plain":
		return true
	}
	return strings.HasPrefix(contentType, "text/plain;")
}

// Document is one object that holds all blobs of a form. Its layout is that of PostHog's rust/capture/src/ai_s3.rs, which
// readers of the links know: each range is a part's headers and content, without the boundaries.
type Document struct {
	Body        []byte
	ContentType string
	ranges      []byteRange // of the form's blobs
}

// byteRange are the first and the last byte.
type byteRange struct{ first, last int }

// ObjectKey is where the document of an event is stored. The token, which a client chooses freely, only goes in as a
// hash.
func ObjectKey(prefix, token string, id uuid.UUID) string {
	sum := sha256.Sum256([]byte(token))
	return prefix + hex.EncodeToString(sum[:])[:16] + "/" + id.String()
}

// Document writes the blobs of f, after Finish. It is nil for a form without blobs.
func (f *Form) Document() *Document {
	if len(f.Blobs) == 0 {
		return nil
	}
	boundary := "----posthog-ai-" + f.ID.String() + "-" + rand.Text()[:8]
	size := len(boundary) + 8
	for i := range f.Blobs {
		b := &f.Blobs[i]
		size += len(boundary) + len(b.Property) + len(b.ContentType) + len(b.ContentEncoding) + len(b.Data) + 128
	}
	d := &Document{Body: make([]byte, 0, size), ContentType: "multipart/mixed; boundary=" + boundary}
	for i := range f.Blobs {
		d.add(&f.Blobs[i], boundary)
	}
	d.Body = append(d.Body, "--"+boundary+"--\r\n"...)
	return d
}

var quoteEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func (d *Document) add(b *Blob, boundary string) {
	d.Body = append(d.Body, "--"+boundary+"\r\n"...)
	first := len(d.Body)
	d.Body = append(d.Body, `Content-Disposition: form-data; name="`...)
	d.Body = append(d.Body, quoteEscaper.Replace(b.Property)...)
	d.Body = append(d.Body, "\"\r\nContent-Type: "+b.ContentType...)
	if b.ContentEncoding != "" {
		d.Body = append(d.Body, "\r\nContent-Encoding: "+b.ContentEncoding...)
	}
	d.Body = append(d.Body, "\r\n\r\n"...)
	d.Body = append(d.Body, b.Data...)
	d.ranges = append(d.ranges, byteRange{first, len(d.Body) - 1})
	d.Body = append(d.Body, "\r\n"...)
}

// SetLinks puts into each property whose content is in d where that is: base, the address of the stored document as
// s3://bucket/key, with the range of bytes.
func (f *Form) SetLinks(d *Document, base string) {
	out := without(f.Properties, func(name []byte) bool { return f.blobs[string(name)] })
	out = out[:len(out)-1]
	for i, r := range d.ranges {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = rawjson.AppendString(out, f.Blobs[i].Property)
		out = append(out, ':')
		out = rawjson.AppendString(out, base+"?range="+strconv.Itoa(r.first)+"-"+strconv.Itoa(r.last))
	}
	f.Properties = append(out, '}')
}
