package cookieless

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is read once, by New. It must be the same in all processes that see the same events.
type Config struct {
	// Disabled lets every distinct id through as it came.
	Disabled bool `env:"COOKIELESS_DISABLED" default:"false" doc:"pass cookieless events on unchanged; must match the ingestion workers"`
	// ForceStateless treats all teams as stateless: one id a day for each visitor, and no counts from Redis.
	ForceStateless bool `env:"COOKIELESS_FORCE_STATELESS,COOKIELESS_FORCE_STATELESS_MODE" default:"false" doc:"treat every team as stateless; must match the ingestion workers"`
	// SaltTTL bounds how long this process trusts its copy of a salt; zero means SaltTTL. Lower values only add reads of Redis.
	SaltTTL time.Duration `env:"COOKIELESS_SALT_TTL_SECONDS" default:"345600" unit:"s" doc:"how long a salt is kept in memory"`
}

// Redis is what the service needs of the Redis that holds the salts. Values are plain text.
type Redis interface {
	// Get returns the text at key. For a key that does not exist it returns an error that Deps.NotFound knows.
	Get(ctx context.Context, key string) (string, error)
	// SetNX stores value for ttl if key does not exist, in one command, and tells whether it did.
	SetNX(ctx context.Context, key, value string, ttl time.Duration) (bool, error)
	// SCard is the number of members of the set at key: 0 for a key that does not exist, and an error whose text contains Redis's
	// own code WRONGTYPE for a value that is no set.
	SCard(ctx context.Context, key string) (int64, error)
}

// Deps are what New needs; all are required.
type Deps struct {
	Redis      Redis
	NotFound   func(error) bool // recognises the error of Redis.Get for a key that does not exist
	Registerer prometheus.Registerer
}

// Service computes distinct ids. It is safe for concurrent use.
type Service struct {
	cfg      Config
	redis    Redis
	notFound func(error) bool
	zones    zones
	salts    *salts
}

// New makes a Service; it asks nothing of Redis yet.
func New(cfg Config, deps Deps) (*Service, error) {
	cfg.SaltTTL = cmp.Or(cfg.SaltTTL, SaltTTL)
	if cfg.SaltTTL < 0 {
		return nil, fmt.Errorf("cookieless: salt TTL %s is negative", cfg.SaltTTL)
	}
	return &Service{
		cfg:      cfg,
		redis:    deps.Redis,
		notFound: deps.NotFound,
		salts: &salts{
			redis:    deps.Redis,
			notFound: deps.NotFound,
			ttl:      cfg.SaltTTL,
			metrics:  newMetrics(deps.Registerer),
			byDay:    make(map[string]cachedSalt),
		},
	}, nil
}

// Mode is a team's column cookieless_server_hash_mode.
type Mode int16

// The modes. Any other number counts as Disabled.
const (
	Disabled  Mode = 0
	Stateless Mode = 1 // one id a day, whatever the visitor does
	Stateful  Mode = 2 // a new id after each identify
)

// Team is what the id depends on besides the event.
type Team struct {
	ID       int32
	TimeZone string // IANA name, used when the event has none
	Mode     Mode
}

// Event is the part of an event that the id depends on.
type Event struct {
	DistinctID string
	UnixMilli  int64 // when it happened
	IP         string
	Host       string // host, or whole URL, of the page
	UserAgent  string
	TimeZone   string // IANA name as the client gave it; may be empty or nonsense
	Extra      string // value of ExtraProperty
}

// MissingPropertyError says that an event lacks something without which visitors cannot be told apart.
type MissingPropertyError struct{ Property string }

func (e *MissingPropertyError) Error() string { return "Missing required property: " + e.Property }

// DistinctID is the id under which to keep the event: the computed one if the event carries the Sentinel and its team is in a
// cookieless mode, else the event's own.
//
// A *MissingPropertyError and ErrDateOutOfRange are the client's fault, all other errors are ours.
func (s *Service) DistinctID(ctx context.Context, now time.Time, event Event, team Team) (string, error) {
	off := s.cfg.Disabled || team.Mode != Stateless && team.Mode != Stateful
	if off || event.DistinctID != Sentinel {
		return event.DistinctID, nil
	}
	for _, p := range [...]struct{ name, value string }{{"ip", event.IP}, {"host", event.Host}, {"user_agent", event.UserAgent}} {
		if p.value == "" {
			return "", &MissingPropertyError{Property: p.name}
		}
	}
	salt, err := s.Salt(ctx, now, s.Day(event.UnixMilli, event.TimeZone, team.TimeZone))
	if err != nil {
		return "", err
	}
	in := Input{TeamID: team.ID, IP: event.IP, RootDomain: RootDomain(event.Host), UserAgent: event.UserAgent, Extra: event.Extra}
	digest, err := Sum(salt, in)
	if err != nil {
		return "", err
	}
	// Ingestion writes no identifies for a stateless team; what a stateful past may have left there does not count either.
	if s.cfg.ForceStateless || team.Mode == Stateless {
		return digest.ID(), nil
	}
	if in.N, err = s.identifies(ctx, digest.IdentifiesKey(team.ID)); err != nil {
		return "", err
	}
	if in.N > 0 {
		if digest, err = Sum(salt, in); err != nil {
			return "", err
		}
	}
	return digest.ID(), nil
}

// Day is the calendar day (YYYY-MM-DD) of a moment in the first of the zones that the IANA database has under exactly that
// name, else in UTC.
func (s *Service) Day(unixMilli int64, zones ...string) string {
	return s.zones.day(unixMilli, zones...)
}

// Salt is the salt of a day, made in Redis if nobody has done so yet. It is shared: do not change it.
func (s *Service) Salt(ctx context.Context, now time.Time, day string) ([]byte, error) {
	return s.salts.get(ctx, now, day)
}

// ClearSalts forgets the salts in memory; those in Redis stay.
func (s *Service) ClearSalts() { s.salts.clear() }

// identifies counts the identify events at key: the members of a set, or, written by older workers, a number.
func (s *Service) identifies(ctx context.Context, key string) (uint64, error) {
	n, err := s.redis.SCard(ctx, key)
	if err == nil {
		return uint64(n), nil
	}
	if !strings.Contains(err.Error(), "WRONGTYPE") {
		return 0, fmt.Errorf("Redis error(key=%s): %w", key, err) // text of the original
	}
	text, err := s.redis.Get(ctx, key)
	if err != nil {
		if s.notFound(err) { // it expired in between
			return 0, nil
		}
		return 0, fmt.Errorf("Redis error(key=%s): %w", key, err) // text of the original
	}
	count, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("Invalid identify count: %w", errors.Unwrap(err)) // text of the original
	}
	return count, nil
}
