package blob

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"strconv"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"gocloud.dev/gcerrors"
)

// Conditions that callers tell apart. Every error of a Bucket also says what was tried on what, and what the store answered.
var (
	ErrNotFound = errors.New("no such object")
	ErrExists   = errors.New("there is such an object already")
	ErrNoBucket = errors.New("no such bucket: create it, or mend its name")
	ErrAccess   = errors.New("access denied: check the access key, its secret, and what it may do with the bucket")
)

// opError is what became of one call.
type opError struct {
	op   string // "get a/b in s3://posthog"
	kind error  // of those above, or nil
	err  error
}

func (e *opError) Error() string {
	if e.kind != nil {
		return e.op + ": " + e.kind.Error() + " (" + cause(e.err) + ")"
	}
	return e.op + ": " + cause(e.err)
}

func (e *opError) Unwrap() []error {
	if e.kind == nil {
		return []error{e.err}
	}
	return []error{e.kind, e.err}
}

// fail says what was tried; nil stays nil.
func (b *Bucket) fail(verb, key string, err error) error {
	if err == nil {
		return nil
	}
	op := verb + " " + b.name
	if key != "" {
		op = verb + " " + key + " in " + b.name
	}
	return &opError{op: op, kind: kind(err), err: err}
}

// kind finds the condition behind err, or nil.
func kind(err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		switch api.ErrorCode() {
		case "NoSuchBucket":
			return ErrNoBucket
		case "NoSuchKey", "NotFound":
			return ErrNotFound
		case "PreconditionFailed", "ConditionalRequestConflict":
			return ErrExists
		case "AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken":
			return ErrAccess
		}
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return ErrAccess
	case gcerrors.Code(err) == gcerrors.NotFound:
		return ErrNotFound
	case gcerrors.Code(err) == gcerrors.FailedPrecondition:
		return ErrExists
	}
	return nil
}

// cause is the part of an error that a person can use. The layers around it only repeat the operation, add request ids, and
// spread over lines.
func cause(err error) string {
	if e, ok := errors.AsType[*opError](err); ok {
		return cause(e.err)
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		if e.ErrorMessage() == "" {
			return e.ErrorCode()
		}
		return e.ErrorCode() + ": " + e.ErrorMessage()
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Error()
	}
	return err.Error()
}

// IsTemporary tells whether err may be gone when the same is tried again: the store was not reached, did not answer in time,
// was busy, or failed.
func IsTemporary(err error) bool {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		if slices.Contains([]string{"SlowDown", "RequestTimeout", "RequestTimeTooSkewed", "InternalError", "ServiceUnavailable"}, api.ErrorCode()) {
			return true
		}
	}
	if code := status(err); code > 0 {
		return code == http.StatusTooManyRequests || code >= http.StatusInternalServerError && code != http.StatusNotImplemented
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Reason is a short label of err for metrics: timeout, connection_error, status_<code>, or other.
func Reason(err error) string {
	code := status(err)
	_, network := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case code > 0:
		return "status_" + strconv.Itoa(code)
	case network:
		return "connection_error"
	}
	return "other"
}

// beyondEnd tells that a range began at the end of its object or later.
func beyondEnd(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && api.ErrorCode() == "InvalidRange"
}

// unimplemented tells that the store does not know what it was asked for.
func unimplemented(err error) bool { return status(err) == http.StatusNotImplemented }

// status is the HTTP status of the store's answer, or 0 if there was none.
func status(err error) int {
	if resp, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return resp.HTTPStatusCode()
	}
	return 0
}
