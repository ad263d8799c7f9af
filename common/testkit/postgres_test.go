package testkit_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/testkit"
)

func TestEachPostgresDatabaseIsNewAndDropped(t *testing.T) {
	var urls []string
	for range 2 {
		t.Run("a test with a database", func(t *testing.T) {
			url := testkit.Postgres(t)
			urls = append(urls, url)
			conn, err := pgx.Connect(t.Context(), url)
			require.NoError(t, err)
			// Left open on purpose: a test's forgotten connection must not keep its database alive.
			_, err = conn.Exec(t.Context(), "CREATE TABLE same_name_each_time (id int)")
			require.NoError(t, err)
		})
	}
	require.Len(t, urls, 2)
	require.NotEqual(t, urls[0], urls[1])
	for _, url := range urls {
		_, err := pgx.Connect(t.Context(), url)
		require.ErrorContains(t, err, "does not exist")
	}
}
