package auth

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/hog-go/hog/common/postgres"
)

// Marks is the Redis that says which keys were written down of late, here or by the main app.
type Marks interface {
	// SetNX stores value for ttl if key does not exist, and tells whether it did.
	SetNX(ctx context.Context, key, value string, ttl time.Duration) (bool, error)
}

const (
	usageInterval = time.Hour        // between two writes for one key, as in the main app
	usageTimeout  = 10 * time.Second // of one write, the wait for a connection included
	usageQueue    = 256              // keys that wait; what finds no room is written down at its next use
	maxNoted      = 10_000
)

// Usage writes down when keys were last used: the main app shows it, and people revoke keys that look forgotten. It is advisory, so no
// request waits for it, and a failure is tried again in an hour. Source: PostHog's rust/feature-flags/src/api/api_key_usage.rs.
type Usage struct {
	db    *postgres.DB
	marks Marks
	log   *slog.Logger
	queue chan usedKey // from Note to Run; never closed

	mu    sync.Mutex
	noted map[usedKey]time.Time // spares Redis most questions
}

type usedKey struct {
	kind Kind
	id   string
}

// NewUsage makes a Usage on the main database's primary.
func NewUsage(db *postgres.DB, marks Marks, log *slog.Logger) *Usage {
	return &Usage{
		db: db, marks: marks, log: log.With("component", "key_usage"),
		queue: make(chan usedKey, usageQueue), noted: map[usedKey]time.Time{},
	}
}

// Note says that a credential was used. Secrets of teams have no such record.
func (u *Usage) Note(c *Credential, now time.Time) {
	if c.KeyID == "" {
		return
	}
	key := usedKey{c.Kind, c.KeyID}
	u.mu.Lock()
	defer u.mu.Unlock()
	if last, ok := u.noted[key]; ok && now.Sub(last) < usageInterval {
		return
	}
	select {
	case u.queue <- key:
	default:
		return
	}
	if len(u.noted) >= maxNoted {
		clear(u.noted)
	}
	u.noted[key] = now
}

// Run writes until ctx ends.
func (u *Usage) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case key := <-u.queue:
			if err := u.write(ctx, key); err != nil && ctx.Err() == nil {
				u.log.WarnContext(ctx, "last use of a key not written", "kind", key.kind, "key_id", key.id, "err", err)
			}
		}
	}
}

// The condition holds where Redis lost its marks.
const (
	personalUsed = `UPDATE posthog_personalapikey SET last_used_at = now()
WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 hour')`
	projectUsed = `UPDATE posthog_projectsecretapikey SET last_used_at = now()
WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 hour')`
)

func (u *Usage) write(ctx context.Context, key usedKey) error {
	ctx, cancel := context.WithTimeout(ctx, usageTimeout)
	defer cancel()
	mark, query := "posthog:pak_last_used:", personalUsed
	if key.kind == ProjectSecret {
		mark, query = "posthog:psak_last_used:", projectUsed
	}
	if first, err := u.marks.SetNX(ctx, mark+key.id, "1", usageInterval); err != nil || !first {
		return err
	}
	_, err := u.db.ExecContext(ctx, query, key.id)
	return err
}
