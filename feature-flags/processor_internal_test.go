package featureflags

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/internal/fault"
	"github.com/hog-go/hog/feature-flags/internal/team"
	"github.com/hog-go/hog/feature-flags/match"
)

func TestEnterProcessor(t *testing.T) {
	setup := func() *Service {
		return &Service{processors: make(chan struct{}, 1), cfg: Config{Evaluation: EvaluationConfig{ProcessorTimeout: 2 * time.Second}}}
	}
	t.Run("busy for too long", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := setup()
			require.NoError(t, s.enterProcessor(t.Context()))
			err := s.enterProcessor(t.Context())
			require.Equal(t, "Evaluation pool busy, timed out after 2000ms. Please retry.", string(fault.Of(err).Body))
			require.Equal(t, 504, fault.Of(err).Status)
		})
	})
	t.Run("busy for a while", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := setup()
			require.NoError(t, s.enterProcessor(t.Context()))
			time.AfterFunc(time.Second, func() { <-s.processors })
			require.NoError(t, s.enterProcessor(t.Context()))
		})
	})
	t.Run("the client leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := setup()
			require.NoError(t, s.enterProcessor(t.Context()))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.ErrorIs(t, s.enterProcessor(ctx), context.DeadlineExceeded)
		})
	})
}

// What panics in an evaluation costs the flags their values, and the request nothing else.
func TestDecidePanics(t *testing.T) {
	set, err := match.Compile([]byte(`[{"id":1,"key":"a","active":true,"filters":{"groups":[{}]}},{"id":2,"key":"b","active":true},{"id":3,"key":"off"}]`), nil, match.Options{})
	require.NoError(t, err)
	s := &Service{log: slog.New(slog.DiscardHandler)}
	x := &exchange{team: &team.Team{ID: 1}, evaluation: set.Begin(&match.Request{})}
	s.decide(t.Context(), x, func() []match.Result { panic("out of range") })
	require.True(t, x.errors)
	require.Len(t, x.results, 2)
	for _, r := range x.results {
		require.Equal(t, "batch_evaluation_panicked", r.Code())
		require.False(t, r.Enabled)
	}
	x.evaluation.End()
	results, failed := set.Evaluate(&match.Request{DistinctID: "u"}, nil, &match.Data{}, nil)
	require.False(t, failed)
	require.True(t, results[0].Enabled, "the next request is not touched")
}
