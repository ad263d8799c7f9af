package testkit

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hog-go/hog/common/embedded"
)

// postgresSource creates databases on the server that the tests of this process use. admin is the URL of a database
// that stays.
type postgresSource struct{ admin string }

var postgresServer = shared[postgresSource]{variable: "DATABASE_URL", start: startPostgres}

// Postgres returns the URL of a new, empty database, which is dropped at the end of the test.
func Postgres(tb testing.TB) string {
	tb.Helper()
	source := postgresServer.get(tb)
	name := "test_" + uniqueSuffix()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	if err := source.exec(ctx, "CREATE DATABASE "+name); err != nil {
		tb.Fatalf("testkit: create database %s: %v", name, err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 30*time.Second)
		defer cancel()
		if err := source.exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			tb.Errorf("testkit: drop database %s: %v", name, err)
		}
	})
	return source.url(name)
}

func startPostgres(ctx context.Context, kind, address string) (s postgresSource, label string, stop func(context.Context) error, err error) {
	stop = func(context.Context) error { return nil }
	switch kind {
	case KindDocker:
		address, stop, err = dockerPostgres(ctx)
	case KindEmbedded:
		address, stop, err = embeddedPostgres(ctx)
	}
	if err != nil {
		return s, "", nil, err
	}
	s.admin = address
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := retry(ctx, func(ctx context.Context) error { return s.exec(ctx, "SELECT 1") }); err != nil {
		return s, "", nil, errors.Join(err, stop(context.WithoutCancel(ctx)))
	}
	u, err := url.Parse(address)
	if err != nil {
		return s, "", nil, errors.Join(err, stop(ctx))
	}
	return s, fmt.Sprintf("%s(%s)", kind, u.Host), stop, nil
}

// embeddedPostgres gives up durability for speed: the databases of a test need not survive anything.
func embeddedPostgres(ctx context.Context) (address string, stop func(context.Context) error, err error) {
	dir, err := scratchDir("postgres")
	if err != nil {
		return "", nil, err
	}
	p, err := embedded.StartPostgres(ctx, embedded.PostgresOptions{
		Dir:      dir,
		Settings: map[string]string{"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"},
	})
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop = func(ctx context.Context) error { return errors.Join(p.Stop(ctx), os.RemoveAll(dir)) }
	return p.URL("posthog"), stop, nil
}

// exec runs one statement on a connection of its own, which CREATE and DROP DATABASE need anyway.
func (s postgresSource) exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// url is the admin URL with another database; user, password and parameters stay.
func (s postgresSource) url(database string) string {
	u, err := url.Parse(s.admin)
	if err != nil {
		return s.admin // cannot be: startPostgres parsed it
	}
	u.Path = "/" + database
	return u.String()
}
