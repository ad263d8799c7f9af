package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	produceapi "github.com/segmentio/kafka-go/protocol/produce"
	"github.com/segmentio/kafka-go/protocol/rawproduce"
)

// worker is one connection to a broker and the request on it.
type worker struct {
	*sender
	conn       *conn
	compressor compressor
	batches    []*batch     // in flight, sorted by topic and partition; nil once settled
	targets    []*partition // of the batches

	request rawproduce.Request // reused, as is what follows
	readers []bytes.Reader
	parts   []rawproduce.RequestPartition
}

// connect makes sure of a connection. It tries for ever, with pauses, and asks for new metadata meanwhile: the leaders may have
// moved away from a broker that is down. False = ctx ended.
func (w *worker) connect(ctx context.Context) bool {
	if w.conn != nil && w.conn.stale(time.Now()) {
		w.disconnect()
	}
	for failures := 1; w.conn == nil; failures++ {
		c, err := w.pr.cluster.dial(ctx, *w.addr.Load())
		if err == nil {
			w.conn = c
			w.setDown(ctx, nil)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		w.metric.txErrors.Inc()
		w.setDown(ctx, err)
		w.pr.needMetadata()
		select {
		case <-time.After(backoff(w.pr.cfg.RetryBackoff, w.pr.cfg.RetryBackoffMax, failures)):
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func (w *worker) disconnect() {
	if w.conn != nil {
		w.conn.close()
		w.conn = nil
	}
}

// setDown notes a change of the broker's state; nil = it is up.
func (s *sender) setDown(ctx context.Context, err error) {
	var why *string
	if err != nil {
		text := err.Error()
		why = &text
	}
	was := s.down.Swap(why)
	switch {
	case err != nil && was == nil:
		s.metric.connected.Set(0)
		s.pr.log.WarnContext(ctx, "kafka broker is down, reconnecting", "broker", *s.addr.Load(), "broker_id", s.id, "err", err)
	case err == nil:
		s.metric.connected.Set(1)
		if was != nil {
			s.pr.log.InfoContext(ctx, "kafka broker is up again", "broker", *s.addr.Load(), "broker_id", s.id)
		}
	}
}

// send puts all batches into one request, waits for the answer and settles each batch.
func (w *worker) send(ctx context.Context) {
	defer func() { clear(w.batches) }()
	if !w.seal(ctx) {
		return
	}
	start := time.Now()
	deadline := start.Add(w.pr.cfg.MessageTimeout)
	for _, b := range w.batches {
		if d := b.opened.Add(w.pr.cfg.MessageTimeout); d.Before(deadline) {
			deadline = d
		}
		b.sent++
	}
	// A batch that is nearly out of time must not cut the answer off for the others.
	deadline = later(deadline, start.Add(min(w.pr.cfg.MessageTimeout, time.Second)))
	w.fill(deadline.Sub(start))

	reqCtx, cancel := context.WithDeadlineCause(ctx, deadline, ErrTimeout)
	w.metric.awaiting.Inc()
	msg, err := w.conn.roundTrip(reqCtx, &w.request)
	w.metric.awaiting.Dec()
	cancel()
	now := time.Now()
	w.metric.rtt.Observe(float64(now.Sub(start).Microseconds()))
	switch res, _ := msg.(*produceapi.Response); {
	case err != nil:
		w.lost(ctx, now, err)
	case res == nil: // acks 0: there is no answer
		w.pr.answered(now)
		for _, b := range w.batches {
			w.delivered(b)
		}
	default:
		w.pr.answered(now)
		w.settle(ctx, now, res)
	}
}

// seal sorts the batches and finishes their encoding; false = nothing can be sent now.
func (w *worker) seal(ctx context.Context) bool {
	sortBatches(w.batches)
	if w.pr.cfg.Idempotence {
		if err := w.assignSequences(ctx); err != nil {
			w.tellTrouble(ctx, err)
			for _, b := range w.batches {
				w.retry(b, time.Now(), true, err)
			}
			return false
		}
	}
	w.batches = slices.DeleteFunc(w.batches, func(b *batch) bool {
		err := b.seal(&w.compressor)
		if err != nil {
			w.failed(b, err)
		}
		return err != nil
	})
	w.targets = w.targets[:0]
	for _, b := range w.batches {
		w.targets = append(w.targets, b.partition)
	}
	return len(w.batches) > 0
}

// fill builds the request out of the sealed batches, whose buffers it only points to.
func (w *worker) fill(timeout time.Duration) {
	n := len(w.batches)
	w.readers = slices.Grow(w.readers[:0], n)[:n] // of full length before pointers into it are taken
	w.parts = slices.Grow(w.parts[:0], n)
	topics := w.request.Topics[:0]
	for i, b := range w.batches {
		w.readers[i].Reset(b.payload())
		w.parts = append(w.parts, rawproduce.RequestPartition{Partition: b.partition.id, RecordSet: protocol.RawRecordSet{Reader: &w.readers[i]}})
		name := b.partition.topic.name
		if i == 0 || topics[len(topics)-1].Topic != name {
			topics = append(topics, rawproduce.RequestTopic{Topic: name, Partitions: w.parts[i:i:cap(w.parts)]})
		}
		t := &topics[len(topics)-1]
		t.Partitions = t.Partitions[:len(t.Partitions)+1]
	}
	w.request = rawproduce.Request{Acks: w.pr.cfg.acks(), Timeout: int32(max(timeout.Milliseconds(), 1)), Topics: topics}
}

// lost settles all batches after the connection broke or never answered: nobody knows whether they were stored.
func (w *worker) lost(ctx context.Context, now time.Time, err error) {
	w.disconnect()
	if ctx.Err() == nil { // else it is us who end the connection
		w.metric.rxErrors.Inc()
		if isTimeout(err) {
			w.metric.timeouts.Inc()
		}
		w.setDown(ctx, err)
		w.pr.needMetadata()
	}
	for _, b := range w.batches {
		w.retry(b, now, true, fmt.Errorf("%w: %v", ErrConnection, err))
	}
}

// settle acts on the answer of each partition.
func (w *worker) settle(ctx context.Context, now time.Time, res *produceapi.Response) {
	var trouble error
	for i := range res.Topics {
		t := &res.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			k, found := slices.BinarySearchFunc(w.targets, p.Partition, func(q *partition, id int32) int { return q.compare(t.Topic, id) })
			if !found || w.batches[k] == nil {
				continue // not asked for, or answered twice
			}
			err := w.result(w.batches[k], now, p.ErrorCode, p.ErrorMessage)
			w.batches[k] = nil // it may be filling again already
			if err != nil {
				trouble = err
			}
		}
	}
	for k, b := range w.batches {
		if b != nil {
			trouble = fmt.Errorf("%w: no answer for %s/%d", ErrConnection, w.targets[k].topic.name, w.targets[k].id)
			w.retry(b, now, true, trouble)
		}
	}
	w.tellTrouble(ctx, trouble)
}

// tellTrouble logs when a broker starts and when it ceases to refuse what a retry may mend.
func (w *worker) tellTrouble(ctx context.Context, err error) {
	if was := w.troubled.Swap(err != nil); err != nil && !was {
		w.pr.log.WarnContext(ctx, "kafka broker refused records, retrying", "broker", *w.addr.Load(), "err", err)
	} else if err == nil && was {
		w.pr.log.InfoContext(ctx, "kafka broker takes records again", "broker", *w.addr.Load())
	}
}

// result settles one batch. An error is worth telling once, since there will be a retry.
func (w *worker) result(b *batch, now time.Time, code int16, message string) error {
	err := brokerError(code, "produce to %s/%d", b.partition.topic.name, b.partition.id)
	if err != nil && message != "" {
		err = fmt.Errorf("%w (%s)", err, message)
	}
	switch code {
	case 0, codeDuplicateSequence:
		w.delivered(b)
		return nil
	case codeMessageTooLarge, codeRecordListTooLarge:
		w.tooLarge(b, now)
		return nil
	case codeNotLeader, codeUnknownTopic, codeLeaderNotAvailable, codeReplicaNotAvailable, codeFencedLeaderEpoch,
		codeUnknownLeaderEpoch, codeUnknownTopicID:
		w.pr.needMetadata()
		b.sent-- // not stored, for certain: no attempt in the sense of Retries
		w.retry(b, now, true, err)
	case codeCorruptMessage, codeRequestTimedOut, codeNetworkException, codeNotEnoughReplicas, codeNotEnoughAfter, codeStorageError, codeThrottlingQuota:
		w.retry(b, now, true, err)
	case codeOutOfOrderSequence, codeInvalidEpoch, codeUnknownProducerID:
		if !w.pr.cfg.Idempotence {
			w.failed(b, err)
			break
		}
		b.partition.discardProducer()
		b.sequence, b.producerID = -1, -1
		w.retry(b, now, true, err)
	default:
		w.failed(b, err)
		return nil
	}
	return err
}

// delivered reports success.
func (w *worker) delivered(b *batch) {
	t := b.partition.topic
	t.batches.Add(1)
	t.batchBytes.Add(int64(len(b.payload())))
	t.batchEvents.Add(int64(b.count))
	t.metrics.bytes.Add(float64(b.size))
	b.partition.finished(w.pr, true)
	w.pr.settle(b, nil)
}

// failed reports an error that no retry can mend.
func (w *worker) failed(b *batch, err error) {
	if b.sequence >= 0 {
		b.partition.discardProducer() // whether its numbers were used is not known in every case
	}
	b.partition.finished(w.pr, false)
	w.pr.settle(b, err)
}

// retry sends b again, unless it is out of time or attempts.
func (w *worker) retry(b *batch, now time.Time, pause bool, err error) {
	switch {
	case now.Sub(b.opened) >= w.pr.cfg.MessageTimeout:
		w.failed(b, fmt.Errorf("%w: %v", ErrTimeout, err))
	case w.pr.cfg.Retries != nil && b.sent > *w.pr.cfg.Retries:
		w.failed(b, err)
	default:
		b.partition.again(w.pr, now, pause, b)
	}
}

// tooLarge fails a lone record and halves a batch of several, so that one large record does not take its neighbours with it.
func (w *worker) tooLarge(b *batch, now time.Time) {
	if b.count == 1 {
		w.failed(b, ErrTooLargeBroker)
		return
	}
	if b.sequence >= 0 { // not stored: the numbers are free again
		b.partition.nextSeq = b.sequence
		b.sequence, b.producerID = -1, -1
	}
	other := w.pr.newBatch(b.opened)
	if err := b.split(other); err != nil {
		w.failed(b, err)
		return
	}
	b.sent, other.sent = 0, 0
	b.partition.again(w.pr, now, false, b, other)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
