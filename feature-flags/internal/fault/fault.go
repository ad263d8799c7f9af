// Package fault says what clients are told when something goes wrong: the answer to a request as a whole, and the reason of a single
// flag. Nothing of an error's own text leaves the service unless it is about the request. Source: PostHog's
// rust/feature-flags/src/api/errors.rs.
package fault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hog-go/hog/common/compress"
	"github.com/hog-go/hog/common/cookieless"
	"github.com/hog-go/hog/common/hypercache"
	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/feature-flags/internal/decode"
	"github.com/hog-go/hog/feature-flags/internal/refusal"
	"github.com/hog-go/hog/feature-flags/match"
)

// Conditions that the stages of a request report.
var (
	ErrNoDistinctID = errors.New("request without a distinct id")
	ErrBodyTooLarge = errors.New("body too large")
	ErrBodyBroken   = errors.New("body broken off")
	ErrCorruptFlags = errors.New("flag definitions cannot be parsed")
)

// Codes that say that something took too long.
const (
	CodeTimeout = "timeout"
	CodeBusy    = "evaluation_pool_busy"
)

// BusyError says that no processor came free for an evaluation.
type BusyError struct{ WaitedMS int64 }

func (e *BusyError) Error() string {
	return fmt.Sprintf("Evaluation pool busy, timed out after %dms. Please retry.", e.WaitedMS)
}

// CookielessError is a failure to compute a distinct id.
type CookielessError struct{ Err error }

