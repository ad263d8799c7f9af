// Package refusal holds the answers of the endpoints for server SDKs to requests that are not allowed: a status and a
// JSON object of exactly type, code, detail and attr. Source: PostHog's rust/feature-flags/src/api/errors.rs.
package refusal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/hog-go/hog/feature-flags/internal/auth"
)

// Refusal is an answer, and the error for it.
type Refusal struct {
	Status int     `json:"-"`
	Type   string  `json:"type"`
	Code   string  `json:"code"`
	Detail string  `json:"detail"`
	Attr   *string `json:"attr"` // always null
}

// Error implements error.
func (r *Refusal) Error() string { return r.Detail }

// JSON is the body of the answer.
func (r *Refusal) JSON() []byte {
	text, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("encode a refusal: %v", err)) // four texts
	}
	return text
}

// The refusals.
var (
	NoCredentials = unauthorized("not_authenticated", "Authentication credentials were not provided.")
	NoToken       = unauthorized("not_authenticated", "No API token provided. Please include a valid API token in your request.")
	UnknownToken  = unauthorized("authentication_failed", "The provided API key is invalid or has expired. Please check your API key and try again.")
	Secret        = unauthorized("authentication_failed", "Secret API token is invalid.")
	PersonalKey   = unauthorized("authentication_failed", "Personal API key is invalid.")
	NoAccess      = &Refusal{Status: http.StatusForbidden, Type: "authentication_error", Code: "permission_denied", Detail: "You don't have access to the project."}
	OverQuota     = &Refusal{Status: http.StatusPaymentRequired, Type: "quota_limited", Code: "payment_required", Detail: "You have exceeded your feature flag request quota"}
	RateLimited   = &Refusal{Status: http.StatusTooManyRequests, Type: "validation_error", Code: "rate_limit_exceeded", Detail: "Rate limit exceeded"}
	Undecryptable = &Refusal{
		Status: http.StatusInternalServerError, Type: "server_error", Code: "remote_config_decrypt_failed",
		Detail: "Failed to decrypt the remote config payload. Please contact support if the problem persists.",
	}
)

func unauthorized(code, detail string) *Refusal {
	return &Refusal{Status: http.StatusUnauthorized, Type: "authentication_error", Code: code, Detail: detail}
}

// Of returns the refusal that err stands for; ok is false for an outage.
func Of(err error) (r *Refusal, ok bool) {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r, true
	}
	for _, known := range []struct {
		err     error
		refusal *Refusal
	}{{auth.ErrNoCredentials, NoCredentials}, {auth.ErrSecret, Secret}, {auth.ErrPersonal, PersonalKey}} {
		if errors.Is(err, known.err) {
			return known.refusal, true
		}
	}
	return nil, false
}
