// Package scan reads the JSON of a request in one pass and yields views: each field of an event is the piece of the
// payload that holds its value, so that what capture only passes on is never decoded.
//
// A scanner checks the whole text against RFC 8259 as it goes; encoding/json is the oracle of its fuzz test. It differs
// from that decoder in three ways, all taken from the original (serde_json): nesting beyond 127 containers is refused,
// field names are matched exactly, and the known fields must have the right type or the shape does not match. A lone
// surrogate escape (\ud800) is rewritten to \ufffd in place: browsers send it for a cut emoji, and refusing it would
// lose the batch. The payload must be valid UTF-8, must stay untouched while the views live, and may be changed by
// this package in that one way.
package scan
