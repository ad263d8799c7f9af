package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"time"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	migratepgx "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// MigrateOptions says how a set of migrations is applied.
type MigrateOptions struct {
	// Set names the migrations in logs and errors; default: Table.
	Set string

	// Table holds the version reached, one for each set; required, lower case. schema_migrations and
	// _sqlx_migrations are refused, since other tools own them.
	Table string

	// OwnedBy names a table whose presence means that somebody else manages this database: nothing at all
	// is done then. For the main app's tables that is django_migrations.
	OwnedBy string

	// LockTimeout limits the wait for another process that is migrating; default 5 min.
	LockTimeout time.Duration

	Log *slog.Logger // default: none
}

// MigrateResult tells what Migrate did.
type MigrateResult struct {
	OwnedBy string   // the table because of which nothing was done, "" otherwise
	From    uint     // version before, 0 = none
	To      uint     // version after
	Applied []string // files run, in order
}

var tableName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

func (o *MigrateOptions) fill() error {
	switch {
	case !tableName.MatchString(o.Table):
		return fmt.Errorf("migrate %s: %q cannot be the bookkeeping table: want a lower-case name", o.Set, o.Table)
	case o.Table == "schema_migrations" || o.Table == "_sqlx_migrations":
		return fmt.Errorf("migrate %s: the bookkeeping table cannot be %s, which other tools own", o.Set, o.Table)
	}
	o.Set = cmp.Or(o.Set, o.Table)
	o.LockTimeout = cmp.Or(o.LockTimeout, 5*time.Minute)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Log = o.Log.With("component", "migrate", "set", o.Set)
	return nil
}

// Migrate brings the database of url to the newest version of files, whose root holds numbered pairs
// (0001_name.up.sql and 0001_name.down.sql). Every file must be idempotent; the package comment says why.
// It runs as one statement batch, and so in one transaction, unless it holds a single statement that
// Postgres refuses to run in one. (CREATE INDEX CONCURRENTLY is such a statement; what a failed one leaves
// is an invalid index, so the file before it should drop the index if it exists.) Down files are for
// people: Migrate never runs one.
//
// Migrate may be called by many processes at once. Failures are a *MigrationError when they can be told by
// file. When ctx ends, the file that is running is still finished.
func Migrate(ctx context.Context, url URL, files fs.FS, o MigrateOptions) (MigrateResult, error) {
	if err := o.fill(); err != nil {
		return MigrateResult{}, err
	}
	steps, err := readSteps(files)
	if err != nil {
		return MigrateResult{}, fmt.Errorf("migrate %s: %w", o.Set, err)
	}
	pc, err := pgxpool.ParseConfig(url.Reveal()) // the pool's parser, since a URL may carry pool_ options
	if err != nil {
		return MigrateResult{}, fmt.Errorf("migrate %s: postgres URL %s: %s", o.Set, url, parseReason(err))
	}
	unlock, owner, err := lockForMigration(ctx, pc.ConnConfig, o)
	if err != nil {
		return MigrateResult{}, fmt.Errorf("migrate %s in %s: %w", o.Set, url, err)
	}
	defer unlock()
	if owner != "" {
		o.Log.InfoContext(ctx, "database is managed by another application, nothing to do", "table", owner)
		return MigrateResult{OwnedBy: owner}, nil
	}
	m, err := newMigrator(ctx, pc.ConnConfig, files, o)
	if err != nil {
		return MigrateResult{}, fmt.Errorf("migrate %s in %s: %w", o.Set, url, err)
	}
	defer m.Close()
	return up(ctx, m, steps, o)
}

func newMigrator(ctx context.Context, cc *pgx.ConnConfig, files fs.FS, o MigrateOptions) (*migrate.Migrate, error) {
	src, err := iofs.New(files, ".")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	db := stdlib.OpenDB(*cc, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SET statement_timeout = 0") // building an index may take longer than a role's default
		return err
	}))
	if err := db.PingContext(ctx); err != nil { // golang-migrate's own calls know no context
		db.Close()
		return nil, connectHint(err)
	}
	drv, err := migratepgx.WithInstance(db, &migratepgx.Config{MigrationsTable: o.Table})
	if err != nil {
		db.Close()
		return nil, &MigrationError{Set: o.Set, File: "bookkeeping table " + o.Table, Err: rootCause(err)}
	}
	m, err := migrate.NewWithInstance("iofs", src, "pgx5", drv)
	if err != nil {
		drv.Close()
		return nil, err
	}
	return m, nil
}

// up runs what is missing, under the lock.
func up(ctx context.Context, m *migrate.Migrate, steps []step, o MigrateOptions) (MigrateResult, error) {
	from, err := startVersion(ctx, m, steps, o)
	if err != nil {
		return MigrateResult{}, err
	}
	result := MigrateResult{From: from, To: from}
	if last := steps[len(steps)-1].version; from > last {
		o.Log.WarnContext(ctx, "database is ahead of this build, nothing to do", "version", from, "build", last)
		return result, nil
	}
	stop := context.AfterFunc(ctx, func() { m.GracefulStop <- true })
	defer stop()
	err = m.Up()
	if errors.Is(err, migrate.ErrNoChange) {
		err = nil
	}
	version, dirty, verr := m.Version()
	if errors.Is(verr, migrate.ErrNilVersion) {
		verr = nil // the very first file did not get that far
	}
	if err == nil && verr != nil {
		err = verr
	}
	result.To = version
	for _, s := range steps {
		if s.version > from && (s.version < version || s.version == version && !dirty) {
			result.Applied = append(result.Applied, s.file)
			o.Log.InfoContext(ctx, "migration applied", "file", s.file)
		}
	}
	switch {
	case err != nil && dirty:
		return result, newMigrationError(o.Set, steps, version, err)
	case err != nil:
		return result, fmt.Errorf("migrate %s after version %d: %w", o.Set, version, rootCause(err))
	case ctx.Err() != nil:
		return result, fmt.Errorf("migrate %s: stopped after version %d: %w", o.Set, version, context.Cause(ctx))
	}
	return result, nil
}

// startVersion reads the bookkeeping table. A dirty version was cut off, by an error or by the end of its
// process; since files are idempotent it is marked as not run, and so runs again.
func startVersion(ctx context.Context, m *migrate.Migrate, steps []step, o MigrateOptions) (uint, error) {
	version, dirty, err := m.Version()
	if errors.Is(err, migrate.ErrNilVersion) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("migrate %s: read version from %s: %w", o.Set, o.Table, rootCause(err))
	}
	known, previous := false, database.NilVersion
	for _, s := range steps {
		known = known || s.version == version
		if s.version < version {
			previous = int(s.version)
		}
	}
	if newest := steps[len(steps)-1].version; !known && (dirty || version < newest) {
		return 0, fmt.Errorf("migrate %s: table %s says version %d (dirty: %t), which this build does not know (its newest is %d): "+
			"run the build that made it, or correct the row by hand", o.Set, o.Table, version, dirty, newest)
	}
	if !dirty {
		return version, nil
	}
	o.Log.WarnContext(ctx, "a migration was cut off earlier, running it again", "version", version)
	if err := m.Force(previous); err != nil {
		return 0, fmt.Errorf("migrate %s: mark version %d as not run: %w", o.Set, version, rootCause(err))
	}
	return uint(max(previous, 0)), nil
}
