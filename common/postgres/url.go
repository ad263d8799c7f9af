package postgres

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hog-go/hog/common/userinfo"
)

// URL is a connection URL (postgres://user:password@host:port/database?options). Every way of printing it
// hides the password; Reveal gives the real thing. As a setting it is read, and checked, by UnmarshalText.
type URL string

// ParseURL checks s the way Open will read it. Its errors never quote the password. User and password may hold characters that should be
// percent-encoded, but for / ? and #: the URL standard, which the original's parser follows, takes them, and the main app writes them so.
func ParseURL(s string) (URL, error) {
	s = userinfo.Encode(s)
	u, err := url.Parse(s)
	if err != nil {
		// The cause quotes the part it could not read, which is often a piece of the password.
		return "", errors.New("postgres URL cannot be read: / ? and # in user and password must be percent-encoded")
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return "", errors.New("postgres URL must begin with postgres:// or postgresql://")
	}
	if _, err := pgxpool.ParseConfig(s); err != nil {
		return "", fmt.Errorf("postgres URL %s: %s", URL(s), parseReason(err))
	}
	return URL(s), nil
}

// parseReason gives the inner cause of pgx's error, whose outer text repeats the whole URL.
func parseReason(err error) string {
	if pe, ok := errors.AsType[*pgconn.ParseConfigError](err); ok {
		if inner := pe.Unwrap(); inner != nil {
			return inner.Error()
		}
	}
	return "not accepted by the driver"
}

// UnmarshalText implements encoding.TextUnmarshaler, by which settings are read.
func (u *URL) UnmarshalText(text []byte) error {
	parsed, err := ParseURL(string(text))
	if err != nil {
		return err
	}
	*u = parsed
	return nil
}

// MarshalText gives the form without password, so that a dumped configuration is harmless.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// Reveal returns the URL with its password.
func (u URL) Reveal() string { return string(u) }

// Database returns the name of the database, "" when the URL names none.
func (u URL) Database() string {
	p, err := url.Parse(string(u))
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(p.Path, "/")
}

// WithDatabase returns the same server, user and options with another database.
func (u URL) WithDatabase(name string) URL {
	p, err := url.Parse(string(u))
	if err != nil {
		return u
	}
	p.Path, p.RawPath = "/"+name, ""
	return URL(p.String())
}

const stars = "*****"

// String returns the URL with stars for the password.
func (u URL) String() string {
	if u == "" {
		return ""
	}
	p, err := url.Parse(string(u))
	if err != nil {
		return stars
	}
	if q := p.Query(); q.Has("password") || q.Has("sslpassword") {
		for _, key := range []string{"password", "sslpassword"} {
			if q.Has(key) {
				q.Set(key, "xxxxx")
			}
		}
		p.RawQuery = strings.ReplaceAll(q.Encode(), "password=xxxxx", "password="+stars)
	}
	// Redacted writes xxxxx, since url would percent-encode stars.
	return strings.Replace(p.Redacted(), ":xxxxx@", ":"+stars+"@", 1)
}

// GoString keeps the password out of %#v.
func (u URL) GoString() string { return fmt.Sprintf("postgres.URL(%q)", u.String()) }

// LogValue keeps the password out of logs.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }
