package definitions_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/admin"
	"github.com/hog-go/hog/hog/internal/definitions"
)

// teams knows phc_a, and is down as often as it is told.
type teams struct {
	down, asked int
}

func (s *teams) EnsureTeam(_ context.Context, n admin.NewTeam) (admin.Team, error) {
	s.asked++
	if s.down > 0 {
		s.down--
		return admin.Team{}, errors.New("the database is down")
	}
	switch n.Token {
	case "phc_a":
		return admin.Team{ID: 7, ProjectID: 3}, nil
	case "of the main app":
		return admin.Team{}, admin.ErrMainApp
	default:
		return admin.Team{}, admin.ErrToken
	}
}

func record(t *testing.T, token, data string) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{"token": token, "data": data, "uuid": "018f2d0e-4b7a-7c11-a1f3-6f3d5d2f1a77", "distinct_id": "ann", "ip": "", "now": "2026-01-01T00:00:00Z"})
	require.NoError(t, err)
	return text
}

func TestTranslate(t *testing.T) {
	const data = `{"event":"signed up","properties":{"plan":"pro"},"$set":{"email":"a@b.c"}}`
	tests := map[string]struct {
		value []byte
		want  string // properties; "" for what is no event
	}{
		"an event":             {record(t, "phc_a", data), `{"$set":{"email":"a@b.c"},"plan":"pro"}`},
		"no properties":        {record(t, "phc_a", `{"event":"x"}`), `null`},
		"a key that is none":   {record(t, "phc a", data), ""},
		"of another's project": {record(t, "of the main app", data), ""},
		"no data":              {record(t, "phc_a", "x"), ""},
		"no record":            {[]byte("x"), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, ok, err := definitions.New(&teams{}, slog.New(slog.DiscardHandler)).Translate(t.Context(), []byte("before"), tt.value)
			require.NoError(t, err)
			require.Equal(t, tt.want != "", ok)
			if !ok {
				require.Equal(t, "before", string(out))
				return
			}
			var event struct {
				TeamID     int32 `json:"team_id"`
				ProjectID  int64 `json:"project_id"`
				Properties string
			}
			require.NoError(t, json.Unmarshal(out[len("before"):], &event))
			require.Equal(t, []any{int32(7), int64(3), tt.want}, []any{event.TeamID, event.ProjectID, event.Properties})
		})
	}
}

func TestTranslateWaitsForTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &teams{down: 3}
		translator := definitions.New(source, slog.New(slog.DiscardHandler))
		for range 2 { // the second finds the team in memory
			_, ok, err := translator.Translate(t.Context(), nil, record(t, "phc_a", `{"event":"x"}`))
			require.NoError(t, err)
			require.True(t, ok)
		}
		require.Equal(t, 4, source.asked)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err := definitions.New(&teams{down: 9}, slog.New(slog.DiscardHandler)).Translate(ctx, nil, record(t, "phc_a", `{"event":"x"}`))
		require.ErrorIs(t, err, context.Canceled)
	})
}
