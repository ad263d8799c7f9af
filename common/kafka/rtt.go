package kafka

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// rttQuantiles are the series of a round trip, under the names that the original gives them: p50 where Prometheus says 0.5.
var rttQuantiles = map[float64]string{0.5: "p50", 0.9: "p90", 0.95: "p95", 0.99: "p99"}

// roundTrips shows the quantiles of the last minute as gauges, one for each broker and quantile.
type roundTrips struct {
	*prometheus.SummaryVec
	desc *prometheus.Desc
}

func newRoundTrips(name, help string) roundTrips {
	return roundTrips{
		SummaryVec: prometheus.NewSummaryVec(prometheus.SummaryOpts{Name: name, Help: help, MaxAge: time.Minute,
			Objectives: map[float64]float64{0.5: 0.05, 0.9: 0.01, 0.95: 0.01, 0.99: 0.001}}, []string{"broker"}),
		desc: prometheus.NewDesc(name, help, []string{"broker", "quantile"}, nil),
	}
}

// Describe is of prometheus.Collector.
func (r roundTrips) Describe(ch chan<- *prometheus.Desc) { ch <- r.desc }

// Collect is of prometheus.Collector. A quantile of nothing is left out.
func (r roundTrips) Collect(ch chan<- prometheus.Metric) {
	summaries := make(chan prometheus.Metric)
	go func() {
		r.SummaryVec.Collect(summaries)
		close(summaries)
	}()
	for m := range summaries {
		var s dto.Metric
		if err := m.Write(&s); err != nil {
			ch <- prometheus.NewInvalidMetric(r.desc, err)
			continue
		}
		for _, q := range s.Summary.Quantile {
			if v := q.GetValue(); !math.IsNaN(v) {
				ch <- prometheus.MustNewConstMetric(r.desc, prometheus.GaugeValue, v, s.Label[0].GetValue(), rttQuantiles[q.GetQuantile()])
			}
		}
	}
}