func (e *CookielessError) Error() string { return "compute cookieless distinct id: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *CookielessError) Unwrap() error { return e.Err }

// Answer is what a client gets in place of flags.
type Answer struct {
	Status int
	Code   string // for logs and metrics
	Body   []byte
	JSON   bool // else text
}

func text(status int, code, body string) Answer {
	return Answer{Status: status, Code: code, Body: []byte(body)}
}

// The texts.
const (
	textNoDistinctID = "The distinct_id field is missing from the request. Please include a valid identifier."
	textBuffer       = "Failed to buffer the request body"
	textDatabase     = "Our database service is currently unavailable. This is likely a temporary issue. Please try again later."
	textTimeout      = "The request timed out. This could be due to high load or network issues. Please try again later."
	textDependency   = "A service dependency is temporarily unavailable. This is likely a temporary issue. Please try again later."
	textCorrupt      = "Failed to parse flag configuration data. This may indicate a misconfigured feature flag. Please check your flag definitions or contact support."
	textOtherDB      = "A database error occurred. Please try again later or contact support if the problem persists."
	textOther        = "An internal server error occurred. Please try again later or contact support if the problem persists."
	textCookieless   = "An internal error occurred while processing your request."
	textSentAt       = "Invalid sent_at: timestamp resolves to a date outside the accepted ingestion window"
)

// Of is the answer to a request that ended with err.
func Of(err error) Answer {
	if a, ok := ofRequest(err); ok {
		return a
	}
	if e, ok := errors.AsType[*CookielessError](err); ok {
		return ofCookieless(e)
	}
	return ofStore(err)
}

// ofRequest answers what the client has done.
func ofRequest(err error) (Answer, bool) {
	if r, ok := refusal.Of(err); ok {
		return Answer{Status: r.Status, Code: r.Code, Body: r.JSON(), JSON: true}, true
	}
	if e, ok := errors.AsType[decode.Error](err); ok {
		return text(http.StatusBadRequest, "request_decoding_error", e.Error()), true
	}
	if e, ok := errors.AsType[*decode.QueryError](err); ok {
		return text(http.StatusBadRequest, "query_error", e.Error()), true
	}
	if e, ok := errors.AsType[*compress.TooLargeError](err); ok {
		return text(http.StatusRequestEntityTooLarge, "payload_too_large", fmt.Sprintf("Decompressed request body exceeded %d bytes (got %d). "+
			"If this is a legitimate workload, contact PostHog support.", e.Limit, e.Size)), true
	}
	if e, ok := errors.AsType[*BusyError](err); ok {
		return text(http.StatusGatewayTimeout, CodeBusy, e.Error()), true
	}
	switch {
	case errors.Is(err, ErrNoDistinctID):
		return text(http.StatusBadRequest, "missing_distinct_id", textNoDistinctID), true
	case errors.Is(err, ErrBodyTooLarge):
		return text(http.StatusRequestEntityTooLarge, "body_too_large", textBuffer), true
	case errors.Is(err, ErrBodyBroken):
		return text(http.StatusBadRequest, "body_read_error", textBuffer), true
	}
	return Answer{}, false
}

func ofCookieless(err *CookielessError) Answer {
	if e, ok := errors.AsType[*cookieless.MissingPropertyError](err.Err); ok {
		return text(http.StatusBadRequest, "cookieless_error", "Missing required property: "+e.Property)
	}
	if errors.Is(err.Err, cookieless.ErrDateOutOfRange) {
		return text(http.StatusBadRequest, "cookieless_error", textSentAt)
	}
	return text(http.StatusInternalServerError, "cookieless_error", textCookieless)
}

// ofStore answers for what the service relies on.
func ofStore(err error) Answer {
	switch {
	case errors.Is(err, ErrCorruptFlags):
		return text(http.StatusInternalServerError, "data_parsing_error", textCorrupt)
	case errors.Is(err, redis.ErrTimeout), postgres.IsTimeout(err), errors.Is(err, context.DeadlineExceeded):
		return text(http.StatusServiceUnavailable, CodeTimeout, textTimeout)
	case errors.Is(err, hypercache.ErrMiss):
		return text(http.StatusServiceUnavailable, "cache_miss", textDependency)
	case postgres.IsTransient(err):
		return text(http.StatusServiceUnavailable, "database_unavailable", textDatabase)
	case postgres.Code(err) != "":
		return text(http.StatusInternalServerError, "database_error", textOtherDB)
	default:
		return text(http.StatusInternalServerError, "internal_error", textOther)
	}
}

// The failures of a flag. There is one of each, since results are compared by them.
var (
	noConnections = &match.Failure{Code: "no_more_connections", Description: "Database has no more connections"}
	unavailable   = &match.Failure{Code: "database_unavailable", Description: "Database unavailable"}
	otherDatabase = &match.Failure{Code: "database_error", Description: "Database error"}
	clientTimeout = &match.Failure{Code: "timeout:client_timeout", Description: "Timeout: client_timeout"}

	timeouts = map[string]*match.Failure{ // by the labels of package postgres
		"query_canceled":              {Code: "timeout:query_canceled", Description: "Database statement timed out"},
		"lock_not_available":          {Code: "timeout:lock_not_available", Description: "Timeout: lock_not_available"},
		"idle_in_transaction_timeout": {Code: "timeout:idle_in_transaction_timeout", Description: "Timeout: idle_in_transaction_timeout"},
		"pool_timeout":                {Code: "timeout:pool_timeout", Description: "Timeout: pool_timeout"},
		"io_timeout":                  {Code: "timeout:io_timeout", Description: "Timeout: io_timeout"},
		"protocol_timeout":            {Code: "timeout:protocol_timeout", Description: "Timeout: protocol_timeout"},
		"database_timeout":            {Code: "timeout:database_timeout", Description: "Timeout: database_timeout"},
	}
)

// Flag is the reason of a flag for which something could not be read from the database.
func Flag(err error) *match.Failure {
	code := postgres.Code(err)
	if f := timeouts[postgres.TimeoutLabel(err)]; f != nil {
		return f
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return clientTimeout
	case code == "53300":
		return noConnections
	case code == "" && postgres.IsTransient(err), strings.HasPrefix(code, "08"), strings.HasPrefix(code, "57P"):
		return unavailable
	default:
		return otherDatabase
	}
}
