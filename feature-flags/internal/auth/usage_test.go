package auth_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/internal/auth"
)

// askedMarks says what it is asked for, one question after the other, and that the named keys were written down already.
type askedMarks struct {
	asked chan string
	there map[string]bool
}

func (m *askedMarks) SetNX(_ context.Context, key, _ string, ttl time.Duration) (bool, error) {
	m.asked <- key
	return ttl == time.Hour && !m.there[key], nil
}

func TestUsage(t *testing.T) {
	_, db, _ := setup(t)
	insertKeys(t, db)
	_, err := db.ExecContext(t.Context(), `UPDATE posthog_personalapikey SET last_used_at = now() - CASE id WHEN 'k2' THEN interval '30 minutes' ELSE interval '2 hours' END`)
	require.NoError(t, err)
	marks := &askedMarks{asked: make(chan string), there: map[string]bool{"posthog:pak_last_used:k3": true}}
	u := auth.NewUsage(db, marks, slog.New(slog.DiscardHandler))
	personal := func(id string) *auth.Credential { return &auth.Credential{Kind: auth.Personal, KeyID: id} }
	now := time.Now()
	u.Note(personal("k1"), now)
	u.Note(personal("k1"), now.Add(59*time.Minute)) // known to be of this hour
	u.Note(&auth.Credential{Kind: auth.TeamSecret, TeamID: 1}, now)
	u.Note(&auth.Credential{Kind: auth.ProjectSecret, KeyID: "p1"}, now)
	u.Note(personal("k2"), now)
	u.Note(personal("k3"), now)
	u.Note(personal("k1"), now.Add(time.Hour))
	u.Note(personal("last"), now)

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	for _, want := range []string{"pak_last_used:k1", "psak_last_used:p1", "pak_last_used:k2", "pak_last_used:k3", "pak_last_used:k1", "pak_last_used:last"} {
		require.Equal(t, "posthog:"+want, <-marks.asked)
	}
	// Whoever is asked about the last key has written the others.
	var fresh []string
	require.NoError(t, db.SelectContext(t.Context(), &fresh, `SELECT id FROM posthog_personalapikey WHERE last_used_at > now() - interval '1 minute'
		UNION ALL SELECT id FROM posthog_projectsecretapikey WHERE last_used_at IS NOT NULL`))
	require.Equal(t, []string{"k1", "p1"}, fresh)
	cancel()
	require.NoError(t, <-done)
}
