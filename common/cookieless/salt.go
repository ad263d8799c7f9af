package cookieless

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// errBadSalt does not tell the stored text: it is a secret as long as the day's events come in.
var errBadSalt = errors.New("Failed to get salt from redis") // text of the original

// salts keeps the salts of the days that are in use. Redis decides: a salt is kept only after Redis has said that it is the one.
type salts struct {
	redis    Redis
	notFound func(error) bool
	ttl      time.Duration
	metrics  *metrics

	mu    sync.RWMutex
	byDay map[string]cachedSalt // a handful: only days in range get in, and those that have left it are dropped with the next one
}

type cachedSalt struct {
	salt    []byte
	expires time.Time
	hits    prometheus.Counter
}

// get is the salt of a day; callers must not change it.
func (s *salts) get(ctx context.Context, now time.Time, day string) ([]byte, error) {
	if !dayInRange(day, now) {
		return nil, ErrDateOutOfRange
	}
	s.mu.RLock()
	cached, ok := s.byDay[day]
	s.mu.RUnlock()
	if ok && now.Before(cached.expires) {
		cached.hits.Inc()
		return cached.salt, nil
	}
	s.metrics.misses.WithLabelValues(operationGetSaltForDay, day).Inc()

	salt, err := s.fetch(ctx, day)
	if err != nil {
		return nil, err
	}
	s.put(now, day, salt)
	return salt, nil
}

// fetch reads the day's salt or makes it. Of several processes that make one, Redis takes the first; the others read that.
func (s *salts) fetch(ctx context.Context, day string) ([]byte, error) {
	key := saltKeyPrefix + day
	stored, err := s.redis.Get(ctx, key)
	switch {
	case err == nil:
		return s.decode(stored, "decode_salt", day)
	case !s.notFound(err):
		return nil, s.failed(err, "get_salt", day)
	}

	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails: the runtime stops the process where there is no randomness
	made, err := s.redis.SetNX(ctx, key, base64.StdEncoding.EncodeToString(salt), SaltTTL)
	if err != nil {
		return nil, s.failed(err, "set_salt_nx_ex", day)
	}
	if made {
		return salt, nil
	}
	if stored, err = s.redis.Get(ctx, key); err != nil {
		return nil, s.failed(err, "get_salt_retry", day)
	}
	return s.decode(stored, "decode_salt_retry", day)
}

// decode accepts the quotes that writers in other languages put around the text.
func (s *salts) decode(stored, operation, day string) ([]byte, error) {
	salt, err := base64.StdEncoding.Strict().DecodeString(strings.Trim(stored, `"`))
	if err != nil {
		s.metrics.redisErrors.WithLabelValues(operation, day).Inc()
		return nil, errBadSalt
	}
	return salt, nil
}

func (s *salts) failed(err error, operation, day string) error {
	s.metrics.redisErrors.WithLabelValues(operation, day).Inc()
	return fmt.Errorf("Redis error: %w", err) // text of the original
}

func (s *salts) put(now time.Time, day string, salt []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d := range s.byDay {
		if !dayInRange(d, now) {
			delete(s.byDay, d)
		}
	}
	s.byDay[day] = cachedSalt{salt: salt, expires: now.Add(s.ttl), hits: s.metrics.hits.WithLabelValues(operationGetSaltForDay, day)}
}

func (s *salts) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.byDay)
}
