// Package hypercache reads the documents that PostHog's main app computes ahead of time: flag definitions, remote config, surveys.
//
// The main app writes each document to two tiers, under one key: Redis, which may evict it at any time, and object storage, which
// keeps it. A reader asks Redis first and object storage if that fails in any way (absent, slow, down, undecodable), and writes
// nothing back, to either:
//
//	Redis    posthog:<version>:cache/teams/<id>/<namespace>/<value>    text of JSON, or __missing__: known to have nothing
//	objects                    cache/teams/<id>/<namespace>/<value>    JSON
//
// Caches that are looked up by token say cache/team_tokens/<token> instead. The rules are those of PostHog's rust/common/hypercache.
package hypercache

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrMiss says that no tier has the document. Errors of Reader that match it are *MissError.
var ErrMiss = errors.New("Cache miss - data not found in any tier")

// missing is the main app's mark for "computed, and there is nothing". The original takes it with and without JSON's quotes.
const missing = "__missing__"

// Redis is the first tier.
type Redis interface {
	// Get returns the text at key, decompressed and unpickled. Every error, also that for an absent key, sends the reader to the
	// second tier.
	Get(ctx context.Context, key string) (string, error)
}

// Objects is the second tier; *blob.Bucket of gocloud.dev is one.
type Objects interface {
	// ReadAll returns the object at key, or an error for whatever reason there is none.
	ReadAll(ctx context.Context, key string) ([]byte, error)
}

// Config names one cache. Zero durations and an empty Version mean the defaults.
type Config struct {
	Namespace string // such as feature_flags
	Value     string // such as flags.json
	ByToken   bool   // documents lie under the team's token instead of its id

	Version        string        // of the main app's keys in Redis; default 1
	RedisTimeout   time.Duration // default 500ms
	ObjectsTimeout time.Duration // default 3s
}

// Key says whose document is wanted.
type Key struct {
	id      int32
	token   string
	literal string
}

// Text is the key s, whether the cache goes by id or by token.
func Text(s string) Key { return Key{literal: s} }

// ID is the key id, whether the cache goes by id or by token.
func ID(id int32) Key { return Text(strconv.FormatInt(int64(id), 10)) }

// Team is the key that a cache uses for a team: its id or its token.
func Team(id int32, token string) Key { return Key{id: id, token: token} }

// Source is the tier that had the document.
type Source int

// The sources.
const (
	FromRedis Source = iota + 1
	FromObjects
	FromFallback
)

// Document is a JSON text that was found. It is nil, not "null", if the cache knows that there is nothing.
type Document struct {
	JSON   json.RawMessage
	Source Source
}

// MissError is ErrMiss with the reasons of the tiers, for the log.
type MissError struct{ Redis, Objects error }

func (e *MissError) Error() string { return ErrMiss.Error() }

// Unwrap makes the reasons visible to errors.Is beside ErrMiss.
func (e *MissError) Unwrap() []error { return []error{ErrMiss, e.Redis, e.Objects} }

// Reader reads one cache. It is safe for concurrent use.
type Reader struct {
	cfg     Config
	redis   Redis
	objects Objects
	metrics readerMetrics
}

// New makes a Reader. objects may be nil where there is no second tier. Readers may share a registerer.
func New(cfg Config, redis Redis, objects Objects, reg prometheus.Registerer) (*Reader, error) {
	if cfg.Namespace == "" || cfg.Value == "" {
		return nil, fmt.Errorf("hypercache: namespace %q and value %q must both be set", cfg.Namespace, cfg.Value)
	}
	cfg.Version = cmp.Or(cfg.Version, "1")
	cfg.RedisTimeout = cmp.Or(cfg.RedisTimeout, 500*time.Millisecond)
	cfg.ObjectsTimeout = cmp.Or(cfg.ObjectsTimeout, 3*time.Second)
	if objects == nil {
		objects = noObjects{}
	}
	return &Reader{cfg: cfg, redis: redis, objects: objects, metrics: newReaderMetrics(reg, cfg.Namespace, cfg.Value)}, nil
}

// ObjectKey is where object storage has the document.
func (c Config) ObjectKey(key Key) string {
	kind, name := "teams", strconv.FormatInt(int64(key.id), 10)
	if c.ByToken {
		kind, name = "team_tokens", key.token
	}
	return "cache/" + kind + "/" + cmp.Or(key.literal, name) + "/" + c.Namespace + "/" + c.Value
}

// RedisKey is where Redis has the document.
func (c Config) RedisKey(key Key) string {
	return "posthog:" + cmp.Or(c.Version, "1") + ":" + c.ObjectKey(key)
}

// Get reads a document. The error is a *MissError, or that of ctx if it ended first: a caller who is gone proves nothing
// about the cache, and is not counted.
func (r *Reader) Get(ctx context.Context, key Key) (Document, error) {
	text, redisErr := r.fromRedis(ctx, key)
	if redisErr == nil {
		r.metrics.hitRedis.Inc()
		return Document{JSON: text, Source: FromRedis}, nil
	}
	text, objectsErr := r.fromObjects(ctx, key)
	if objectsErr == nil {
		r.metrics.hitObjects.Inc()
		return Document{JSON: text, Source: FromObjects}, nil
	}
	if ctx.Err() != nil {
		return Document{}, context.Cause(ctx)
	}
	r.metrics.miss.Inc()
	r.metrics.missTombstone.Inc()
	return Document{}, &MissError{Redis: redisErr, Objects: objectsErr}
}

// GetOr is Get with a last resort, which is asked on a miss only. What it finds goes into no tier: a cache that lost its documents
// must be filled by its owner. From fallback, nil means nothing found, which stays a miss; its error is returned as it is.
func (r *Reader) GetOr(ctx context.Context, key Key, fallback func(context.Context) (json.RawMessage, error)) (Document, error) {
	doc, miss := r.Get(ctx, key)
	if !errors.Is(miss, ErrMiss) {
		return doc, miss
	}
	text, err := fallback(ctx)
	if err != nil {
		return Document{}, err
	}
	if text == nil {
		r.metrics.fallbackTombstone.Inc()
		return Document{}, miss
	}
	r.metrics.hitFallback.Inc()
	return Document{JSON: text, Source: FromFallback}, nil
}

func (r *Reader) fromRedis(ctx context.Context, key Key) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.cfg.RedisTimeout, errors.New("hypercache: Redis did not answer in time"))
	defer cancel()
	text, err := r.redis.Get(ctx, r.cfg.RedisKey(key))
	if err != nil {
		return nil, err
	}
	if text == missing || text == `"`+missing+`"` {
		return nil, nil
	}
	return checked([]byte(text))
}

func (r *Reader) fromObjects(ctx context.Context, key Key) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.cfg.ObjectsTimeout, errors.New("hypercache: object storage did not answer in time"))
	defer cancel()
	object, err := r.objects.ReadAll(ctx, r.cfg.ObjectKey(key))
	if err != nil {
		return nil, err
	}
	return checked(object)
}

var errNotJSON = errors.New("hypercache: document is not JSON")

// checked lets broken documents fall through to the next tier instead of failing in the hands of the caller.
func checked(text []byte) (json.RawMessage, error) {
	if !json.Valid(text) {
		return nil, errNotJSON
	}
	return text, nil
}

type noObjects struct{}

func (noObjects) ReadAll(context.Context, string) ([]byte, error) {
	return nil, errors.New("hypercache: no object storage")
}
