package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// EnsureDatabase creates the database that url names when it is missing, and tells whether it did. A role
// without the right to create databases is enough where the database is there.
func EnsureDatabase(ctx context.Context, url URL) (created bool, err error) {
	conn, err := connect(ctx, url)
	if err == nil {
		return false, conn.Close(ctx)
	}
	if Code(err) != "3D000" { // anything but "does not exist"
		return false, fmt.Errorf("connect to %s: %w", url, connectHint(err))
	}
	err = onMaintenanceDatabase(ctx, url, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{url.Database()}.Sanitize())
		return err
	})
	// Two processes may start at once: "exists already", as the server puts it, or as its catalogue's index does.
	if code := Code(err); code == "42P04" || code == "23505" {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("create database %s: %w", url.Database(), err)
	}
	return true, nil
}

// DropDatabase drops the database that url names, with all its data, and ends the sessions in it. A missing
// one is no error.
func DropDatabase(ctx context.Context, url URL) error {
	name := url.Database()
	err := onMaintenanceDatabase(ctx, url, func(conn *pgx.Conn) error {
		// Not DROP … WITH (FORCE), which needs Postgres 13; the retry is for a client that reconnects in between.
		var err error
		for range 3 {
			if _, err = conn.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name); err != nil {
				return err
			}
			if _, err = conn.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()); Code(err) != "55006" {
				return err
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	return nil
}

// onMaintenanceDatabase runs do beside the database of url, since none can be created or dropped from inside.
func onMaintenanceDatabase(ctx context.Context, url URL, do func(*pgx.Conn) error) error {
	if url.Database() == "" {
		return errors.New("the URL names no database")
	}
	conn, err := connect(ctx, url.WithDatabase("postgres"))
	if Code(err) == "3D000" {
		conn, err = connect(ctx, url.WithDatabase("template1"))
	}
	if err != nil {
		return connectHint(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	return do(conn)
}

func connect(ctx context.Context, url URL) (*pgx.Conn, error) {
	pc, err := pgxpool.ParseConfig(url.Reveal())
	if err != nil {
		return nil, fmt.Errorf("postgres URL %s: %s", url, parseReason(err))
	}
	return pgx.ConnectConfig(ctx, pc.ConnConfig)
}

// TableExists tells whether table is there, by the search path of url.
func TableExists(ctx context.Context, url URL, table string) (bool, error) {
	conn, err := connect(ctx, url)
	if err != nil {
		return false, connectHint(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var there bool
	if err := conn.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", table).Scan(&there); err != nil {
		return false, fmt.Errorf("look for table %s: %w", table, err)
	}
	return there, nil
}
