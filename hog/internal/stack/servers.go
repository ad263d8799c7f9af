package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hog-go/hog/common/embedded"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/schema"
)

// servers are the dependencies of a stack: those that the environment names, and those started here.
type servers struct {
	Servers
	postgres *embedded.Postgres // nil: not started here
	stops    []stop             // in the order of the starts
}

type stop struct {
	name string
	f    func(context.Context) error
}

// stopTime bounds the stop of the embedded servers. Kafka and PostgreSQL have everything on disk at any time; Redis has to save.
const stopTime = 20 * time.Second

// batchRoom is what a batch of one record has around it, generously: its own head, headers and key.
const batchRoom = 16 << 10

// startServers starts what is needed and not in the environment. On an error what was started is stopped.
func startServers(ctx context.Context, o *Options, at Servers, needs Need, plans []*Plan) (_ *servers, err error) {
	s := &servers{Servers: at}
	if s.Objects, err = filepath.Abs(filepath.Join(o.Data, "objects")); err != nil {
		return nil, fmt.Errorf("find the folder for objects: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if needs&Kafka != 0 && len(s.Kafka.Brokers) == 0 {
		if err := s.startKafka(ctx, o, plans); err != nil {
			return nil, err
		}
	}
	if needs&Redis != 0 && s.Redis == "" {
		r, err := embedded.StartRedis(ctx, embedded.RedisOptions{Dir: filepath.Join(o.Data, "redis"), Addr: o.RedisAddr, Log: o.Log})
		if err != nil {
			return nil, startError(err, "HOG_REDIS_ADDR", "--redis-addr", "REDIS_URL")
		}
		s.started(Redis, r.Stop)
		s.Redis = r.URL()
	}
	if needs&Postgres != 0 && s.Postgres == "" {
		if err := s.startPostgres(ctx, o); err != nil {
			if o.Postgres || len(o.Services) > 0 {
				return nil, err
			}
			// Whoever named nothing wants what can be had.
			o.Log.WarnContext(ctx, "PostgreSQL cannot be started: services that need it are left out", "err", err)
		}
	}
	return s, nil
}

func (s *servers) startKafka(ctx context.Context, o *Options, plans []*Plan) error {
	maxMessage := embedded.DefaultMaxMessageBytes
	for _, p := range plans {
		maxMessage = max(maxMessage, p.MaxMessageBytes+batchRoom)
	}
	var specs []embedded.TopicSpec
	for _, name := range topics(plans) {
		specs = append(specs, embedded.TopicSpec{Name: name})
	}
	k, err := embedded.StartKafka(ctx, embedded.KafkaOptions{
		Dir: filepath.Join(o.Data, "kafka"), Addr: o.KafkaAddr, Topics: specs, MaxMessageBytes: maxMessage,
		RetentionBytes: o.RetentionBytes, RetentionTime: o.RetentionTime, Log: o.Log,
	})
	if err != nil {
		return startError(err, "HOG_KAFKA_ADDR", "--kafka-addr", "KAFKA_HOSTS")
	}
	s.started(Kafka, k.Stop)
	s.Kafka = kafka.ClientConfig{Brokers: []string{k.Addr()}}
	return nil
}

// PostgresDir is where the embedded PostgreSQL of the data directory is: below it, or in /var/lib/hog where root's data is closed to others.
func PostgresDir(data string) string { return embedded.PostgresDir(filepath.Join(data, "postgres")) }

func (s *servers) startPostgres(ctx context.Context, o *Options) error {
	dir := PostgresDir(o.Data)
	if filepath.Dir(dir) != filepath.Clean(o.Data) {
		o.Log.InfoContext(ctx, "PostgreSQL does not run as root and cannot enter the data directory, it has its own", "dir", dir)
	}
	p, err := embedded.StartPostgres(ctx, embedded.PostgresOptions{Dir: dir, Addr: o.PostgresAddr, Log: o.Log})
	if err != nil {
		return startError(err, "HOG_POSTGRES_ADDR", "--postgres-addr", "DATABASE_URL")
	}
	s.started(Postgres, p.Stop)
	s.postgres, s.Postgres = p, p.URL("posthog")
	return createTables(ctx, s.Postgres, o.Log)
}

// startError says which settings are about the server that did not start.
func startError(err error, variable, flag, given string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w\nset another address with %s or %s, or name a server of your own with %s", err, flag, variable, given)
	}
	return fmt.Errorf("%w\nto use a server of your own, set %s", err, given)
}

// createTables makes the subset of the main app's tables that the services use.
func createTables(ctx context.Context, text string, log *slog.Logger) error {
	url, err := postgres.ParseURL(text)
	if err != nil {
		return fmt.Errorf("create the tables: %w", err)
	}
	for _, set := range []schema.Set{schema.Main, schema.Persons} {
		if _, err := set.Migrate(ctx, url, log); err != nil {
			return fmt.Errorf("create the tables: %w", err)
		}
	}
	return nil
}

func (s *servers) started(server Need, f func(context.Context) error) {
	s.Embedded = append(s.Embedded, server.String())
	s.stops = append(s.stops, stop{server.String(), f})
}

// watchPostgres is a component that fails when the embedded PostgreSQL, which is a process of its own, ends.
func (s *servers) watchPostgres(ctx context.Context) error {
	select {
	case <-s.postgres.Done():
		return errors.New("the embedded PostgreSQL has ended by itself: see postgres.log in its data directory")
	case <-ctx.Done():
		return nil
	}
}

// stop ends the embedded servers, the last started first.
func (s *servers) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	var errs []error
	for i := len(s.stops) - 1; i >= 0; i-- {
		if err := s.stops[i].f(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop the embedded %s: %w", s.stops[i].name, err))
		}
	}
	s.stops = nil
	return errors.Join(errs...)
}
