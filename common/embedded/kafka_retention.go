package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// retentionInterval is how often a running broker looks for segments to drop. A partition can outgrow its limit by what
// is written meanwhile.
const retentionInterval = time.Minute

// retention drops the oldest segments of partitions that are too large or too old, by Kafka's rules: whole segments,
// from the oldest on, never the last one. The last one stays even when it is old because kfake takes the next offset
// from it: with no segment left, a restarted broker would count from 0 again, under the offsets its consumers committed.
type retention struct {
	dir      string // holds a directory <topic>-<partition> each, in it <first offset>.dat and .idx
	maxBytes int64
	maxAge   time.Duration
	log      *slog.Logger
	cluster  *kfake.Cluster // set once the broker runs
}

type segment struct {
	first    int64 // offset of its first record
	size     int64
	modified time.Time // last written
}

// expired tells how many of the segments, sorted by offset, are to go.
func (r *retention) expired(segs []segment, now time.Time) int {
	var total int64
	for _, s := range segs {
		total += s.size
	}
	n := 0
	for ; n < len(segs)-1; n++ {
		tooMuch := total-segs[n].size >= r.maxBytes // what would be left still fills the limit
		tooOld := now.Sub(segs[n].modified) > r.maxAge
		if !tooMuch && !tooOld {
			break
		}
		total -= segs[n].size
	}
	return n
}

// prepare readies stored partitions for a broker that is about to load them: it removes expired segments and recovers
// from a kill. It tells how many bytes there are to load.
func (r *retention) prepare(now time.Time) (stored int64, err error) {
	err = r.each(func(dir, _ string, _ int32, segs []segment) error {
		n := r.expired(segs, now)
		for _, s := range segs[:n] {
			if err := removeSegment(dir, s); err != nil {
				return err
			}
		}
		for _, s := range segs[n:] {
			stored += s.size
		}
		return recoverPartition(dir, segs[n:])
	})
	return stored, err
}

// run trims the running broker until ctx ends.
func (r *retention) run(ctx context.Context) {
	tick := time.NewTicker(retentionInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if err := r.trimRunning(now); err != nil {
				r.log.WarnContext(ctx, "retention failed, next try in a minute", "err", err)
			}
		}
	}
}

// trimRunning lets the broker itself delete up to the first segment that stays.
func (r *retention) trimRunning(now time.Time) error {
	return r.each(func(_, topic string, partition int32, segs []segment) error {
		n := r.expired(segs, now)
		if n == 0 {
			return nil
		}
		info := r.cluster.PartitionInfo(topic, partition)
		if info == nil || info.LogStartOffset >= segs[n].first {
			return nil // deleted meanwhile, or a client's DeleteRecords was there first
		}
		if err := r.cluster.DeleteRecords(topic, partition, segs[n].first); err != nil {
			return fmt.Errorf("delete records of %s-%d before %d: %w", topic, partition, segs[n].first, err)
		}
		return nil
	})
}

// each calls fn for every stored partition, its segments sorted by offset; errors are joined.
func (r *retention) each(fn func(dir, topic string, partition int32, segs []segment) error) error {
	partitions, err := os.ReadDir(r.dir)
	if ignoreMissing(err) != nil {
		return err
	}
	var errs []error
	for _, p := range partitions {
		topic, partition, ok := parsePartitionDir(p.Name())
		if !ok {
			continue
		}
		dir := filepath.Join(r.dir, p.Name())
		segs, err := segments(dir)
		if err == nil && len(segs) > 0 {
			err = fn(dir, topic, partition, segs)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func parsePartitionDir(name string) (topic string, partition int32, ok bool) {
	dash := strings.LastIndexByte(name, '-')
	if dash < 0 {
		return "", 0, false
	}
	n, err := strconv.ParseInt(name[dash+1:], 10, 32)
	topic, uerr := url.PathUnescape(name[:dash])
	return topic, int32(n), err == nil && uerr == nil
}

func segments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, ignoreMissing(err) // the topic was deleted meanwhile
	}
	var segs []segment
	for _, e := range entries {
		name, isData := strings.CutSuffix(e.Name(), ".dat")
		first, err := strconv.ParseInt(name, 10, 64)
		if !isData || err != nil {
			continue
		}
		if info, err := e.Info(); err == nil {
			segs = append(segs, segment{first: first, size: info.Size(), modified: info.ModTime()})
		}
	}
	slices.SortFunc(segs, func(a, b segment) int { return cmp.Compare(a.first, b.first) })
	return segs, nil
}
