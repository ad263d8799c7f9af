package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/postgres"
	featureflags "github.com/hog-go/hog/feature-flags"
	"github.com/hog-go/hog/feature-flags/admin"
	"github.com/hog-go/hog/hog/internal/route"
)

// LocalToken is the key of the project that hog has from the start.
const LocalToken = "phc_local"

var featureFlagsEntry = Entry{
	Name: "feature-flags", About: "flags for SDKs, evaluated here or by them", Needs: Redis | Postgres,
	Patterns: []route.Pattern{"/flags/*", "/decide", "/api/feature_flag/local_evaluation", "/api/projects/*"},
	Settings: featureflags.Config{}, Warnings: featureFlagsWarnings,
	Load: func(environ []string) (*Plan, error) {
		var cfg featureflags.Config
		if err := config.LoadFrom(&cfg, without(environ, "ADDRESS")); err != nil {
			return nil, err
		}
		cfg.Address, cfg.Metrics = "", false // hog listens, and serves the metrics of all
		return &Plan{New: func(ctx context.Context, at Servers, log *slog.Logger, reg *prometheus.Registry) (Service, error) {
			return newFeatureFlags(ctx, cfg, environ, at, log, reg)
		}}, nil
	},
}

// newFeatureFlags builds the service. Where PostgreSQL is embedded, any project key will do, as for events: one that nobody knows becomes a
// team when flags are asked for.
func newFeatureFlags(ctx context.Context, cfg featureflags.Config, environ []string, at Servers, log *slog.Logger, reg *prometheus.Registry) (Service, error) {
	if err := place(&cfg, environ, at); err != nil {
		return nil, err
	}
	store, closeStore, err := OpenAdmin(at, environ, log)
	if err != nil {
		return nil, err
	}
	own := prometheus.NewRegistry()
	reg.MustRegister(unlabelled{own})
	deps := featureflags.Deps{Log: log, Registry: own}
	if at.IsEmbedded(Postgres) {
		deps.Adopt = func(ctx context.Context, token string) error { return adopt(ctx, store, token) }
	}
	err = publish(ctx, store, at, log)
	var svc *featureflags.Service
	if err == nil {
		svc, err = featureflags.New(ctx, cfg, deps)
	}
	if err != nil {
		return nil, errors.Join(err, closeStore())
	}
	return flagService{svc, closeStore}, nil
}

// place tells the service where this hog's servers are. What the environment says of servers wins, but for the main ones, which it has named
// already.
func place(cfg *featureflags.Config, environ []string, at Servers) error {
	d, r := &cfg.Databases, &cfg.Redis
	if at.IsEmbedded(Postgres) || !isSet(environ, "WRITE_DATABASE_URL") {
		d.Write = postgres.URL(at.Postgres)
	}
	if at.IsEmbedded(Postgres) || !isSet(environ, "READ_DATABASE_URL") {
		d.Read = d.Write
	}
	if at.IsEmbedded(Postgres) {
		d.PersonsRead, d.PersonsWrite = "", ""
	}
	r.URL = config.Secret(at.Redis)
	if at.IsEmbedded(Redis) {
		r.ReaderURL, r.FlagsURL, r.FlagsReaderURL = "", "", ""
	}
	if !isSet(environ, "OBJECT_STORAGE_BUCKET") && !isSet(environ, "OBJECT_STORAGE_ENDPOINT") {
		cfg.Objects.Bucket = "" // all is in Redis or made of the tables
	}
	if cfg.InternalToken == "" {
		cfg.InternalToken = config.Secret(at.Internal)
	}
	if isSet(environ, "COOKIELESS_REDIS_HOST") && !at.IsEmbedded(Redis) {
		return nil
	}
	u, err := url.Parse(at.Redis)
	if err != nil {
		return errors.New("REDIS_URL is no URL") // its text may hold a password
	}
	host, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		return nil //nolint:nilerr // without a port: the defaults of the service hold
	}
	cfg.Cookieless.Host = host
	cfg.Cookieless.Port, err = strconv.Atoi(port)
	return err
}

// publish fills the caches from the tables. The caches of a main app are its own business.
func publish(ctx context.Context, store *admin.Store, at Servers, log *slog.Logger) error {
	if at.IsEmbedded(Postgres) {
		if err := adopt(ctx, store, LocalToken); err != nil {
			return err
		}
	}
	if !at.IsEmbedded(Postgres) && !at.IsEmbedded(Redis) {
		return nil
	}
	err := store.PublishAll(ctx)
	if err != nil && !at.IsEmbedded(Postgres) { // a database that is down, or without tables, need not be so for ever
		log.WarnContext(ctx, "flags are not in the embedded Redis, so SDKs get no definitions until a restart", "err", err)
		return nil
	}
	return err
}

func adopt(ctx context.Context, store *admin.Store, token string) error {
	if _, err := store.EnsureTeam(ctx, admin.NewTeam{Name: token, Token: token}); err != nil {
		return fmt.Errorf("team of a new project key: %w", err)
	}
	return nil
}

// flagService closes the store when the service ends.
type flagService struct {
	*featureflags.Service
	closeStore func() error
}

func (s flagService) Run(ctx context.Context) error {
	return errors.Join(s.Service.Run(ctx), s.closeStore())
}

func featureFlagsWarnings(environ []string) []string {
	out := featureflags.Warnings(environ)
	if isSet(environ, "ADDRESS") {
		out = append(out, "ADDRESS is ignored: "+notForHog["ADDRESS"])
	}
	return out
}

// without leaves out a variable.
func without(environ []string, name string) []string {
	out := make([]string, 0, len(environ))
	for _, kv := range environ {
		if !isSet([]string{kv}, name) {
			out = append(out, kv)
		}
	}
	return out
}
