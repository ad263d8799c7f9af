package kafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	metadataapi "github.com/segmentio/kafka-go/protocol/metadata"
)

// Codes of the protocol that callers branch on.
const (
	codeOffsetOutOfRange    = 1
	codeCorruptMessage      = 2
	codeUnknownTopic        = 3
	codeLeaderNotAvailable  = 5
	codeNotLeader           = 6
	codeRequestTimedOut     = 7
	codeReplicaNotAvailable = 9
	codeMessageTooLarge     = 10
	codeNetworkException    = 13
	codeRecordListTooLarge  = 18
	codeNotEnoughReplicas   = 19
	codeNotEnoughAfter      = 20
	codeTopicExists         = 36
	codeOutOfOrderSequence  = 45
	codeDuplicateSequence   = 46
	codeInvalidEpoch        = 47
	codeStorageError        = 56
	codeUnknownProducerID   = 59
	codeFencedLeaderEpoch   = 74
	codeUnknownLeaderEpoch  = 75
	codeThrottlingQuota     = 89
	codeUnknownTopicID      = 100
)

// layout is what a metadata answer says about the cluster; never changed after it was made.
type layout struct {
	brokers    map[int32]string // id to host:port
	controller int32
	topics     map[string]topicLayout
}

type topicLayout struct {
	code       int16   // 0, or why the topic cannot be used now
	internal   bool    // made by Kafka for itself
	leaders    []int32 // by partition; -1 = none at present
	replicas   int     // of the first partition
	partitions int
}

// cluster talks to any broker of a cluster: the one that answered last, else the known ones, else the bootstrap servers.
type cluster struct {
	*dialer

	turn  chan struct{} // holds one token: whoever took it may use the fields below
	ctrl  *conn         // nil before the first contact and after an error
	known []string      // addresses in the last answer
}

func newCluster(cfg ClientConfig) (*cluster, error) {
	d, err := newDialer(cfg)
	if err != nil {
		return nil, err
	}
	return &cluster{dialer: d, turn: make(chan struct{}, 1)}, nil
}

// close ends the control connection; the cluster may be used again and then opens a new one.
func (c *cluster) close() {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	if c.ctrl != nil {
		c.ctrl.close()
		c.ctrl = nil
	}
}

// request sends req to any broker. It goes on to the next address after a failure, and gives up when all have failed.
func (c *cluster) request(ctx context.Context, req protocol.Message) (protocol.Message, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if c.ctrl != nil && c.ctrl.stale(time.Now()) {
		c.ctrl.close()
		c.ctrl = nil
	}
	var errs []error
	addrs := c.candidates()
	for i, addr := range addrs {
		if c.ctrl == nil {
			if err := c.connect(ctx, addr, len(addrs)-i); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		res, err := c.ctrl.roundTrip(ctx, req)
		if err == nil {
			return res, nil
		}
		errs = append(errs, err)
		c.ctrl.close()
		c.ctrl = nil
		if over(ctx) {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// over tells whether ctx has ended or is about to: a connection notices its deadline a moment before the timer of ctx does.
func over(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

// minConnectTime is what a distant broker with TLS and SASL gets at least.
const minConnectTime = time.Second

// connect opens the control connection to addr, the first of so many that are left to be tried. It may take its share of the time: an
// address that swallows packets, as that of a machine that is gone does, must not use up what the others need.
func (c *cluster) connect(ctx context.Context, addr string, left int) (err error) {
	if deadline, ok := ctx.Deadline(); ok {
		share := max(time.Until(deadline)/time.Duration(left), minConnectTime)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, share, fmt.Errorf("no connection within %s", share.Round(time.Millisecond)))
		defer cancel()
	}
	c.ctrl, err = c.dial(ctx, addr)
	return err
}

// candidates lists every address worth a try: the open connection's first, then known brokers and bootstrap servers, each
// group shuffled so that many clients do not all lean on one broker.
func (c *cluster) candidates() []string {
	known, seeds := slices.Clone(c.known), slices.Clone(c.cfg.Brokers)
	rand.Shuffle(len(known), func(i, j int) { known[i], known[j] = known[j], known[i] })
	rand.Shuffle(len(seeds), func(i, j int) { seeds[i], seeds[j] = seeds[j], seeds[i] })
	var out []string
	if c.ctrl != nil {
		out = append(out, c.ctrl.addr)
	}
	for _, a := range append(known, seeds...) {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	if c.ctrl != nil {
		out = append(out, c.ctrl.addr) // the open connection may merely be old: one fresh try
	}
	return out
}

// layout asks for the named topics, or for all of them if topics is nil; create lets the broker make missing ones, as far as
// its auto.create.topics.enable does.
func (c *cluster) layout(ctx context.Context, topics []string, create bool) (*layout, error) {
	msg, err := c.request(ctx, &metadataapi.Request{TopicNames: topics, AllowAutoTopicCreation: create})
	if err != nil {
		return nil, fmt.Errorf("fetch cluster metadata: %w", err)
	}
	l := newLayout(msg.(*metadataapi.Response))
	c.turn <- struct{}{}
	c.known = c.known[:0]
	for _, addr := range l.brokers {
		c.known = append(c.known, addr)
	}
	<-c.turn
	return l, nil
}

func newLayout(res *metadataapi.Response) *layout {
	l := &layout{brokers: make(map[int32]string, len(res.Brokers)), controller: res.ControllerID, topics: make(map[string]topicLayout, len(res.Topics))}
	for _, b := range res.Brokers {
		l.brokers[b.NodeID] = net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
	}
	for _, t := range res.Topics {
		tl := topicLayout{code: t.ErrorCode, internal: t.IsInternal, partitions: len(t.Partitions)}
		for _, p := range t.Partitions {
			for int(p.PartitionIndex) >= len(tl.leaders) {
				tl.leaders = append(tl.leaders, -1)
			}
			if _, up := l.brokers[p.LeaderID]; up {
				tl.leaders[p.PartitionIndex] = p.LeaderID
			}
			tl.replicas = max(tl.replicas, len(p.ReplicaNodes))
		}
		l.topics[t.Name] = tl
	}
	return l
}
