package v1

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/hog-go/hog/common/rawjson"
)

// Error refuses a whole request. Tag and Description are the client's to read, Detail is for logs.
type Error struct {
	Status      int
	Tag         string
	Description string
	Detail      string
}

func (e *Error) Error() string {
	if e.Detail != "" {
		return e.Tag + ": " + e.Detail
	}
	return e.Tag + ": " + e.Description
}

// Where the documentation of errors is.
const (
	docsAPI     = "https://posthog.com/docs/api"
	docsBilling = "https://posthog.com/docs/billing/limits"
)

// AppendJSON appends the body of the answer.
func (e *Error) AppendJSON(dst []byte) []byte {
	uri := docsAPI
	if e.Status == http.StatusPaymentRequired {
		uri = docsBilling
	}
	dst = append(dst, `{"error":"`...)
	dst = append(dst, e.Tag...)
	dst = append(dst, `","error_description":`...)
	dst = rawjson.AppendString(dst, e.Description)
	dst = append(dst, `,"error_uri":"`...)
	dst = append(dst, uri...)
	return append(dst, `"}`...)
}

// Retryable tells whether a client should send the same request again, and so is told when.
func (e *Error) Retryable() bool {
	return e.Status == http.StatusRequestTimeout || e.Status >= http.StatusInternalServerError
}

// Refusals without a detail.
var (
	ErrMissingAuthorization = &Error{Status: http.StatusUnauthorized, Tag: "missing_authorization", Description: "request is missing the Authorization header"}
	ErrEmptyBody            = &Error{Status: http.StatusBadRequest, Tag: "empty_body", Description: "request body is empty"}
	ErrEmptyBatch           = &Error{Status: http.StatusBadRequest, Tag: "empty_batch", Description: "request batch is empty"}
	ErrMissingUUID          = &Error{Status: http.StatusBadRequest, Tag: "missing_event_uuid", Description: "event submitted without a uuid"}
	ErrBillingLimit         = &Error{Status: http.StatusPaymentRequired, Tag: "billing_limit_exceeded", Description: "Billing quota exceeded. Events are being dropped. Upgrade your plan to resume ingestion."}
	ErrInternal             = &Error{Status: http.StatusInternalServerError, Tag: "internal_error", Description: http.StatusText(http.StatusInternalServerError)}
)

func invalidHeader(description string) *Error {
	return &Error{Status: http.StatusBadRequest, Tag: "invalid_header_value", Description: "invalid header value: " + description}
}

func invalidToken(reason string) *Error {
	return &Error{Status: http.StatusUnauthorized, Tag: "invalid_api_token", Description: "The provided API token is not valid.", Detail: reason}
}

func unsupportedType(contentType string) *Error {
	return &Error{Status: http.StatusUnsupportedMediaType, Tag: "unsupported_content_type", Description: "unsupported content type: " + contentType}
}

func unsupportedEncoding(encoding string) *Error {
	return &Error{Status: http.StatusUnsupportedMediaType, Tag: "unsupported_encoding", Description: "unsupported content encoding: " + encoding}
}

// BodyTimeout refuses a body of which nothing came any more after so many bytes.
func BodyTimeout(bytes int) *Error {
	return &Error{Status: http.StatusRequestTimeout, Tag: "body_read_timeout", Description: "body read stalled after receiving " + strconv.Itoa(bytes) + " bytes"}
}

// Undecodable refuses a body that cannot be read or unpacked.
func Undecodable(detail string) *Error {
	return &Error{Status: http.StatusBadRequest, Tag: "request_decoding_error", Description: "Failed to decode request body.", Detail: detail}
}

// Unparsable refuses a body that is no JSON, or not of the shape of a batch.
func Unparsable(detail string) *Error {
	return &Error{Status: http.StatusBadRequest, Tag: "request_parsing_error", Description: "Failed to parse request body.", Detail: detail}
}

// TooLarge refuses a body over a limit, on the wire or unpacked.
func TooLarge(description string) *Error {
	return &Error{Status: http.StatusRequestEntityTooLarge, Tag: "payload_too_large", Description: "payload too large: " + description}
}

func invalidBatch(description string) *Error {
	return &Error{Status: http.StatusBadRequest, Tag: "invalid_batch", Description: "invalid batch: " + description}
}

func invalidUUID(id string) *Error {
	return &Error{Status: http.StatusBadRequest, Tag: "invalid_event_uuid", Description: "invalid event uuid: " + clip(id)}
}

func duplicateUUID(id string) *Error {
	return &Error{Status: http.StatusBadRequest, Tag: "duplicate_event_uuid", Description: "duplicate event uuid: " + clip(id)}
}

// clip keeps what a client sent from filling an answer or a log.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
