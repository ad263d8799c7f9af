package kafka

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	listoffsetsapi "github.com/segmentio/kafka-go/protocol/listoffsets"
)

// Position is where reading begins: an offset from 0 on, Earliest, Latest, or a time by At.
type Position int64

// The ends of a partition.
const (
	Latest   Position = -1 // after the last record that is there now
	Earliest Position = -2 // the oldest record
)

// timeBase moves times below the other positions: milliseconds since 1970 are not negative.
const timeBase = -1000

// At is the first record at t or later, or Latest if there is none. Times before 1970 count as 1970.
func At(t time.Time) Position { return Position(timeBase - max(t.UnixMilli(), 0)) }

// timestamp is what a ListOffsets request wants instead of a position that is no offset.
func (p Position) timestamp() int64 {
	if p <= timeBase {
		return int64(timeBase - p)
	}
	return int64(p)
}

// resolve turns positions into offsets.
func (r *reader) resolve(ctx context.Context, c *conn, cursors []*cursor) error {
	for {
		var unknown []*cursor
		for _, cur := range cursors {
			if cur.offset < 0 {
				unknown = append(unknown, cur)
			}
		}
		if len(unknown) == 0 {
			return nil
		}
		slices.SortFunc(unknown, compareCursors)
		offsets, err := c.listOffsets(ctx, unknown, func(cur *cursor) int64 { return Position(cur.offset).timestamp() })
		if err != nil {
			return err
		}
		for i, cur := range unknown {
			cur.offset = max(offsets[i], int64(Latest)) // no record is that late: Latest, which the next turn looks up
		}
	}
}

// compareCursors brings the partitions of a topic together, as the protocol wants them.
func compareCursors(a, b *cursor) int {
	return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
}

// listOffsets asks the leader of all the cursors for one offset of each; -1 = no record has that time.
func (c *conn) listOffsets(ctx context.Context, cursors []*cursor, timestamp func(*cursor) int64) ([]int64, error) {
	req := &listoffsetsapi.Request{ReplicaID: -1, IsolationLevel: 1}
	for _, cur := range cursors {
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != cur.topic {
			req.Topics = append(req.Topics, listoffsetsapi.RequestTopic{Topic: cur.topic})
		}
		t := &req.Topics[len(req.Topics)-1]
		t.Partitions = append(t.Partitions, listoffsetsapi.RequestPartition{Partition: cur.partition, CurrentLeaderEpoch: -1, Timestamp: timestamp(cur)})
	}
	msg, err := c.roundTrip(ctx, req)
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(cursors))
	found := 0
	for _, t := range msg.(*listoffsetsapi.Response).Topics {
		for _, p := range t.Partitions {
			if err := brokerError(p.ErrorCode, "list offsets of %s/%d", t.Topic, p.Partition); err != nil {
				return nil, err
			}
			if i := slices.IndexFunc(cursors, func(c *cursor) bool { return c.topic == t.Topic && c.partition == p.Partition }); i >= 0 {
				out[i] = p.Offset
				found++
			}
		}
	}
	if found < len(cursors) {
		return nil, fmt.Errorf("list offsets: answer of %s lacks %d partitions", c.addr, len(cursors)-found)
	}
	return out, nil
}
