package v1

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/capture/internal/resolve"
)

// Names of the protocol's own headers, canonical.
const (
	HeaderSDKInfo   = "Posthog-Sdk-Info"
	HeaderAttempt   = "Posthog-Attempt"
	HeaderRequestID = "Posthog-Request-Id"
	HeaderTimestamp = "Posthog-Request-Timestamp"
)

// required are the headers that must be there, as canonical name and as the client reads it in an error.
var required = [...]struct{ key, name string }{
	{HeaderSDKInfo, "PostHog-Sdk-Info"}, {HeaderAttempt, "PostHog-Attempt"}, {HeaderRequestID, "PostHog-Request-Id"},
	{HeaderTimestamp, "PostHog-Request-Timestamp"}, {"Content-Type", "content-type"}, {"User-Agent", "user-agent"},
}

// maxSDKInfo bounds the header that is written into every event of a batch.
const maxSDKInfo = 200

// Header is what the headers of a request say.
type Header struct {
	Token           string
	Encoding        string // gzip, deflate, br, zstd or ""
	SentAt          time.Time
	Lib, LibVersion string // both empty where the SDK's header is of no use
}

// ParseHeader reads h. The order of the checks is that of the original, as a client sees only the first.
func ParseHeader(h http.Header) (Header, *Error) {
	var out Header
	authorization := h["Authorization"]
	if len(authorization) == 0 {
		return out, ErrMissingAuthorization
	}
	if err := missing(h); err != nil {
		return out, err
	}
	scheme, token, ok := strings.Cut(authorization[0], " ")
	if token = strings.TrimSpace(token); !ok || !strings.EqualFold(scheme, "Bearer") {
		return out, invalidHeader("Authorization must use Bearer scheme")
	}
	if _, err := resolve.ValidToken([]byte(token)); err != nil {
		reason, _ := strings.CutPrefix(err.Error(), reject.InvalidToken("").Message)
		return out, invalidToken(reason)
	}
	out.Token = token
	contentType := h["Content-Type"][0]
	if kind, _, _ := strings.Cut(contentType, ";"); !strings.EqualFold(strings.TrimSpace(kind), "application/json") {
		return out, unsupportedType(clip(contentType))
	}
	if encoding := h["Content-Encoding"]; len(encoding) > 0 {
		switch out.Encoding = strings.ToLower(encoding[0]); out.Encoding {
		case "gzip", "deflate", "br", "zstd":
		default:
			return out, unsupportedEncoding(clip(encoding[0]))
		}
	}
	if id := h[HeaderRequestID][0]; uuid.Validate(id) != nil {
		return out, invalidHeader("PostHog-Request-Id is not a valid UUID: " + clip(id))
	}
	if raw := h[HeaderAttempt][0]; !positive(raw) {
		return out, invalidHeader("PostHog-Attempt must be a positive integer: " + clip(raw))
	}
	if out.SentAt, ok = parseRFC3339(h[HeaderTimestamp][0]); !ok {
		return out, invalidHeader("PostHog-Request-Timestamp is not valid RFC 3339: " + clip(h[HeaderTimestamp][0]))
	}
	out.Lib, out.LibVersion = sdk(h[HeaderSDKInfo][0])
	return out, nil
}

func missing(h http.Header) *Error {
	var names []string
	for _, r := range required {
		if len(h[r.key]) == 0 {
			names = append(names, strconv.Quote(r.name))
		}
	}
	if names == nil {
		return nil
	}
	return &Error{
		Status: http.StatusBadRequest, Tag: "missing_required_headers",
		Description: "request is missing required headers: [" + strings.Join(names, ", ") + "]",
	}
}

func positive(s string) bool {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "+"), 10, 32)
	return err == nil && n >= 1
}

// sdk splits "name/version" at the last slash. What is too long, lacks one of the two or is no ASCII, which is all that a
// header may be and goes into records as it is, says nothing.
func sdk(info string) (lib, version string) {
	cut := strings.LastIndexByte(info, '/')
	if cut < 0 || len(info) > maxSDKInfo || strings.ContainsFunc(info, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return "", ""
	}
	lib, version = strings.TrimSpace(info[:cut]), strings.TrimSpace(info[cut+1:])
	if lib == "" || version == "" {
		return "", ""
	}
	return lib, version
}

// parseRFC3339 reads a time with a zone; a blank or lower-case letters may stand for T and Z.
func parseRFC3339(s string) (time.Time, bool) {
	const at = len("2006-01-02")
	if len(s) <= at {
		return time.Time{}, false
	}
	if c := s[at]; c == ' ' || c == 't' || s[len(s)-1] == 'z' {
		if c == ' ' || c == 't' {
			c = 'T'
		}
		s = s[:at] + string(c) + strings.ToUpper(s[at+1:])
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.UTC(), err == nil
}
