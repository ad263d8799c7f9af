package kafka_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/hog-go/hog/common/kafka"
)

var kerrNotEnoughReplicas = kerr.NotEnoughReplicas

// unhappy fails the produce requests whose number, from 1, the function picks.
func unhappy(err *kerr.Error, pick func(n int) bool) kfake.Fault {
	n := 0
	return kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: err, Count: -1, When: func(kmsg.Request) bool { n++; return pick(n) }}
}

func number(n int) *int { return &n }

// TestDeliveryFailures is the failure table of doc.go.
func TestDeliveryFailures(t *testing.T) {
	const never = -1 // a fault that does not end
	tests := map[string]struct {
		fault   *kerr.Error
		count   int
		cfg     kafka.ProducerConfig
		err     error // nil = delivered
		code    int16 // of a *BrokerError
		stored  int   // records in the topic at the end
		atLeast bool  // stored may be more, by duplicates
	}{
		"leader moved, once":                    {fault: kerr.NotLeaderForPartition, count: 1, stored: 10},
		"leader moves do not count as attempts": {fault: kerr.NotLeaderForPartition, count: 3, cfg: kafka.ProducerConfig{Retries: number(0)}, stored: 10},
		"leader not available for ever":         {fault: kerr.LeaderNotAvailable, count: never, err: kafka.ErrTimeout},
		"too few replicas, twice":               {fault: kerr.NotEnoughReplicas, count: 2, stored: 10},
		"too few replicas, retries exhausted":   {fault: kerr.NotEnoughReplicas, count: never, cfg: kafka.ProducerConfig{Retries: number(2)}, code: kerr.NotEnoughReplicas.Code},
		"too few replicas for ever":             {fault: kerr.NotEnoughReplicas, count: never, err: kafka.ErrTimeout},
		"no retries wanted":                     {fault: kerr.NotEnoughReplicas, count: 1, cfg: kafka.ProducerConfig{Retries: number(0)}, code: kerr.NotEnoughReplicas.Code},
		"stored, yet answered as timed out":     {fault: kerr.RequestTimedOut, count: 1, stored: 20},
		"the same with idempotence":             {fault: kerr.RequestTimedOut, count: 1, cfg: kafka.ProducerConfig{Idempotence: true}, stored: 10},
		"broker lost the producer id":           {fault: kerr.UnknownProducerID, count: 1, cfg: kafka.ProducerConfig{Idempotence: true}, stored: 10},
		"sequence out of order":                 {fault: kerr.OutOfOrderSequenceNumber, count: 1, cfg: kafka.ProducerConfig{Idempotence: true}, stored: 10},
		"storage error, once":                   {fault: kerr.KafkaStorageError, count: 1, stored: 10},
		"throttled, once":                       {fault: kerr.ThrottlingQuotaExceeded, count: 1, stored: 10},
		"corrupted on the way":                  {fault: kerr.CorruptMessage, count: 1, stored: 10},
		"record refused":                        {fault: kerr.InvalidRecord, count: 1, code: kerr.InvalidRecord.Code},
		"not allowed":                           {fault: kerr.TopicAuthorizationFailed, count: 1, code: kerr.TopicAuthorizationFailed.Code},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := fake(t, kfake.SeedTopics(1, "t", "other"))
			tt.cfg.Client.Brokers = c.ListenAddrs()
			tt.cfg.RetryBackoff, tt.cfg.MessageTimeout = 5*time.Millisecond, time.Second
			tt.cfg.Linger = 100 * time.Millisecond // all ten in one batch, however slow the machine
			p, stop := start(t, tt.cfg)
			require.NoError(t, p.Produce(soon(t), values("other", 1)))
			h := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "t", Err: tt.fault, Count: tt.count})

			errs := p.ProduceEach(soon(t), append(values("t", 10), values("other", 10)...))
			for i := range 20 {
				var err error
				if errs != nil {
					err = errs[i]
				}
				switch {
				case i >= 10:
					require.NoError(t, err, "the other topic does not suffer")
				case tt.err != nil:
					require.ErrorIs(t, err, tt.err)
				case tt.code != 0:
					be, is := errors.AsType[*kafka.BrokerError](err)
					require.True(t, is, "%v", err)
					require.Equal(t, tt.code, be.Code)
				default:
					require.NoError(t, err)
				}
			}
			require.Positive(t, h.Hits())
			h.Remove()
			require.NoError(t, p.Produce(soon(t), values("t", 1)), "it goes on afterwards")
			stop()
			read(t, client(c.ListenAddrs()...), "t", tt.stored+1)
		})
	}
}

// TestConnectionFailures: what happens when the broker breaks the connection, or does not answer.
func TestConnectionFailures(t *testing.T) {
	setup := func(t *testing.T, cfg kafka.ProducerConfig) (*kfake.Cluster, *kafka.Producer) {
		c := fake(t, kfake.SeedTopics(1, "t"))
		cfg.Client.Brokers = c.ListenAddrs()
		cfg.RetryBackoff = 5 * time.Millisecond
		p, _ := start(t, cfg)
		require.NoError(t, p.Produce(soon(t), values("t", 1)))
		return c, p
	}
	breakConn := func(c *kfake.Cluster, times int) {
		c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			if times--; times == 0 {
				c.DropControl()
			}
			return nil, errors.New("break the connection"), true
		})
	}
	t.Run("broken, then whole again", func(t *testing.T) {
		c, p := setup(t, kafka.ProducerConfig{})
		breakConn(c, 3)
		require.NoError(t, p.Produce(soon(t), values("t", 10)))
		read(t, client(c.ListenAddrs()...), "t", 11)
	})
	t.Run("broken more often than retries allow", func(t *testing.T) {
		c, p := setup(t, kafka.ProducerConfig{Retries: number(1)})
		breakConn(c, 2)
		require.ErrorIs(t, p.Produce(soon(t), values("t", 10)), kafka.ErrConnection)
		require.NoError(t, p.Produce(soon(t), values("t", 10)))
	})
	t.Run("no answer", func(t *testing.T) {
		c, p := setup(t, kafka.ProducerConfig{MessageTimeout: 200 * time.Millisecond})
		ctx, awake := context.WithCancel(t.Context())
		defer awake()
		c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
			c.SleepControl(func() { <-ctx.Done() })
			return nil, nil, true
		})
		require.ErrorIs(t, p.Produce(soon(t), values("t", 10)), kafka.ErrTimeout, "the message's, long before that of the socket")
		awake()
		require.NoError(t, p.Produce(soon(t), values("t", 10)), "the next connection works")
	})
	t.Run("gone for longer than the timeout", func(t *testing.T) {
		p, _ := start(t, kafka.ProducerConfig{Client: client("127.0.0.1:1"), MessageTimeout: 200 * time.Millisecond})
		require.ErrorIs(t, p.Produce(soon(t), values("t", 10)), kafka.ErrTimeout)
	})
}
