package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/testkit"
	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var discard = slog.New(slog.DiscardHandler)

// open gives a pool, on a fresh database unless change names another.
func open(t *testing.T, change func(*postgres.Config)) *postgres.DB {
	t.Helper()
	cfg := postgres.Config{Name: "test"}
	if change != nil {
		change(&cfg)
	}
	if cfg.URL == "" {
		cfg.URL = postgres.URL(testkit.Postgres(t))
	}
	db, err := postgres.Open(cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func TestOpenRejectsBadConfig(t *testing.T) {
	const url = "postgres://hog:s3cret@127.0.0.1:1/posthog"
	for name, cfg := range map[string]postgres.Config{
		"no URL":                    {},
		"unreadable URL":            {URL: "postgres://h/d?sslmode=x"},
		"negative size":             {URL: url, MaxConns: -1},
		"more kept open than fit":   {URL: url, MaxConns: 2, MinConns: 3},
		"negative acquire timeout":  {URL: url, AcquireTimeout: -1},
		"negative statement timout": {URL: url, StatementTimeout: -1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := postgres.Open(cfg, nil)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestConnectionSettings(t *testing.T) {
	t.Parallel()
	db := open(t, func(c *postgres.Config) { c.StatementTimeout = 1500 * time.Millisecond; c.ApplicationName = "flags" })
	for setting, want := range map[string]string{"statement_timeout": "1500ms", "application_name": "flags"} {
		var got string
		require.NoError(t, db.GetContext(t.Context(), &got, "SELECT current_setting($1)", setting))
		require.Equal(t, want, got)
	}

	var none string
	require.NoError(t, open(t, nil).GetContext(t.Context(), &none, "SELECT current_setting('statement_timeout')"))
	require.Equal(t, "0", none)
}

func TestStatementTimeoutHasItsLabel(t *testing.T) {
	t.Parallel()
	db := open(t, func(c *postgres.Config) { c.StatementTimeout = 20 * time.Millisecond })
	_, err := db.ExecContext(t.Context(), "SELECT pg_sleep(10)")
	require.Equal(t, "query_canceled", postgres.TimeoutLabel(err))
	require.True(t, postgres.IsTransient(err))
}

func TestDeadlineOfTheCallerHasItsLabel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := open(t, nil).ExecContext(ctx, "SELECT pg_sleep(10)")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, "io_timeout", postgres.TimeoutLabel(err))
}

func TestPoolTimeout(t *testing.T) {
	t.Parallel()
	db := open(t, func(c *postgres.Config) { c.MaxConns = 1; c.AcquireTimeout = 200 * time.Millisecond })
	held, err := db.Connx(t.Context())
	require.NoError(t, err)
	require.Equal(t, postgres.Stats{InUse: 1, Max: 1}, db.Stats())

	var one int
	err = db.GetContext(t.Context(), &one, "SELECT 1")
	require.ErrorIs(t, err, postgres.ErrPoolTimeout)
	require.NotErrorIs(t, err, context.DeadlineExceeded, "the deadline is ours, not the caller's")
	require.ErrorContains(t, err, "1 of 1 in use")
	require.Equal(t, "pool_timeout", postgres.TimeoutLabel(err))
	_, err = postgres.Copy(t.Context(), db, "t", []string{"a"}, []int{1}, func(i *int) []any { return []any{*i} })
	require.ErrorIs(t, err, postgres.ErrPoolTimeout)

	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err = db.GetContext(ctx, &one, "SELECT 1")
	require.NotErrorIs(t, err, postgres.ErrPoolTimeout, "the caller gave up first")
	require.ErrorIs(t, err, context.DeadlineExceeded)

	require.NoError(t, held.Close())
	require.NoError(t, db.GetContext(t.Context(), &one, "SELECT 1"))
}

func TestPoolIsClosed(t *testing.T) {
	t.Parallel()
	db, err := postgres.Open(postgres.Config{URL: postgres.URL(testkit.Postgres(t))}, nil)
	require.NoError(t, err)
	require.NoError(t, db.PingContext(t.Context()))
	require.NoError(t, db.Close())
	err = db.PingContext(t.Context())
	require.Error(t, err)
	require.True(t, postgres.IsTransient(err))
	_, err = postgres.Copy(t.Context(), db, "t", []string{"a"}, []int{1}, func(i *int) []any { return []any{*i} })
	require.ErrorIs(t, err, postgres.ErrPoolClosed)
}

// A server that restarts breaks every idle connection; the next statement must not notice.
func TestBrokenIdleConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	url := postgres.URL(testkit.Postgres(t))
	db := open(t, func(c *postgres.Config) { c.URL, c.MaxConns = url, 1 })
	other := open(t, func(c *postgres.Config) { c.URL = url })
	var pid int
	require.NoError(t, db.GetContext(t.Context(), &pid, "SELECT pg_backend_pid()"))
	_, err := other.ExecContext(t.Context(), "SELECT pg_terminate_backend($1)", pid)
	require.NoError(t, err)
	db.Reset()
	var again int
	require.NoError(t, db.GetContext(t.Context(), &again, "SELECT pg_backend_pid()"))
	require.NotEqual(t, pid, again)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	cfg := postgres.Config{URL: postgres.URL(testkit.Postgres(t)), Name: "reader", MaxConns: 1, AcquireTimeout: 200 * time.Millisecond}
	db, err := postgres.Open(cfg, reg)
	require.NoError(t, err)
	conn, err := db.Connx(t.Context())
	require.NoError(t, err)
	require.Error(t, db.PingContext(t.Context()))

	require.NoError(t, testutil.GatherAndCompare(reg, bytes.NewBufferString(`
# HELP postgres_pool_acquire_timeouts_total Callers that got no connection within the acquire timeout: the pool is too small or statements too slow.
# TYPE postgres_pool_acquire_timeouts_total counter
postgres_pool_acquire_timeouts_total{pool="reader"} 1
# HELP postgres_pool_connections Connections by state: in_use, idle, connecting.
# TYPE postgres_pool_connections gauge
postgres_pool_connections{pool="reader",state="connecting"} 0
postgres_pool_connections{pool="reader",state="idle"} 0
postgres_pool_connections{pool="reader",state="in_use"} 1
# HELP postgres_pool_max_connections Size of the pool.
# TYPE postgres_pool_max_connections gauge
postgres_pool_max_connections{pool="reader"} 1
`), "postgres_pool_acquire_timeouts_total", "postgres_pool_connections", "postgres_pool_max_connections"))

	_, err = postgres.Open(cfg, reg)
	require.ErrorContains(t, err, "two names")
	require.NoError(t, conn.Close())
	require.NoError(t, db.Close())
	again, err := postgres.Open(cfg, reg) // Close took the old ones away
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

func TestWaitUntilTheServerIsThere(t *testing.T) {
	t.Parallel()
	// A gate stands for the server that starts late: closed at first, then a relay.
	url := postgres.URL(testkit.Postgres(t))
	gate, gated := newGate(t, url)
	db, err := postgres.Open(postgres.Config{URL: gated, MinConns: 1}, nil)
	require.NoError(t, err, "Open does not dial")
	defer db.Close()

	refused := make(chan struct{})
	log := slog.New(onWarn{Handler: slog.DiscardHandler, do: sync.OnceFunc(func() { close(refused) })})
	done := make(chan error, 1)
	go func() { done <- postgres.Wait(t.Context(), db, log) }()
	<-refused
	gate.open()
	require.NoError(t, <-done)
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	db, err := postgres.Open(postgres.Config{URL: "postgres://hog:s3cret@127.0.0.1:1/posthog"}, nil)
	require.NoError(t, err)
	defer db.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = postgres.Wait(ctx, db, discard)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "refused")
	require.NotContains(t, err.Error(), "s3cret")
}

func TestNoGoroutineIsLeft(t *testing.T) {
	url := postgres.URL(testkit.Postgres(t))
	before := goleak.IgnoreCurrent() // the server may be part of this process
	db, err := postgres.Open(postgres.Config{URL: url, MinConns: 2}, nil)
	require.NoError(t, err)
	require.NoError(t, db.PingContext(t.Context()))
	_, err = postgres.Migrate(t.Context(), url, files(map[string]string{"0001_a": createA}), options)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	goleak.VerifyNone(t, before)
}

func TestInTx(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		fn   func(ctx context.Context, cancel func(), tx *sqlx.Tx) error
		want error
		rows int
	}{
		"commits": {
			fn:   func(context.Context, func(), *sqlx.Tx) error { return nil },
			rows: 1,
		},
		"rolls back on failure": {
			fn:   func(context.Context, func(), *sqlx.Tx) error { return broken },
			want: broken,
		},
		"rolls back when the context ends between statements": {
			fn:   func(_ context.Context, cancel func(), _ *sqlx.Tx) error { cancel(); return nil },
			want: context.Canceled,
		},
		"rolls back when the context ends within a statement": {
			fn: func(ctx context.Context, cancel func(), tx *sqlx.Tx) error {
				ctx, stop := context.WithTimeout(ctx, 20*time.Millisecond)
				defer stop()
				_, err := tx.ExecContext(ctx, "SELECT pg_sleep(10)")
				return err
			},
			want: context.DeadlineExceeded,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, func(c *postgres.Config) { c.MaxConns = 1 })
			_, err := db.ExecContext(t.Context(), "CREATE TABLE t (a int)")
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err = db.InTx(ctx, func(tx *sqlx.Tx) error {
				if _, err := tx.ExecContext(ctx, "INSERT INTO t VALUES (1)"); err != nil {
					return err
				}
				return tt.fn(ctx, cancel, tx)
			})
			require.ErrorIs(t, err, tt.want)
			var rows int
			require.NoError(t, db.GetContext(t.Context(), &rows, "SELECT count(*) FROM t"), "the one connection came back")
			require.Equal(t, tt.rows, rows)
		})
	}
}

