package library

import (
	"context"
	"fmt"
	"sync"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/feature-flags/internal/fault"
)

// URLs are the databases of a call. They may all be the same.
type URLs struct {
	PersonsReader string `json:"persons_reader"`
	PersonsWriter string `json:"persons_writer"`
	MainReader    string `json:"non_persons_reader"`
	MainWriter    string `json:"non_persons_writer"`
}

// What pools are called in errors.
const (
	personsReader = "persons reader"
	personsWriter = "persons writer"
	mainReader    = "non-persons reader"
	mainWriter    = "non-persons writer"
)

// PoolError says that a database cannot be reached, or that it does not give what every flag needs.
type PoolError struct {
	Pool    string
	Opening bool // it was the first use of the pool
	Err     error
}

func (e *PoolError) Error() string {
	if e.Opening {
		return fmt.Sprintf("Failed to create %s pool: %s", e.Pool, e.Err)
	}
	return fmt.Sprintf("Failed to use %s pool: %s", e.Pool, e.Err)
}

// Unwrap returns the cause.
func (e *PoolError) Unwrap() error { return e.Err }

// pools are the databases of a source, in the order in which errors tell of them.
type pools struct{ PersonsReader, PersonsWriter, MainReader, MainWriter *postgres.DB }

func (l *Library) open(urls URLs) (p pools, err error) {
	for _, one := range []struct {
		name string
		url  string
		to   **postgres.DB
	}{
		{personsReader, urls.PersonsReader, &p.PersonsReader}, {personsWriter, urls.PersonsWriter, &p.PersonsWriter},
		{mainReader, urls.MainReader, &p.MainReader}, {mainWriter, urls.MainWriter, &p.MainWriter},
	} {
		if *one.to, err = l.pool(one.url); err != nil {
			return p, &PoolError{Pool: one.name, Opening: true, Err: err}
		}
	}
	return p, nil
}

func (l *Library) pool(text string) (*postgres.DB, error) {
	url, err := postgres.ParseURL(text)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if db := l.pools[url]; db != nil {
		return db, nil
	}
	db, err := postgres.Open(postgres.Config{
		URL: url, ApplicationName: "feature-flags-python", MaxConns: l.cfg.MaxConns, AcquireTimeout: acquireTimeout, StatementTimeout: statementTimeout,
	}, nil)
	if err != nil {
		return nil, err
	}
	l.pools[url] = db
	return db, nil
}

// ping connects to all databases at once. Of several that fail the first is told of.
func (p pools) ping(ctx context.Context) error {
	list := []struct {
		name string
		db   *postgres.DB
	}{{personsReader, p.PersonsReader}, {personsWriter, p.PersonsWriter}, {mainReader, p.MainReader}, {mainWriter, p.MainWriter}}
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i, one := range list {
		wg.Go(func() { errs[i] = one.db.PingContext(ctx) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return &PoolError{Pool: list[i].name, Opening: true, Err: err}
		}
	}
	return nil
}

// again reads once more where a connection has broken: all that were idle while their server went away are.
func again(db *postgres.DB, read func() error) error {
	err := read()
	if err != nil && fault.Flag(err).Code == unavailable {
		db.Reset()
		err = read()
	}
	return err
}

// unavailable is the code of flags that need a database to which there is no connection.
const unavailable = "database_unavailable"

// unreachable tells whether err is about the database as a whole, rather than about one statement.
func unreachable(err error) bool {
	switch fault.Flag(err).Code {
	case unavailable, "no_more_connections", "timeout:pool_timeout":
		return true
	default:
		return false
	}
}
