package postgres_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/testkit"
	"github.com/stretchr/testify/require"
)

// item has one column of every type that the services write in sets.
type item struct {
	ID     uuid.UUID       `db:"id"`
	Team   int32           `db:"team"`
	Big    *int64          `db:"big"`
	Small  *int16          `db:"small"`
	Name   *string         `db:"name"`
	On     bool            `db:"is_on"`
	At     *time.Time      `db:"at"`
	Doc    json.RawMessage `db:"doc"`
	Ignore int             `db:"-"`
}

const createItems = `CREATE TABLE items (id uuid PRIMARY KEY, team int NOT NULL, big bigint, small smallint, name text,
	is_on boolean NOT NULL, at timestamptz, doc jsonb)`

func twoItems() []item {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	return []item{
		{ID: uuid.MustParse("00000000-0000-7000-8000-000000000001"), Team: 1, Big: new(int64(1 << 40)), Small: new(int16(-1)),
			Name: new(`a "quoted" {name}, with a comma`), On: true, At: &at, Doc: json.RawMessage(`{"a": [1, null]}`)},
		{ID: uuid.MustParse("00000000-0000-7000-8000-000000000002"), Team: 2}, // NULL wherever it may be
	}
}

func readItems(t *testing.T, db *postgres.DB) (items []item) {
	t.Helper()
	require.NoError(t, db.SelectContext(t.Context(), &items, `SELECT id, team, big, small, name, is_on, at AT TIME ZONE 'UTC' AS at,
		COALESCE(doc, 'null') AS doc FROM items ORDER BY id`))
	for i := range items {
		if items[i].At != nil {
			items[i].At = new(items[i].At.UTC())
		}
		if string(items[i].Doc) == "null" {
			items[i].Doc = nil
		}
	}
	return items
}

func TestUnnest(t *testing.T) {
	t.Parallel()
	db := open(t, nil)
	_, err := db.ExecContext(t.Context(), createItems)
	require.NoError(t, err)
	rows := twoItems()
	insert := func(rows []item) int64 {
		result, err := db.ExecContext(t.Context(), `INSERT INTO items
			SELECT * FROM UNNEST($1::uuid[], $2::int[], $3::bigint[], $4::smallint[], $5::text[], $6::boolean[], $7::timestamptz[], $8::jsonb[])
			ON CONFLICT DO NOTHING`,
			postgres.Column(rows, func(r *item) uuid.UUID { return r.ID }),
			postgres.Column(rows, func(r *item) int32 { return r.Team }),
			postgres.Column(rows, func(r *item) *int64 { return r.Big }),
			postgres.Column(rows, func(r *item) *int16 { return r.Small }),
			postgres.Column(rows, func(r *item) *string { return r.Name }),
			postgres.Column(rows, func(r *item) bool { return r.On }),
			postgres.Column(rows, func(r *item) *time.Time { return r.At }),
			postgres.Column(rows, func(r *item) *string {
				if r.Doc == nil {
					return nil
				}
				return new(string(r.Doc))
			}))
		require.NoError(t, err)
		n, err := result.RowsAffected()
		require.NoError(t, err)
		return n
	}
	require.EqualValues(t, 0, insert(nil), "an empty batch is a valid statement")
	require.EqualValues(t, 1, insert(rows[:1]))
	require.EqualValues(t, 1, insert(rows), "the first is there already")
	require.Equal(t, twoItems(), readItems(t, db))
}

func TestCopy(t *testing.T) {
	t.Parallel()
	db := open(t, nil)
	_, err := db.ExecContext(t.Context(), createItems)
	require.NoError(t, err)
	columns := []string{"id", "team", "big", "small", "name", "is_on", "at", "doc"}
	values := func(r *item) []any { return []any{r.ID, r.Team, r.Big, r.Small, r.Name, r.On, r.At, r.Doc} }

	n, err := postgres.Copy(t.Context(), db, "items", columns, nil, values)
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = postgres.Copy(t.Context(), db, "public.items", columns, twoItems(), values)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	require.Equal(t, twoItems(), readItems(t, db))

	_, err = postgres.Copy(t.Context(), db, "items", columns, twoItems(), values)
	require.ErrorContains(t, err, "copy 2 rows to items")
	require.Equal(t, "23505", postgres.Code(err))
	require.Len(t, readItems(t, db), 2, "all or nothing")
}

// BenchmarkInsert compares the ways of writing a batch; row by row is the floor to stay away from.
func BenchmarkInsert(b *testing.B) {
	db, err := postgres.Open(postgres.Config{URL: postgres.URL(testkit.Postgres(b))}, nil)
	require.NoError(b, err)
	defer db.Close()
	_, err = db.ExecContext(b.Context(), "CREATE UNLOGGED TABLE t (a bigint, b text)")
	require.NoError(b, err)

	type row struct {
		a int64
		b string
	}
	ways := map[string]func([]row) error{
		"row by row": func(batch []row) error {
			for i := range batch {
				if _, err := db.ExecContext(b.Context(), "INSERT INTO t VALUES ($1, $2)", batch[i].a, batch[i].b); err != nil {
					return err
				}
			}
			return nil
		},
		"unnest": func(batch []row) error {
			_, err := db.ExecContext(b.Context(), "INSERT INTO t SELECT * FROM UNNEST($1::bigint[], $2::text[])",
				postgres.Column(batch, func(r *row) int64 { return r.a }),
				postgres.Column(batch, func(r *row) string { return r.b }))
			return err
		},
		"copy": func(batch []row) error {
			_, err := postgres.Copy(b.Context(), db, "t", []string{"a", "b"}, batch, func(r *row) []any { return []any{r.a, r.b} })
			return err
		},
	}
	for _, rows := range []int{100, 1000, 50_000} {
		batch := make([]row, rows)
		for i := range batch {
			batch[i] = row{int64(i), "name of row " + strconv.Itoa(i)}
		}
		for name, write := range ways {
			if name == "row by row" && rows > 100 {
				continue // it does not get any better
			}
			b.Run(fmt.Sprintf("%s/%d", name, rows), func(b *testing.B) {
				for b.Loop() {
					require.NoError(b, write(batch))
				}
				b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}
