package stack

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/feature-flags/admin"
	"github.com/hog-go/hog/hog/internal/remoteconfig"
)

// elsewhere are databases that may be apart from the main ones. Services read the same variables by themselves.
type elsewhere struct {
	Persons    postgres.URL  `env:"PERSONS_WRITE_DATABASE_URL" doc:"database of persons and groups, if it is not the main one"`
	FlagsRedis config.Secret `env:"FLAGS_REDIS_URL" doc:"Redis of flags, beside the main one"`
}

// OpenAdmin opens the store of teams and flags that the services at the given addresses read.
func OpenAdmin(at Servers, environ []string, log *slog.Logger) (store *admin.Store, closeAll func() error, err error) {
	var e elsewhere
	if err := config.LoadFrom(&e, environ); err != nil {
		return nil, nil, err
	}
	var opened []interface{ Close() error }
	closeAll = func() (err error) {
		for _, c := range opened {
			err = errors.Join(err, c.Close())
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll())
		}
	}()
	o := admin.Options{ClientConfig: remoteconfig.Document}
	database := func(url postgres.URL) (*postgres.DB, error) {
		db, err := postgres.Open(postgres.Config{URL: url, Name: "admin", ApplicationName: "hog", MaxConns: 2}, nil)
		if err != nil {
			return nil, fmt.Errorf("teams and flags: %w", err)
		}
		opened = append(opened, db)
		return db, nil
	}
	if o.DB, err = database(postgres.URL(at.Postgres)); err != nil {
		return nil, nil, err
	}
	o.Persons = o.DB
	if e.Persons != "" && !at.IsEmbedded(Postgres) {
		if o.Persons, err = database(e.Persons); err != nil {
			return nil, nil, err
		}
	}
	for _, url := range []string{at.Redis, e.FlagsRedis.Reveal()} {
		if url == "" {
			continue
		}
		c, err := redis.New(redis.Config{URL: url}, log)
		if err != nil {
			return nil, nil, fmt.Errorf("teams and flags: %w", err)
		}
		opened = append(opened, c)
		o.Caches = append(o.Caches, c)
	}
	return admin.New(o), closeAll, nil
}
