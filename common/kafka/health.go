package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// health is what Ready looks at.
type health struct {
	mu         sync.Mutex
	answeredAt time.Time // last answer of any broker
	failedAt   time.Time // last time that no broker could be reached
	failure    string
	failing    bool // the failure is logged, its end is not yet
	senders    []*sender
}

func (h *health) greeted() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.answeredAt.IsZero()
}

func (h *health) watch(senders map[int32]*sender) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.senders = h.senders[:0]
	for _, s := range senders {
		h.senders = append(h.senders, s)
	}
}

// anyDown is the metric of that name.
func (h *health) anyDown() float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failing || slices.ContainsFunc(h.senders, func(s *sender) bool { return s.down.Load() != nil }) {
		return 1
	}
	return 0
}

// answered notes that a broker spoke to us.
func (pr *Producer) answered(now time.Time) {
	pr.health.mu.Lock()
	pr.health.answeredAt = now
	pr.health.mu.Unlock()
}

// greet notes a metadata answer, and logs the first one and the first after a failure.
func (pr *Producer) greet(ctx context.Context, topics int) {
	h := &pr.health
	h.mu.Lock()
	first, back := h.answeredAt.IsZero(), h.failing
	h.answeredAt, h.failing = time.Now(), false
	h.mu.Unlock()
	switch {
	case first:
		pr.log.InfoContext(ctx, fmt.Sprintf("Successfully connected to Kafka brokers. Found %d topics.", topics), "brokers", pr.cfg.Client.Brokers)
	case back:
		pr.log.InfoContext(ctx, "kafka cluster answers again", "brokers", pr.cfg.Client.Brokers)
	}
}

// unreachable notes that no broker answered, and logs it once.
func (pr *Producer) unreachable(ctx context.Context, err error) {
	h := &pr.health
	h.mu.Lock()
	before := h.failing
	h.failedAt, h.failure, h.failing = time.Now(), err.Error(), true
	h.mu.Unlock()
	if !before {
		pr.log.WarnContext(ctx, "no kafka broker answers, retrying", "brokers", pr.cfg.Client.Brokers, "err", err)
	}
}

// Ready tells whether a broker answered lately, and in words what is missing. Missing topics and single brokers that are down
// are told, but do not make the producer unready: records for the others still arrive.
func (pr *Producer) Ready() (bool, string) {
	h := &pr.health
	h.mu.Lock()
	defer h.mu.Unlock()
	limit := max(2*pr.cfg.MetadataRefresh, 30*time.Second)
	switch {
	case h.failedAt.After(h.answeredAt):
		return false, "no broker answers: " + h.failure
	case h.answeredAt.IsZero():
		return false, fmt.Sprintf("not connected to %s yet", strings.Join(pr.cfg.Client.Brokers, ","))
	case time.Since(h.answeredAt) > limit:
		return false, fmt.Sprintf("no answer from any broker for %s", time.Since(h.answeredAt).Round(time.Second))
	case pr.draining.Load():
		return false, "producer is closing"
	}
	var lacks []string
	for _, s := range h.senders {
		if why := s.down.Load(); why != nil {
			lacks = append(lacks, "broker "+*s.addr.Load()+" is down: "+*why)
		}
	}
	for name, t := range *pr.topics.Load() {
		if t.parts.Load() == nil {
			lacks = append(lacks, "topic "+name+" does not exist yet")
		}
	}
	if len(lacks) > 0 {
		slices.Sort(lacks)
		return true, "connected, but " + strings.Join(lacks, "; ")
	}
	return true, "connected"
}
