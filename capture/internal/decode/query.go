package decode

import (
	"strconv"
	"strings"
	"time"

	"github.com/hog-go/hog/common/urlencoded"
)

// Compression is a hint about how a payload is packed.
type Compression uint8

// Hints; None also stands for a name that is not known, which is ignored.
const (
	None Compression = iota
	Gzip
	LZString
	Base64  // has no effect by itself
	Deflate // by the content-encoding header only, as are the next two
	Brotli
	Zstd
)

// Query is what the query string of an event or replay request says.
type Query struct {
	Data        string // the payload of a GET; wins over the body
	Compression Compression
	SentAt      time.Time // zero is unknown
	Beacon      bool      // success is answered 204 without a body
}

// ParseQuery reads the parameters compression, data, sent_at (or _) and beacon, and ignores the others. A value that
// cannot be read counts as absent: the original refuses the request, but the events in it are sound.
func ParseQuery(raw string) Query {
	var q Query
	for name, value := range urlencoded.Pairs(raw) {
		switch name {
		case "compression":
			q.Compression = compressionName(strings.ToLower(value))
		case "data":
			q.Data = value
		case "sent_at", "_":
			q.SentAt = sentAt(value)
		case "beacon":
			n, err := strconv.ParseInt(value, 10, 64)
			q.Beacon = err == nil && n == 1
		}
	}
	return q
}

// sentAt reads unix milliseconds. A value that would be before 2021 was sent in seconds, and is ignored.
func sentAt(s string) time.Time {
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}
	}
	t := time.UnixMilli(ms).UTC()
	if y := t.Year(); y <= 2020 || y > 9999 {
		return time.Time{}
	}
	return t
}

func compressionName(s string) Compression {
	switch s {
	case "gzip", "gzip-js":
		return Gzip
	case "lz64", "lz-string":
		return LZString
	case "base64", "b64":
		return Base64
	}
	return None
}

// encodingName reads a content-encoding header: the names of the query, case-sensitive, and the standard ones that
// the original's v0 endpoints do not know.
func encodingName(s string) Compression {
	switch s {
	case "deflate":
		return Deflate
	case "br":
		return Brotli
	case "zstd":
		return Zstd
	}
	return compressionName(s)
}
