package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jackc/puddle/v2"
	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
)

// ErrPoolTimeout says that no connection came free within Config.AcquireTimeout. It is a timeout with the
// label pool_timeout, and transient.
var ErrPoolTimeout = errors.New("postgres: timed out waiting for a connection")

// ErrPoolClosed says that the DB was closed. It is transient, as it is for a process that fails over to
// another pool; in one that is stopping, the context ends the retries.
var ErrPoolClosed = errors.New("postgres: pool is closed")

// Config describes one pool. The zero value of every field but URL means its default.
type Config struct {
	// URL names server, user and database. Its options may hold what the driver knows, for example
	// sslmode, or default_query_exec_mode=simple_protocol behind a transaction-pooling proxy.
	URL URL

	// Name tells the pools of one process apart: the label pool of the metrics. Default: the database's name.
	Name string

	// ApplicationName is what pg_stat_activity shows, unless the URL sets application_name. Default "hog".
	ApplicationName string

	// MaxConns is the size of the pool; default 10. More lets more statements run at once and takes more
	// of the server's max_connections, for each replica of the service.
	MaxConns int

	// MinConns are kept open, and opened in the background after Open; default 0.
	MinConns int

	// AcquireTimeout limits the wait for a connection (one coming free, or being dialled) apart from the
	// caller's own deadline; default 10 s.
	AcquireTimeout time.Duration

	// IdleTimeout closes connections unused for so long; default 300 s, negative = never.
	IdleTimeout time.Duration

	// MaxLifetime closes connections of that age once they are free; default: never. Behind a load
	// balancer it is what moves connections to a new server.
	MaxLifetime time.Duration

	// StatementTimeout is set on each new connection, in whole milliseconds; default: the server's.
	StatementTimeout time.Duration
}

func (c *Config) fill() error {
	if c.URL == "" {
		return errors.New("postgres: no URL")
	}
	c.Name = cmp.Or(c.Name, c.URL.Database(), "postgres")
	c.ApplicationName = cmp.Or(c.ApplicationName, "hog")
	c.MaxConns = cmp.Or(c.MaxConns, 10)
	c.AcquireTimeout = cmp.Or(c.AcquireTimeout, 10*time.Second)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 300*time.Second)
	switch {
	case c.MaxConns < 1 || c.MaxConns > math.MaxInt32:
		return fmt.Errorf("postgres: MaxConns of pool %s is %d, want at least 1", c.Name, c.MaxConns)
	case c.MinConns < 0 || c.MinConns > c.MaxConns:
		return fmt.Errorf("postgres: MinConns of pool %s is %d, want 0 to MaxConns (%d)", c.Name, c.MinConns, c.MaxConns)
	case c.AcquireTimeout < 0 || c.StatementTimeout < 0 || c.MaxLifetime < 0:
		return fmt.Errorf("postgres: negative timeout of pool %s (acquire %s, statement %s, lifetime %s)",
			c.Name, c.AcquireTimeout, c.StatementTimeout, c.MaxLifetime)
	}
	return nil
}

// DB is a pool of connections with sqlx on top. It is safe for concurrent use; make it with Open and end
// it with Close.
type DB struct {
	*sqlx.DB
	cfg     Config
	pool    *pgxpool.Pool
	metrics *metrics
}

// Open makes the pool and returns at once: it does not dial, so the server may still be down (see Wait).
// The pool's metrics go to reg, which may be nil; the label is cfg.Name.
func Open(cfg Config, reg prometheus.Registerer) (*DB, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	pc, err := pgxpool.ParseConfig(cfg.URL.Reveal())
	if err != nil {
		return nil, fmt.Errorf("postgres URL %s: %s", cfg.URL, parseReason(err))
	}
	cfg.apply(pc)
	pool, err := pgxpool.NewWithConfig(context.Background(), pc)
	if err != nil {
		return nil, fmt.Errorf("make postgres pool %s: %w", cfg.Name, err)
	}
	db := &DB{cfg: cfg, pool: pool}
	if db.metrics, err = newMetrics(db, reg); err != nil {
		pool.Close()
		return nil, err
	}
	std := sql.OpenDB(connector{Connector: stdlib.GetPoolConnector(pool), db: db})
	std.SetMaxIdleConns(0) // see the package comment: connections wait in the pgx pool
	db.DB = sqlx.NewDb(std, "pgx")
	return db, nil
}

func (c *Config) apply(pc *pgxpool.Config) {
	pc.MaxConns, pc.MinConns = int32(c.MaxConns), int32(c.MinConns)
	pc.MaxConnLifetime = c.MaxLifetime // 0 = never, for pgx too
	pc.MaxConnIdleTime = c.IdleTimeout
	if c.IdleTimeout < 0 {
		pc.MaxConnIdleTime = math.MaxInt64
	}
	// The health check is what closes idle connections and refills to MinConns.
	pc.HealthCheckPeriod = min(time.Minute, max(pc.MaxConnIdleTime/2, time.Second))
	if params := pc.ConnConfig.RuntimeParams; params["application_name"] == "" {
		params["application_name"] = c.ApplicationName
	}
	if c.StatementTimeout > 0 {
		// A statement, not a start-up parameter: proxies such as pgbouncer refuse unknown ones of these.
		set := fmt.Sprintf("SET statement_timeout = %d", max(1, c.StatementTimeout.Milliseconds()))
		pc.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, set)
			return err
		}
	}
}

// Close ends the pool: connections in use are waited for, then all are closed.
func (db *DB) Close() error {
	err := db.DB.Close()
	db.pool.Close()
	db.metrics.close()
	return err
}

// Reset closes every connection once it is free, so that the next ones are dialled anew: what to do when a
// server turned read-only under us (SQLSTATE 25006 after a failover).
func (db *DB) Reset() { db.pool.Reset() }

// Stats counts the connections of a pool.
type Stats struct{ InUse, Idle, Connecting, Max int }

// Stats tells how the pool's connections are used now. It hides sqlx's, which knows of no idle ones.
func (db *DB) Stats() Stats {
	s := db.pool.Stat()
	return Stats{
		InUse:      int(s.AcquiredConns()),
		Idle:       int(s.IdleConns()),
		Connecting: int(s.ConstructingConns()),
		Max:        int(s.MaxConns()),
	}
}

// connector hands database/sql a connection of the pool, for which it waits at most AcquireTimeout.
type connector struct {
	driver.Connector
	db *DB
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	return acquire(ctx, c.db, c.Connector.Connect)
}

// acquire calls get with the pool's time limit and names the failures that are the pool's own.
func acquire[C any](ctx context.Context, db *DB, get func(context.Context) (C, error)) (C, error) {
	limited, cancel := context.WithTimeout(ctx, db.cfg.AcquireTimeout)
	defer cancel()
	conn, err := get(limited)
	switch {
	case err == nil:
		return conn, nil
	case errors.Is(err, puddle.ErrClosedPool):
		err = fmt.Errorf("%w (%s)", ErrPoolClosed, db.cfg.Name)
	case ctx.Err() == nil && limited.Err() != nil:
		db.metrics.timeouts.Inc()
		s := db.Stats()
		// The cause is not wrapped: it is our own deadline, which callers would take for theirs.
		err = fmt.Errorf("%w: pool %s, %s, %d of %d in use: %v", ErrPoolTimeout, db.cfg.Name, db.cfg.AcquireTimeout, s.InUse, s.Max, err)
	}
	return conn, err
}
