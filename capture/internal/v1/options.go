package v1

import (
	"bytes"
	"math"
	"strconv"

	"github.com/hog-go/hog/capture/internal/scan"
)

// Bool is an option that may be unset.
type Bool uint8

// The states of a Bool.
const (
	Unset Bool = iota
	False
	True
)

// Options are what an event asks of the pipeline beside its properties.
type Options struct {
	Cookieless            Bool
	DisableSkewCorrection Bool
	PersonProfile         Bool
	ProductTour           []byte // JSON, a string; nil is unset
}

// parseOptions reads raw, nil for none. SDKs of dynamic languages send numbers and words for booleans; what cannot be
// read drops the event, since what it asks for might be to keep somebody's data out.
func parseOptions(raw []byte) (o Options, ok bool) {
	if raw == nil {
		return o, true
	}
	if raw[0] != '{' {
		return o, false
	}
	ok = true
	scan.EachMember(raw, func(name, value, _ []byte) {
		good := true
		switch string(name) {
		case "cookieless_mode":
			o.Cookieless, good = parseBool(value)
		case "disable_skew_correction", "disable_skew_adjustment":
			o.DisableSkewCorrection, good = parseBool(value)
		case "process_person_profile":
			o.PersonProfile, good = parseBool(value)
		case "product_tour_id":
			o.ProductTour, good = parseText(value)
		}
		ok = ok && good
	})
	return o, ok
}

func parseBool(raw []byte) (b Bool, ok bool) {
	switch raw[0] {
	case 't':
		return True, true
	case 'f':
		return False, true
	case 'n':
		return Unset, true
	case '{', '[':
		return Unset, false
	case '"':
		var arena []byte
		raw = bytes.TrimSpace(scan.Text(raw, &arena))
		if len(raw) == 0 {
			return Unset, true
		}
		switch string(bytes.ToLower(raw)) {
		case "true", "t", "yes", "y", "on":
			return True, true
		case "false", "f", "no", "n", "off":
			return False, true
		}
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	switch {
	case err != nil || math.IsInf(n, 0) || math.IsNaN(n):
		return Unset, false
	case n == 0:
		return False, true
	}
	return True, true
}

// parseText reads a string; a blank one is unset.
func parseText(raw []byte) (text []byte, ok bool) {
	switch raw[0] {
	case 'n':
		return nil, true
	case '"':
		var arena []byte
		if len(bytes.TrimSpace(scan.Text(raw, &arena))) == 0 {
			return nil, true
		}
		return raw, true
	}
	return nil, false
}
