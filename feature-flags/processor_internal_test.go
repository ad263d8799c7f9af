package featureflags

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/internal/fault"
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
