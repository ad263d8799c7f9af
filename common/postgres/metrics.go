package postgres

import (
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics reads the pool when it is scraped; only timeouts are counted as they happen.
type metrics struct {
	pool     *pgxpool.Pool
	reg      prometheus.Registerer // nil: not exported
	timeouts prometheus.Counter

	connections, max, acquires, waits, waitSeconds, canceled, opened *prometheus.Desc
}

func newMetrics(db *DB, reg prometheus.Registerer) (*metrics, error) {
	labels := prometheus.Labels{"pool": db.cfg.Name}
	desc := func(name, help string, variable ...string) *prometheus.Desc {
		return prometheus.NewDesc("postgres_pool_"+name, help, variable, labels)
	}
	m := &metrics{
		pool: db.pool,
		reg:  reg,
		timeouts: prometheus.NewCounter(prometheus.CounterOpts{
			Name:        "postgres_pool_acquire_timeouts_total",
			Help:        "Callers that got no connection within the acquire timeout: the pool is too small or statements too slow.",
			ConstLabels: labels,
		}),
		connections: desc("connections", "Connections by state: in_use, idle, connecting.", "state"),
		max:         desc("max_connections", "Size of the pool."),
		acquires:    desc("acquires_total", "Connections handed out."),
		waits:       desc("acquire_waits_total", "Connections handed out after a wait, since none was idle."),
		waitSeconds: desc("acquire_wait_seconds_total", "Time spent waiting for connections while none was idle."),
		canceled:    desc("acquires_canceled_total", "Waits given up, by the caller or by the acquire timeout."),
		opened:      desc("connections_opened_total", "Attempts to open a connection; a steady rise means they do not last."),
	}
	if reg == nil {
		return m, nil
	}
	if err := reg.Register(m); err != nil {
		return nil, fmt.Errorf("register metrics of postgres pool %s (two pools of one process need two names): %w", db.cfg.Name, err)
	}
	return m, nil
}

func (m *metrics) close() {
	if m.reg != nil {
		m.reg.Unregister(m)
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.timeouts.Describe(ch)
	for _, d := range []*prometheus.Desc{m.connections, m.max, m.acquires, m.waits, m.waitSeconds, m.canceled, m.opened} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	s := m.pool.Stat()
	gauge := func(d *prometheus.Desc, v float64, label ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, label...)
	}
	counter := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v)
	}
	m.timeouts.Collect(ch)
	gauge(m.connections, float64(s.AcquiredConns()), "in_use")
	gauge(m.connections, float64(s.IdleConns()), "idle")
	gauge(m.connections, float64(s.ConstructingConns()), "connecting")
	gauge(m.max, float64(s.MaxConns()))
	counter(m.acquires, float64(s.AcquireCount()))
	counter(m.waits, float64(s.EmptyAcquireCount()))
	counter(m.waitSeconds, s.EmptyAcquireWaitTime().Seconds())
	counter(m.canceled, float64(s.CanceledAcquireCount()))
	counter(m.opened, float64(s.NewConnsCount()))
}
