package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/compress"
	"github.com/hog-go/hog/common/cookieless"
	"github.com/hog-go/hog/common/hypercache"
	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/feature-flags/internal/auth"
	"github.com/hog-go/hog/feature-flags/internal/decode"
	"github.com/hog-go/hog/feature-flags/internal/fault"
	"github.com/hog-go/hog/feature-flags/internal/refusal"
)

const (
	database   = "Our database service is currently unavailable. This is likely a temporary issue. Please try again later."
	timedOut   = "The request timed out. This could be due to high load or network issues. Please try again later."
	dependency = "A service dependency is temporarily unavailable. This is likely a temporary issue. Please try again later."
	other      = "An internal server error occurred. Please try again later or contact support if the problem persists."
)

func sqlstate(code string) error { return &pgconn.PgError{Code: code, Message: "secret"} }

func TestOf(t *testing.T) {
	tests := map[string]struct {
		err    error
		status int
		body   string
	}{
		"undecodable body": {decode.Error("invalid JSON"), 400, "Failed to decode request: invalid JSON. Please check your request format and try again."},
		"no distinct id":   {fault.ErrNoDistinctID, 400, "The distinct_id field is missing from the request. Please include a valid identifier."},
		"body too large":   {fault.ErrBodyTooLarge, 413, "Failed to buffer the request body"},
		"body broken off":  {fault.ErrBodyBroken, 400, "Failed to buffer the request body"},
		"bomb":             {&compress.TooLargeError{Limit: 10, Size: 12}, 413, "Decompressed request body exceeded 10 bytes (got 12). If this is a legitimate workload, contact PostHog support."},
		"no token":         {refusal.NoToken, 401, `{"type":"authentication_error","code":"not_authenticated","detail":"No API token provided. Please include a valid API token in your request.","attr":null}`},
		"unknown token":    {refusal.UnknownToken, 401, `{"type":"authentication_error","code":"authentication_failed","detail":"The provided API key is invalid or has expired. Please check your API key and try again.","attr":null}`},
		"bad personal key": {auth.ErrPersonal, 401, `{"type":"authentication_error","code":"authentication_failed","detail":"Personal API key is invalid.","attr":null}`},
		"bad secret":       {auth.ErrSecret, 401, `{"type":"authentication_error","code":"authentication_failed","detail":"Secret API token is invalid.","attr":null}`},
		"no credentials":   {auth.ErrNoCredentials, 401, `{"type":"authentication_error","code":"not_authenticated","detail":"Authentication credentials were not provided.","attr":null}`},
		"over quota":       {refusal.OverQuota, 402, `{"type":"quota_limited","code":"payment_required","detail":"You have exceeded your feature flag request quota","attr":null}`},
		"rate limit":       {refusal.RateLimited, 429, `{"type":"validation_error","code":"rate_limit_exceeded","detail":"Rate limit exceeded","attr":null}`},
		"pool exhausted":   {fmt.Errorf("x: %w", postgres.ErrPoolTimeout), 503, timedOut},
		"statement":        {sqlstate("57014"), 503, timedOut},
		"deadline":         {context.DeadlineExceeded, 503, timedOut},
		"Redis is slow":    {redis.ErrTimeout, 503, timedOut},
		"reset":            {fmt.Errorf("x: %w", io.ErrUnexpectedEOF), 503, database},
		"refused":          {&net.OpError{Op: "dial", Err: errors.New("refused")}, 503, database},
		"too many clients": {sqlstate("53300"), 503, database},
		"cache miss":       {&hypercache.MissError{}, 503, dependency},
		"busy":             {&fault.BusyError{WaitedMS: 2000}, 504, "Evaluation pool busy, timed out after 2000ms. Please retry."},
		"corrupt flags":    {fmt.Errorf("%w: x", fault.ErrCorruptFlags), 500, "Failed to parse flag configuration data. This may indicate a misconfigured feature flag. Please check your flag definitions or contact support."},
		"other SQLSTATE":   {sqlstate("42P01"), 500, "A database error occurred. Please try again later or contact support if the problem persists."},
		"anything else":    {errors.New("secret"), 500, other},
		"cookieless input": {&fault.CookielessError{Err: &cookieless.MissingPropertyError{Property: "ip"}}, 400, "Missing required property: ip"},
		"cookieless day":   {&fault.CookielessError{Err: cookieless.ErrDateOutOfRange}, 400, "Invalid sent_at: timestamp resolves to a date outside the accepted ingestion window"},
		"cookieless Redis": {&fault.CookielessError{Err: redis.ErrTimeout}, 500, "An internal error occurred while processing your request."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := fault.Of(tt.err)
			require.Equal(t, tt.status, a.Status)
			require.Equal(t, tt.body, string(a.Body))
			require.Equal(t, tt.body[0] == '{', a.JSON)
			require.NotEmpty(t, a.Code)
		})
	}
}

func TestFlag(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		code string
	}{
		"statement":         {sqlstate("57014"), "timeout:query_canceled"},
		"lock":              {sqlstate("55P03"), "timeout:lock_not_available"},
		"pool":              {postgres.ErrPoolTimeout, "timeout:pool_timeout"},
		"network":           {context.DeadlineExceeded, "timeout:io_timeout"},
		"too many clients":  {sqlstate("53300"), "no_more_connections"},
		"shutting down":     {sqlstate("57P01"), "database_unavailable"},
		"connection is cut": {io.ErrUnexpectedEOF, "database_unavailable"},
		"anything else":     {sqlstate("42P01"), "database_error"},
	} {
		t.Run(name, func(t *testing.T) {
			f := fault.Flag(fmt.Errorf("read: %w", tt.err))
			require.Equal(t, tt.code, f.Code)
			require.NotEmpty(t, f.Description)
			require.Same(t, f, fault.Flag(tt.err), "results are compared by their failures")
		})
	}
}
