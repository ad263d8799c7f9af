// Package sink is where records leave capture: Kafka in production, standard output or nothing for development.
package sink

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/hog-go/hog/common/kafka"
)

// Noop discards records.
type Noop struct{}

// Send discards recs.
func (Noop) Send(context.Context, []kafka.Record) error { return nil }

// SendEach discards recs.
func (Noop) SendEach(context.Context, []kafka.Record) []error { return nil }

// Print writes every record as a line: topic, key and value, separated by tabs. A record without a key has "-" there.
type Print struct {
	mu sync.Mutex
	w  *bufio.Writer
}

// NewPrint prints to w.
func NewPrint(w io.Writer) *Print { return &Print{w: bufio.NewWriter(w)} }

// Send prints recs; it returns when all of them are with the operating system.
func (p *Print) Send(_ context.Context, recs []kafka.Record) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range recs {
		key := recs[i].Key
		if key == nil {
			key = []byte("-")
		}
		fmt.Fprintf(p.w, "%s\t%s\t%s\n", recs[i].Topic, key, recs[i].Value)
	}
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("print %d events: %w", len(recs), err)
	}
	return nil
}

// SendEach is Send, whose error is that of every record.
func (p *Print) SendEach(ctx context.Context, recs []kafka.Record) []error {
	err := p.Send(ctx, recs)
	if err == nil {
		return nil
	}
	return slices.Repeat([]error{err}, len(recs))
}

// Kafka produces records and waits until the brokers have all of them.
type Kafka struct{ Producer *kafka.Producer }

// Send returns at the first record that is refused or not acknowledged in time; others may be stored all the same.
func (k Kafka) Send(ctx context.Context, recs []kafka.Record) error {
	return k.Producer.Produce(ctx, recs)
}

// SendEach returns an error for each record that is refused or not acknowledged in time, in the order of recs; nil if
// there is none.
func (k Kafka) SendEach(ctx context.Context, recs []kafka.Record) []error {
	return k.Producer.ProduceEach(ctx, recs)
}
