// Package schematest gives tests databases with the main app's tables.
package schematest

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/schema"
)

// Migrate makes the tables of set and returns a pool of two connections, which is closed at the end of the test.
func Migrate(tb testing.TB, url postgres.URL, set schema.Set) *postgres.DB {
	tb.Helper()
	_, err := set.Migrate(tb.Context(), url, slog.New(slog.DiscardHandler))
	require.NoError(tb, err)
	db, err := postgres.Open(postgres.Config{URL: url, MaxConns: 2}, nil)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = db.Close() })
	return db
}
