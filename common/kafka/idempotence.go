package kafka

import (
	"context"
	"fmt"
	"math"

	"github.com/segmentio/kafka-go/protocol/initproducerid"
)

// producerID is the identity under which brokers number the batches of a partition (KIP-98). The zero value is none.
type producerID struct {
	id    int64 // 0 is a valid id of the protocol, so it is kept one higher
	epoch int16
}

// Sequence numbers make a retry harmless: the broker knows a batch that it has stored already. Kafka allows five batches of a
// partition in flight, we have one, so the rules stay simple: a batch gets its numbers at its first attempt and keeps them; when
// a batch ends with an outcome that leaves the broker's count in doubt, that partition goes on under a new producer id, from 0.

// assignSequences gives numbers to the batches that have none.
func (w *worker) assignSequences(ctx context.Context) error {
	for _, b := range w.batches {
		if b.sequence >= 0 {
			continue
		}
		p := b.partition
		if p.producer == (producerID{}) {
			id, err := w.pr.producerID(ctx, p.discarded)
			if err != nil {
				return err
			}
			p.producer, p.nextSeq = id, 0
		}
		b.producerID, b.producerAge, b.sequence = p.producer.id-1, p.producer.epoch, p.nextSeq
		p.nextSeq = int32((int64(p.nextSeq) + int64(b.count)) & math.MaxInt32)
	}
	return nil
}

// discardProducer makes the partition go on under another producer id. For the sender that has
// its batch in flight or, while nothing is, under the partition's lock.
func (p *partition) discardProducer() {
	if p.producer != (producerID{}) {
		p.discarded, p.producer = p.producer, producerID{}
	}
}

// producerID gives the id that new partitions use, or a fresh one if that is the discarded.
func (pr *Producer) producerID(ctx context.Context, discarded producerID) (producerID, error) {
	pr.idMu.Lock()
	id := pr.id
	pr.idMu.Unlock()
	if id != (producerID{}) && id != discarded {
		return id, nil
	}
	ctx, cancel := context.WithTimeout(ctx, min(pr.cfg.MessageTimeout, pr.cfg.Client.DialTimeout)) // batches are in flight meanwhile
	defer cancel()
	msg, err := pr.cluster.request(ctx, &initproducerid.Request{TransactionTimeoutMs: math.MaxInt32, ProducerID: -1, ProducerEpoch: -1})
	if err != nil {
		return producerID{}, fmt.Errorf("ask for a producer id: %w", err)
	}
	res := msg.(*initproducerid.Response)
	if err := brokerError(res.ErrorCode, "ask for a producer id"); err != nil {
		return producerID{}, err
	}
	id = producerID{id: res.ProducerID + 1, epoch: res.ProducerEpoch}
	pr.idMu.Lock()
	pr.id = id
	pr.idMu.Unlock()
	return id, nil
}
