package kafka

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// cursor is the reader's place in one partition. Its fields belong to the reader; out carries what was read to whoever handles it.
type cursor struct {
	topic     string
	partition int32
	offset    int64        // of the next record; below 0 it is a Position to be looked up
	reset     Position     // where to go on when the broker does not have offset any more
	out       chan fetched // closed by nobody; capacity is the read-ahead in answers

	fetcher atomic.Pointer[leader] // who fetches for it in this round; nil before the first
}

// took tells whoever fetches for the cursor that out has room again. Nobody else is told, who could do nothing with it.
func (c *cursor) took() {
	if l := c.fetcher.Load(); l != nil {
		select {
		case l.room <- struct{}{}:
		default:
		}
	}
}

// leader is a broker and the cursors whose partitions it leads in one round, which belong to one goroutine.
type leader struct {
	addr    string
	cursors []*cursor
	room    chan struct{} // capacity 1: the out of one of them has room again

	answered func() // called when a fetch went well
}

// fetched is what one answer held of one partition.
type fetched struct {
	messages      []Message
	highWatermark int64
}

// readAhead is how many answers wait per partition while its handler is busy.
const readAhead = 2

// readerConfig is the part of ConsumerConfig that fetching needs, all set.
type readerConfig struct {
	maxWait      time.Duration
	minBytes     int
	maxBytes     int
	partitionMax int
}

// reader fetches for a set of cursors, from whichever brokers lead their partitions.
type reader struct {
	cluster *cluster
	cfg     readerConfig
	cursors []*cursor
	state   func(ctx context.Context, err error) // told of every failed round and, with nil, when all leaders of one have answered
	log     *slog.Logger

	conns map[string]*conn // by address, for the rounds to come; each is used by one goroutine of a round
}

// busyWait is the longest wait for data while some partition is left out of the request, because its handler is behind: its turn
// must not have to wait for the quiet ones.
const busyWait = 25 * time.Millisecond

// run fetches until ctx ends. A round lasts while the partitions stay where they are; failures end it, and the next one begins with
// fresh metadata.
func (r *reader) run(ctx context.Context) {
	r.conns = map[string]*conn{}
	defer func() {
		for _, c := range r.conns {
			c.close()
		}
	}()
	for failures := 0; ctx.Err() == nil; {
		started := time.Now()
		err := r.round(ctx)
		if ctx.Err() != nil {
			return
		}
		r.state(ctx, err)
		if time.Since(started) > time.Minute {
			failures = 0
		}
		failures++
		if !pause(ctx, backoff(100*time.Millisecond, time.Second, failures)) {
			return
		}
	}
}

// round gives each leader its cursors and a goroutine, and returns when the first of these cannot go on.
func (r *reader) round(ctx context.Context) error {
	topics := make([]string, 0, 1)
	for _, c := range r.cursors {
		if !slices.Contains(topics, c.topic) {
			topics = append(topics, c.topic)
		}
	}
	reqCtx, cancel := context.WithTimeout(ctx, r.cluster.cfg.DialTimeout)
	l, err := r.cluster.layout(reqCtx, topics, false)
	cancel()
	if err != nil {
		return err
	}
	byAddr := map[string]*leader{}
	for _, c := range r.cursors {
		leaders := l.topics[c.topic].leaders
		if int(c.partition) >= len(leaders) || leaders[c.partition] < 0 {
			err = fmt.Errorf("%s/%d has no leader", c.topic, c.partition)
			continue
		}
		addr := l.brokers[leaders[c.partition]]
		if byAddr[addr] == nil {
			byAddr[addr] = &leader{addr: addr, room: make(chan struct{}, 1)}
		}
		byAddr[addr].cursors = append(byAddr[addr].cursors, c)
		c.fetcher.Store(byAddr[addr])
	}
	return cmp.Or(r.serve(ctx, byAddr, err != nil), err)
}

