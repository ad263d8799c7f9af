// Package decode reads what clients send to the flag endpoint: the query, the body in all its wrappings, and the fields of the request.
// It is as lenient as clients of all ages need, and no more.
//
//	body ─▶ gunzip ─▶ base64, form ─▶ JSON, else JSON5 ─▶ Request
//
// Sources: PostHog's rust/feature-flags/src/handler/decoding.rs, api/types.rs and flags/flag_request.rs.
package decode

// Error is a request that cannot be read; its text is for the client.
type Error string

func (e Error) Error() string {
	return "Failed to decode request: " + string(e) + ". Please check your request format and try again."
}

// Errors whose texts are fixed.
const (
	errJSON        = Error("invalid JSON")
	errForm        = Error("invalid JSON structure")
	errCompression = Error("Unsupported compression type")
	errFormGzip    = Error("Gzip compression not supported for form-urlencoded data")
	errFormUTF8    = Error("Invalid UTF-8 in form data")
	errFormURL     = Error("Failed to URL decode form data")
	errDeep        = Error("JSON nesting too deep")
)

// maxDepth is the nesting of a body's values, beyond which it is refused before anything walks it.
const maxDepth = 128
