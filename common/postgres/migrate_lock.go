package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// migrationLock is the advisory lock of every set: one migrating process per database. The number is
// arbitrary ("hogmigr8" as bytes); advisory locks are local to a database.
const migrationLock = 0x686f676d69677238

// lockForMigration waits until this process alone migrates the database, then looks for the owner's table.
// unlock ends the connection, and with it the lock.
//
// It polls: a session that waits inside pg_advisory_lock holds a snapshot, for which CREATE INDEX
// CONCURRENTLY in the migrating process would wait in turn.
func lockForMigration(ctx context.Context, cc *pgx.ConnConfig, o MigrateOptions) (unlock func(), owner string, err error) {
	conn, err := pgx.ConnectConfig(ctx, cc)
	if err != nil {
		return nil, "", connectHint(err)
	}
	unlock = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}
	if err := pollLock(ctx, conn, o); err != nil {
		unlock()
		return nil, "", err
	}
	if o.OwnedBy != "" {
		var there bool
		if err := conn.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", o.OwnedBy).Scan(&there); err != nil {
			unlock()
			return nil, "", fmt.Errorf("look for table %s: %w", o.OwnedBy, err)
		}
		if there {
			owner = o.OwnedBy
		}
	}
	return unlock, owner, nil
}

func pollLock(ctx context.Context, conn *pgx.Conn, o MigrateOptions) error {
	deadline := time.Now().Add(o.LockTimeout)
	for attempt, delay := 1, firstRetry; ; attempt, delay = attempt+1, min(2*delay, time.Second) {
		var got bool
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(migrationLock)).Scan(&got); err != nil {
			return fmt.Errorf("take the migration lock: %w", err)
		}
		if got {
			return nil
		}
		if attempt == 1 {
			o.Log.InfoContext(ctx, "another process is migrating this database, waiting for it", "limit", o.LockTimeout)
		}
		if time.Now().Add(delay).After(deadline) {
			return fmt.Errorf("another process has been migrating this database for %s (advisory lock %d; "+
				"see pg_locks, and end that session if it hangs)", o.LockTimeout, int64(migrationLock))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the migration lock: %w", context.Cause(ctx))
		case <-time.After(jittered(delay)):
		}
	}
}