// serve runs one goroutine per leader. The others finish the fetch that they are at, which keeps their connections whole. A round
// that lacks a partition is a short one.
func (r *reader) serve(ctx context.Context, byAddr map[string]*leader, short bool) error {
	over := make(chan struct{})
	var once sync.Once
	var first error
	end := func(err error) {
		once.Do(func() { first = err; close(over) })
	}
	if short {
		defer time.AfterFunc(time.Second, func() { end(nil) }).Stop()
	}
	var wg sync.WaitGroup
	var mu sync.Mutex // guards conns
	var silent atomic.Int32
	silent.Store(int32(len(byAddr)))
	for addr, l := range byAddr {
		l.answered = sync.OnceFunc(func() {
			if silent.Add(-1) == 0 && !short {
				r.state(ctx, nil)
			}
		})
		wg.Go(func() {
			mu.Lock()
			c := r.conns[addr]
			delete(r.conns, addr)
			mu.Unlock()
			c, err := r.follow(ctx, over, c, l)
			if c != nil {
				mu.Lock()
				r.conns[addr] = c
				mu.Unlock()
			}
			end(err)
		})
	}
	if len(byAddr) == 0 {
		end(nil)
	}
	wg.Wait()
	return first
}

// follow fetches from one broker until the round is over. It gives back the connection if that is still good.
func (r *reader) follow(ctx context.Context, over <-chan struct{}, c *conn, l *leader) (*conn, error) {
	if c == nil {
		var err error
		if c, err = r.cluster.dial(ctx, l.addr); err != nil {
			return nil, err
		}
	}
	cursors := l.cursors
	slices.SortFunc(cursors, compareCursors)
	req := fetchRequest{clientID: r.cluster.cfg.ClientID, minBytes: int32(r.cfg.minBytes), maxBytes: int32(r.cfg.maxBytes), partitionMax: int32(r.cfg.partitionMax)}
	var dec decoder
	for {
		select {
		case <-over:
			return c, nil
		default:
		}
		if err := r.resolve(ctx, c, cursors); err != nil {
			c.close()
			return nil, err
		}
		req.cursors = withRoom(req.cursors[:0], cursors)
		wait := r.cfg.maxWait
		switch len(req.cursors) {
		case 0:
			select {
			case <-l.room:
				continue
			case <-over:
				return c, nil
			case <-ctx.Done():
				return c, nil
			}
		case len(cursors):
		default:
			wait = min(wait, busyWait)
		}
		req.maxWaitMs = int32(wait.Milliseconds())
		body, err := c.fetch(ctx, &req)
		if err != nil {
			c.close()
			return nil, err
		}
		if err := r.hand(ctx, &dec, body, req.cursors); err != nil {
			return c, err
		}
		l.answered()
		rotate(cursors)
	}
}

// withRoom picks the cursors whose handlers are not behind, and brings those of a topic together. Topics stand in a ring that begins with
// that of the first cursor, so that rotate gives each topic its turn, too.
func withRoom(out, cursors []*cursor) []*cursor {
	for _, c := range cursors {
		if len(c.out) < cap(c.out) {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return out
	}
	first := out[0].topic
	slices.SortStableFunc(out, func(a, b *cursor) int {
		if aLate, bLate := a.topic < first, b.topic < first; aLate != bLate {
			if aLate {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.topic, b.topic)
	})
	return out
}

// rotate lets another partition come first, since a broker fills the answer in the order of the request.
func rotate(cursors []*cursor) {
	first := cursors[0]
	copy(cursors, cursors[1:])
	cursors[len(cursors)-1] = first
}

// hand decodes an answer and passes it on. Every cursor of the request has room, and only we fill it, so nothing blocks.
func (r *reader) hand(ctx context.Context, dec *decoder, body []byte, asked []*cursor) error {
	var first error
	err := eachFetched(body, func(p *fetchedPartition) {
		i := slices.IndexFunc(asked, func(c *cursor) bool { return c.partition == p.partition && c.topic == string(p.topic) })
		if i < 0 {
			return
		}
		c := asked[i]
		switch p.code {
		case 0:
		case codeOffsetOutOfRange:
			r.log.WarnContext(ctx, "offset is not there any more, starting anew", "topic", c.topic, "partition", c.partition, "offset", c.offset, "reset", c.reset)
			c.offset = int64(c.reset)
			return
		default:
			first = cmp.Or(first, brokerError(p.code, "fetch %s/%d", c.topic, c.partition))
			return
		}
		messages, next, err := dec.decode(nil, c.topic, p, c.offset)
		c.offset = next
		first = cmp.Or(first, err)
		if len(messages) > 0 {
			c.out <- fetched{messages: messages, highWatermark: p.highWatermark}
		}
	})
	return cmp.Or(first, err)
}
