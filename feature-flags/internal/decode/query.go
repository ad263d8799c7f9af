package decode

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hog-go/hog/common/urlencoded"
)

// Compression is what the query says about the body.
type Compression uint8

// The compressions.
const (
	NoCompression Compression = iota
	Gzip
	Base64
	Unsupported
)

// Query holds the parameters of a request.
type Query struct {
	Version     int // meaningful if HasVersion
	HasVersion  bool
	Config      bool // meaningful if HasConfig
	HasConfig   bool
	Compression Compression
	SentAt      int64 // unix milliseconds; meaningful if HasSentAt
	HasSentAt   bool
	LibVersion  string
	SurveysOnly bool // flags of surveys alone
	Detailed    bool // say for each condition how it came out
	Overrides   bool // use no stored properties
}

// QueryError is a parameter of the wrong type; its text is for the client.
type QueryError struct{ Name, Value string }

func (e *QueryError) Error() string {
	return fmt.Sprintf("Failed to deserialize query string: %s: %q is no number", e.Name, e.Value)
}

// ParseQuery reads the query part of a URL. Unknown parameters, and escapes that are none, are passed over.
func ParseQuery(raw string) (Query, error) {
	var q Query
	for name, value := range urlencoded.Pairs(raw) {
		if err := q.set(name, value); err != nil {
			return Query{}, err
		}
	}
	return q, nil
}

func (q *Query) set(name, value string) error {
	switch name {
	case "v", "version":
		if value == "" {
			return nil
		}
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			n = 1
		}
		q.Version, q.HasVersion = int(n), true
	case "compression":
		q.Compression = compression(value)
	case "ver", "lib_version":
		q.LibVersion = value
	case "_", "sent_at":
		if value == "" {
			return nil
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return &QueryError{Name: name, Value: value}
		}
		q.SentAt, q.HasSentAt = n, true
	case "config":
		q.Config, q.HasConfig = present(value), true
	case "only_evaluate_survey_feature_flags":
		q.SurveysOnly = present(value)
	case "detailed_analysis":
		q.Detailed = present(value)
	case "only_use_override_person_properties":
		q.Overrides = present(value)
	}
	return nil
}

func compression(value string) Compression {
	switch strings.ToLower(value) {
	case "":
		return NoCompression
	case "gzip", "gzip-js":
		return Gzip
	case "base64":
		return Base64
	default:
		return Unsupported
	}
}

// present reads a parameter that is true by being there.
func present(value string) bool {
	switch strings.ToLower(value) {
	case "false", "0", "no", "off":
		return false
	default:
		return true
	}
}