func TestInTxRollbackKeepsTheConnection(t *testing.T) {
	t.Parallel()
	db := open(t, func(c *postgres.Config) { c.MaxConns = 1 })
	var before, after int
	require.NoError(t, db.GetContext(t.Context(), &before, "SELECT pg_backend_pid()"))
	ctx, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, db.InTx(ctx, func(*sqlx.Tx) error { cancel(); return nil }), context.Canceled)
	require.NoError(t, db.GetContext(t.Context(), &after, "SELECT pg_backend_pid()"))
	require.Equal(t, before, after)

	require.ErrorIs(t, db.InTx(ctx, func(*sqlx.Tx) error { return nil }), context.Canceled, "not begun at all")
	require.Panics(t, func() { _ = db.InTx(t.Context(), func(*sqlx.Tx) error { panic("bug") }) })
	require.NoError(t, db.PingContext(t.Context()), "given back after the panic")
}

// gate listens at a port of its own; it hangs up on everybody until it is opened, then relays to target.
type gate struct {
	target string
	opened chan struct{}
}

func newGate(t *testing.T, target postgres.URL) (*gate, postgres.URL) {
	t.Helper()
	u, err := url.Parse(target.Reveal())
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := &gate{target: u.Host, opened: make(chan struct{})}
	u.Host = l.Addr().String()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { g.relay(client) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return g, postgres.URL(u.String())
}

func (g *gate) open() { close(g.opened) }

func (g *gate) relay(client net.Conn) {
	defer client.Close()
	select {
	case <-g.opened:
	default:
		return
	}
	server, err := net.Dial("tcp", g.target)
	if err != nil {
		return
	}
	defer server.Close()
	var wg sync.WaitGroup
	wg.Go(func() { io.Copy(server, client); server.Close() })
	io.Copy(client, server)
	client.Close()
	wg.Wait()
}

// onWarn calls do at each warning.
type onWarn struct {
	slog.Handler
	do func()
}

func (h onWarn) Enabled(context.Context, slog.Level) bool { return true }
func (h onWarn) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h onWarn) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		h.do()
	}
	return nil
}
