package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Column returns one value of each row: the array that an UNNEST statement binds for one of its columns.
//
//	db.ExecContext(ctx, `INSERT INTO t (id, name) SELECT * FROM UNNEST($1::bigint[], $2::text[])`,
//		postgres.Column(rows, func(r *Row) int64 { return r.ID }),
//		postgres.Column(rows, func(r *Row) *string { return r.Name })) // nil = NULL
//
// One statement for the batch costs one round trip, and its text is the same for every batch size, so that
// it is prepared once per connection.
func Column[T, V any](rows []T, value func(*T) V) []V {
	out := make([]V, len(rows))
	for i := range rows {
		out[i] = value(&rows[i])
	}
	return out
}

// Copy writes all rows with COPY and returns how many. It is the quicker way for loads of tens of thousands
// of rows (about twice UNNEST at 50,000) and the slower one for batches of hundreds (half of it at 1,000:
// BenchmarkInsert). It is all or nothing and knows no ON CONFLICT: where rows may be there already, use
// UNNEST. The table may carry its schema ("public.t"); values returns one row's values in the order of
// columns.
func Copy[T any](ctx context.Context, db *DB, table string, columns []string, rows []T, values func(*T) []any) (int64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	conn, err := acquire(ctx, db, func(ctx context.Context) (*pgxpool.Conn, error) { return db.pool.Acquire(ctx) })
	if err != nil {
		return 0, fmt.Errorf("copy %d rows to %s: %w", len(rows), table, err)
	}
	defer conn.Release()
	n, err := conn.CopyFrom(ctx, pgx.Identifier(strings.Split(table, ".")), columns,
		pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) { return values(&rows[i]), nil }))
	if err != nil {
		return 0, fmt.Errorf("copy %d rows to %s: %w", len(rows), table, err)
	}
	return n, nil
}
