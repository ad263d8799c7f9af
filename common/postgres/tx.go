package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// rollbackLimit bounds the clean-up after the caller's context has ended.
const rollbackLimit = 5 * time.Second

// InTx runs fn in a transaction: committed when fn returns nil, rolled back when it fails or panics.
//
// fn uses its own context, usually ctx, for the statements. The transaction itself is not bound to ctx:
// when ctx ends between two statements, the rollback still reaches the server, in at most five seconds, and
// the connection goes back to the pool in good order instead of being torn down.
func (db *DB) InTx(ctx context.Context, fn func(tx *sqlx.Tx) error) error {
	conn, err := db.Connx(ctx)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer conn.Close() // returns it to the pool

	txCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	unbind := context.AfterFunc(ctx, cancel) // ctx governs BEGIN, and nothing after it
	tx, err := conn.BeginTxx(txCtx, nil)
	if !unbind() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}

	done := false
	defer func() {
		if !done { // fn failed or panicked
			timer := time.AfterFunc(rollbackLimit, cancel)
			defer timer.Stop()
			_ = tx.Rollback() // the server ends the transaction with the connection if this does not reach it
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("commit transaction: %w", context.Cause(ctx))
	}
	done = true
	if err := commit(ctx, cancel, tx); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}

// commit lets ctx interrupt the wait for the server's answer. Whether the transaction was committed is
// unknown then, as with any lost connection.
func commit(ctx context.Context, cancel func(), tx *sqlx.Tx) error {
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	err := tx.Commit()
	if err != nil && ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return err
}
