package featureflags

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/hog-go/hog/common/app"
	"github.com/hog-go/hog/common/cookieless"
	"github.com/hog-go/hog/common/hypercache"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/feature-flags/internal/billing"
	"github.com/hog-go/hog/feature-flags/internal/continuity"
	"github.com/hog-go/hog/feature-flags/internal/flagset"
	"github.com/hog-go/hog/feature-flags/internal/person"
	"github.com/hog-go/hog/feature-flags/internal/sdkconfig"
	"github.com/hog-go/hog/feature-flags/internal/team"
)

// maxStatement bounds statements that the settings leave to the server.
const maxStatement = 30 * time.Second

// readSlack is what a read may take beyond its own limits, so that the server's answer about a statement that took too long still arrives.
const readSlack = 500 * time.Millisecond

// readTimeout bounds a read as a whole, since a server that is cut off ends no statement.
func (s *Service) readTimeout(statement time.Duration) time.Duration {
	return s.cfg.Databases.AcquireTimeout + cmp.Or(statement, maxStatement) + readSlack
}

func (s *Service) newSources(adopt func(context.Context, string) error) error {
	pickled := &countedRedis{client: s.flagsRedis.As(redis.Pickle), errors: s.metrics.redisErrors}
	var readers [3]*hypercache.Reader
	for i, c := range []hypercache.Config{team.Cache, flagset.Cache, sdkconfig.Cache} {
		var err error
		if readers[i], err = hypercache.New(c, pickled, s.objects, s.reg); err != nil {
			return err
		}
	}
	c, e, d := &s.cfg.Cache, &s.cfg.Evaluation, &s.cfg.Databases
	s.teams = team.New(team.Config{
		Fresh: c.Fresh, Max: c.Teams, Negative: c.NegativeCapacity, NegativeTTL: c.NegativeTTL, ReadTimeout: s.readTimeout(d.MainReadTimeout), Adopt: adopt,
	}, readers[0], s.db.MainReader, s.partLog, s.reg)
	s.flags = flagset.New(flagset.Config{
		Fresh: c.Fresh, Keep: c.DefinitionTTL, Bytes: c.DefinitionBytes, CohortBytes: c.CohortBytes, CohortTTL: c.CohortTTL,
		ReadTimeout: s.readTimeout(d.MainReadTimeout), ExplicitExact: e.ExplicitExact.Has, Realtime: e.RealtimeTeams.Has,
	}, readers[1], pickled, s.db.MainReader, s.partLog, s.reg)
	s.configs = sdkconfig.New(readers[2], c.Fresh, c.Teams, s.partLog)
	s.persons = person.New(person.Config{
		GroupTypeTTL: c.GroupTypeTTL, GroupTypes: c.GroupTypes, RealtimeTTL: c.RealtimeTTL, Realtime: c.Realtime,
		ReadTimeout: s.readTimeout(d.PersonsReadTimeout),
	}, s.db.PersonsReader, s.db.Behavioral, s.partLog, s.reg)
	s.continuity = continuity.New(s.readTimeout(d.WriteTimeout), continuity.Deps{
		Reader: s.db.PersonsReader, Writer: s.db.PersonsWriter, TeamLabel: s.metrics.teamLabel, Log: s.partLog, Registerer: s.reg,
	})
	b := &s.cfg.Billing
	s.billing = billing.New(billing.Config{
		Off: bool(s.cfg.SkipWrites), Interval: b.FlushInterval, MaxPending: b.MaxPending, BatchSize: b.BatchSize, ShutdownFlush: b.ShutdownFlush, Now: s.now,
	}, &countedRedis{client: s.redis, errors: s.metrics.redisErrors}, s.partLog, s.reg)
	s.app.Add(app.Component{Name: "billing", Run: s.billing.Run, StopTimeout: b.ShutdownFlush + time.Second})
	return s.newCookieless()
}

func (s *Service) newCookieless() error {
	address := net.JoinHostPort(s.cfg.Cookieless.Host, strconv.Itoa(s.cfg.Cookieless.Port))
	client := s.redis
	if !s.cfg.Cookieless.Disabled {
		var err error
		if client, err = s.openRedis("redis://"+address, ""); err != nil {
			return fmt.Errorf("COOKIELESS_REDIS_HOST: %w", err)
		}
		s.app.Add(app.Component{Name: "cookieless-redis", Run: func(ctx context.Context) error {
			<-ctx.Done()
			return client.Close()
		}})
	}
	var err error
	s.cookieless, err = cookieless.New(s.cfg.Cookieless.Config, cookieless.Deps{Redis: client, NotFound: redis.IsNotFound, Registerer: s.reg})
	return err
}
