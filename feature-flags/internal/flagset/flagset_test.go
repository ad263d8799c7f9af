package flagset_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/hypercache"
	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/feature-flags/internal/fault"
	"github.com/hog-go/hog/feature-flags/internal/flagset"
	"github.com/hog-go/hog/feature-flags/internal/team"
)

// cache is both tiers of documents, and their tags.
type cache struct {
	document string
	tag      string
	tagErr   error
	reads    int
}

type tags struct{ *cache }

func (c *cache) Get(context.Context, hypercache.Key) (hypercache.Document, error) {
	c.reads++
	if c.document == "" {
		return hypercache.Document{}, &hypercache.MissError{}
	}
	return hypercache.Document{JSON: json.RawMessage(c.document)}, nil
}

func (t tags) Get(_ context.Context, key string) (string, error) {
	if key != "posthog:1:cache/teams/7/feature_flags/flags.json:etag" {
		return "", errors.New("unexpected key " + key)
	}
	return t.tag, t.tagErr
}

func setup(t *testing.T, c *cache) func(zone string) (*flagset.Flags, error) {
	t.Helper()
	db, err := postgres.Open(postgres.Config{URL: "postgres://nobody@127.0.0.1:1/none"}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	never := func(int32) bool { return false }
	s := flagset.New(flagset.Config{Bytes: 1 << 20, CohortBytes: 1 << 20, ReadTimeout: time.Second, ExplicitExact: never, Realtime: never},
		c, tags{c}, db, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	return func(zone string) (*flagset.Flags, error) {
		return s.Get(t.Context(), &team.Team{ID: 7, TimeZone: zone, Location: time.UTC})
	}
}

const one = `{"flags":[{"id":1,"team_id":7,"key":"a","active":true,"filters":{"groups":[{}]}}]}`

func TestVersions(t *testing.T) {
	c := &cache{document: one, tag: "v1"}
	get := setup(t, c)
	first, err := get("UTC")
	require.NoError(t, err)
	require.Equal(t, 1, first.Set.Len())
	t.Run("the same version is not read again", func(t *testing.T) {
		again, err := get("UTC")
		require.NoError(t, err)
		require.Same(t, first.Set, again.Set)
		require.Equal(t, 1, c.reads)
	})
	t.Run("the same document is not compiled again", func(t *testing.T) {
		c.tag = "v2"
		again, err := get("UTC")
		require.NoError(t, err)
		require.Same(t, first.Set, again.Set)
		require.Equal(t, 2, c.reads)
	})
	t.Run("without a version the document is looked at", func(t *testing.T) {
		c.tagErr = redis.ErrNotFound
		again, err := get("UTC")
		require.NoError(t, err)
		require.Same(t, first.Set, again.Set)
		require.Equal(t, 3, c.reads)
	})
	t.Run("another time zone is another set", func(t *testing.T) {
		again, err := get("Europe/Berlin")
		require.NoError(t, err)
		require.NotSame(t, first.Set, again.Set)
	})
	t.Run("a change is seen", func(t *testing.T) {
		c.document = `null`
		again, err := get("Europe/Berlin")
		require.NoError(t, err)
		require.Zero(t, again.Set.Len())
	})
}

func TestTrouble(t *testing.T) {
	t.Run("no cache and no table", func(t *testing.T) {
		get := setup(t, &cache{tagErr: redis.ErrNotFound})
		_, err := get("UTC")
		require.Equal(t, 503, fault.Of(err).Status)
	})
	t.Run("a document that is no list of flags", func(t *testing.T) {
		get := setup(t, &cache{document: `{"flags":7}`, tagErr: redis.ErrNotFound})
		_, err := get("UTC")
		require.ErrorIs(t, err, fault.ErrCorruptFlags)
		require.Equal(t, 500, fault.Of(err).Status)
	})
}
