// Package reject holds the reasons for which capture refuses a request. Status and message are the wire contract of
// the v0, replay and AI endpoints (SDKs resend on 408, 429 and 5xx and drop on the rest), Tag is the label under which
// the refusal is counted. Source: CaptureError in PostHog's rust/capture/src/api.rs.
package reject

import (
	"net/http"
	"strconv"
)

// Error is one refusal; its text is the body of the answer.
type Error struct {
	Status  int // HTTP
	Tag     string
	Message string
}

func (e *Error) Error() string { return e.Message }

// Refusals without a detail.
var (
	EmptyBatch        = &Error{http.StatusBadRequest, "empty_batch", "request holds no event"}
	EmptyPayload      = &Error{http.StatusBadRequest, "empty_payload", "request missing data payload"}
	NoEventName       = &Error{http.StatusBadRequest, "no_event_name", "event submitted with an empty event name"}
	NoDistinctID      = &Error{http.StatusBadRequest, "no_distinct_id", "event submitted without a distinct_id"}
	InvalidCookieless = &Error{http.StatusBadRequest, "invalid_cookieless", "event submitted with invalid cookieless mode"}
	NoSnapshot        = &Error{http.StatusBadRequest, "no_snapshot", "replay event submitted without snapshot data"}
	NoSessionID       = &Error{http.StatusBadRequest, "no_session_id", "replay event submitted without session id"}
	InvalidSession    = &Error{http.StatusBadRequest, "invalid_session", "replay event has invalid session id"}
	NonRetryableSink  = &Error{http.StatusBadRequest, "non_retry_sink", "invalid event could not be processed"}
	NoToken           = &Error{http.StatusUnauthorized, "no_token", "event submitted without an api_key"}
	MultipleTokens    = &Error{http.StatusUnauthorized, "multiple_tokens", "batch submitted with inconsistent api_key values"}
	BodyTimeout       = &Error{http.StatusRequestTimeout, "body_read_timeout", "client stopped sending data"}
	BillingLimit      = &Error{http.StatusTooManyRequests, "billing_limit", "billing limit reached"}
	RetryableSink     = &Error{http.StatusServiceUnavailable, "retryable_sink", "transient error, please retry"}
)

// Decode refuses a body that cannot be unpacked.
func Decode(detail string) *Error {
	return &Error{http.StatusBadRequest, "req_decoding", "failed to decode request: " + detail}
}

// Parse refuses a body that is no JSON, or not of a known shape.
func Parse(detail string) *Error {
	return &Error{http.StatusBadRequest, "req_parsing", "failed to parse request: " + detail}
}

// Hydrate refuses a body whose events cannot be told.
func Hydrate(detail string) *Error {
	return &Error{http.StatusBadRequest, "req_hydration", "failed to hydrate events from request: " + detail}
}

// InvalidToken refuses a token by its shape.
func InvalidToken(reason string) *Error {
	return &Error{http.StatusUnauthorized, "invalid_token", "API key is not valid: " + reason}
}

// TooLarge refuses a body, payload or record over its limit.
func TooLarge(detail string) *Error {
	return &Error{http.StatusRequestEntityTooLarge, "oversize_event", "maximum event size exceeded: " + detail}
}

// BodyTooLarge is TooLarge for a body of more than limit bytes on the wire.
func BodyTooLarge(limit int) *Error {
	return TooLarge("Request body exceeds limit of " + strconv.Itoa(limit) + " bytes")
}

// TooMany is TooLarge for a request of more than most events. SDKs send a smaller batch after it.
func TooMany(most int) *Error {
	return TooLarge("Batch of more than " + strconv.Itoa(most) + " events")
}

// Unpacked is TooLarge for a body that becomes more than limit bytes.
func Unpacked(limit, size int) *Error {
	return TooLarge("Decompressed payload would exceed " + strconv.Itoa(limit) + " bytes (got " + strconv.Itoa(size) + " bytes)")
}

// NotAI refuses a request to the AI endpoints that has another event in it.
func NotAI(name string) *Error {
	return &Error{http.StatusBadRequest, "non_ai_event", "event " + strconv.Quote(name) + " is not an AI event: send it to the analytics endpoint"}
}

// AITooBig refuses a request with an AI event of size bytes where max are allowed.
func AITooBig(name, id string, size, max int) *Error {
	return &Error{http.StatusRequestEntityTooLarge, "ai_event_too_big",
		"AI event " + name + " (uuid " + id + ") is " + strconv.Itoa(size) + " bytes, over the " + strconv.Itoa(max) + "-byte limit"}
}

// Internal refuses a request because of a fault of ours.
func Internal(detail string) *Error {
	return &Error{http.StatusInternalServerError, "internal_error", "internal server error: " + detail}
}
