package featureflags

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/hog-go/hog/common/postgres"
)

// pools are the databases. Those of persons are the main ones where there are no others.
type pools struct {
	MainReader, MainWriter, PersonsReader, PersonsWriter *postgres.DB
	Behavioral                                           *postgres.DB // nil: none
}

func openPools(c *DatabaseConfig, reg prometheus.Registerer) (p pools, err error) {
	open := func(url postgres.URL, name string, minimum int, statement time.Duration) *postgres.DB {
		if err != nil {
			return nil
		}
		var db *postgres.DB
		db, err = postgres.Open(postgres.Config{
			URL: url, Name: name, ApplicationName: "feature-flags", MaxConns: c.MaxConns, MinConns: minimum, AcquireTimeout: c.AcquireTimeout,
			IdleTimeout: cmp.Or(c.IdleTimeout, -1), StatementTimeout: statement,
		}, reg)
		if err != nil {
			err = fmt.Errorf("pool %s: %w", name, err)
		}
		return db
	}
	p.MainReader = open(c.Read, "non_persons_reader", c.MinMainRead, c.MainReadTimeout)
	p.MainWriter = open(c.Write, "non_persons_writer", c.MinMainWrite, c.WriteTimeout)
	p.PersonsReader, p.PersonsWriter = p.MainReader, p.MainWriter
	if c.personsApart() {
		p.PersonsReader = open(c.PersonsRead, "persons_reader", c.MinPersonsRead, c.PersonsReadTimeout)
		p.PersonsWriter = open(c.PersonsWrite, "persons_writer", c.MinPersonsWrite, c.WriteTimeout)
	}
	if c.Behavioral != "" {
		p.Behavioral = open(c.Behavioral, "behavioral_reader", 0, c.PersonsReadTimeout)
	}
	return p, err
}

// named are the pools in the order in which probes tell of them; those that are the same are named once.
func (p *pools) named() []namedPool {
	list := []namedPool{{"non_persons_reader", p.MainReader}, {"non_persons_writer", p.MainWriter}}
	if p.PersonsReader != p.MainReader {
		list = append(list, namedPool{"persons_reader", p.PersonsReader}, namedPool{"persons_writer", p.PersonsWriter})
	}
	return list
}

// measure shows how the connections of each pool are used.
func (p *pools) measure(reg prometheus.Registerer) {
	for _, n := range p.named() {
		f := promauto.With(prometheus.WrapRegistererWith(prometheus.Labels{"pool": n.name}, reg))
		gauge := func(name, help string, value func(postgres.Stats) float64) {
			f.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return value(n.db.Stats()) })
		}
		gauge("flags_db_connection_pool_active_total", "Connections in use.", func(s postgres.Stats) float64 { return float64(s.InUse) })
		gauge("flags_db_connection_pool_idle_total", "Connections that are idle.", func(s postgres.Stats) float64 { return float64(s.Idle) })
		gauge("flags_db_connection_pool_max_total", "Connections that the pool may have.", func(s postgres.Stats) float64 { return float64(s.Max) })
		gauge("flags_pool_utilization_ratio", "Share of them that is in use.", func(s postgres.Stats) float64 { return float64(s.InUse) / float64(max(s.Max, 1)) })
	}
}

type namedPool struct {
	name string
	db   *postgres.DB
}

func (p *pools) close() error {
	var errs []error
	list := p.named()
	if p.Behavioral != nil {
		list = append(list, namedPool{db: p.Behavioral})
	}
	for _, n := range list {
		if n.db != nil {
			errs = append(errs, n.db.Close())
		}
	}
	return errors.Join(errs...)
}

// probeTimeout is what a probe waits for a pool. Probes come every few seconds, and those who send them give up soon.
const probeTimeout = 2 * time.Second

// trouble asks all pools at once, and tells of the first that does not work: "" if all do. statement says that a connection alone is no
// proof.
func (p *pools) trouble(statement bool) string {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	list := p.named()
	texts := make([]string, len(list))
	var wg sync.WaitGroup
	for i, n := range list {
		wg.Go(func() { texts[i] = n.trouble(ctx, statement) })
	}
	wg.Wait()
	return cmp.Or(texts...)
}

func (n namedPool) trouble(ctx context.Context, statement bool) string {
	conn, err := n.db.Conn(ctx)
	if err != nil {
		return fmt.Sprintf("%s pool unavailable: %s", n.name, troubleText(err))
	}
	defer conn.Close()
	if statement {
		_, err = conn.ExecContext(ctx, "SELECT 1")
	} else {
		err = conn.PingContext(ctx) // an idle connection may be one to a server that is gone
	}
	if err != nil {
		return fmt.Sprintf("%s connection test failed: %s", n.name, troubleText(err))
	}
	return ""
}

// troubleText keeps addresses and user names, which errors of the driver hold, out of what a probe says.
func troubleText(err error) string {
	return cmp.Or(postgres.TimeoutLabel(err), postgres.Code(err), "cannot connect")
}
