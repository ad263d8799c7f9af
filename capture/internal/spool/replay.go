package spool

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hog-go/hog/common/blob"
	"github.com/hog-go/hog/common/kafka"
)

// Limits of a replay's memory: of what is sent at once, and of one line. Rejected lines of one object are held until its end.
const (
	chunkBytes   = 1 << 20
	chunkRecords = 1000
	maxLine      = 128 << 20 // above the largest payload that capture takes
)

// orphanAge is when records without lines can be no upload in progress.
const orphanAge = time.Hour

// Where a replay puts objects: all those it is done with, and the lines that it could not send. In a listing both come after
// every year.
const (
	replayedPrefix = "replayed/"
	rejectedPrefix = "rejected/"
)

// objectName is what follows the prefix: a day, a millisecond, whether these are records.
var objectName = regexp.MustCompile(`^\d+/\d\d/\d\d/events_(\d+)_[^/]*\.jsonl\.gz(\.records)?$`)

var errLineTooLong = errors.New("line is longer than " + strconv.Itoa(maxLine) + " bytes")

// Stats is what a replay did.
type Stats struct {
	Objects  int // replayed whole
	Events   int // acknowledged, duplicates of an interrupted run included
	Routed   int // lines that were given to the caller's function
	Rejected int // lines kept under rejected/
	Orphans  int // records without lines: of uploads that failed, whose events were never acknowledged
}

// Replay sends every spooled event below prefix, oldest first, and returns when all are acknowledged. An object that is done is
// moved to <prefix>replayed/, so that the next run does not send it again; a run that is interrupted leaves at most one object
// of which some events were sent already. Run one at a time; captures may go on spooling meanwhile.
//
// An event whose topic, key and headers were not kept gets its record from route, which may keep line. Where route fails, or
// Kafka finds the record too large, the line goes to <prefix>rejected/ under the name of its object and the replay goes on;
// such objects can be moved back and replayed. Any other error ends the replay.
func Replay(ctx context.Context, bucket *blob.Bucket, prefix string, to Sink, route func(line []byte) (kafka.Record, error), log *slog.Logger) (Stats, error) {
	r := &replay{bucket: bucket, prefix: prefix, to: to, route: route, log: log.With("component", "replay")}
	done := "" // the last object that was moved: its records may still be listed
	for o, err := range bucket.List(ctx, prefix) {
		if err != nil {
			return r.stats, fmt.Errorf("replay: %w", err)
		}
		name := strings.TrimPrefix(o.Key, prefix)
		if name > ":" { // after all that begins with a digit
			break
		}
		found := objectName.FindStringSubmatch(name)
		switch {
		case found == nil:
		case found[2] == "":
			err = r.object(ctx, o.Key)
			done = o.Key
		case strings.TrimSuffix(o.Key, recordsSuffix) != done:
			err = r.orphan(ctx, strings.TrimSuffix(o.Key, recordsSuffix), found[1])
		}
		if err != nil {
			return r.stats, fmt.Errorf("replay %s: %w", o.Key, err)
		}
	}
	return r.stats, nil
}

type replay struct {
	bucket *blob.Bucket
	prefix string
	to     Sink
	route  func([]byte) (kafka.Record, error)
	log    *slog.Logger
	stats  Stats
}

// object replays one object and moves it away.
func (r *replay) object(ctx context.Context, key string) error {
	lines, err := r.bucket.Reader(ctx, key)
	if err != nil {
		return err
	}
	defer lines.Close()
	p := &pass{replay: r, key: key}
	records, err := r.bucket.Reader(ctx, key+recordsSuffix)
	switch {
	case err == nil:
		defer records.Close()
		p.records = bufio.NewReader(records)
	case !errors.Is(err, blob.ErrNotFound):
		return err
	}
	before := r.stats
	if err := p.run(ctx, lines); err != nil {
		return err
	}
	if err := p.keepRejected(ctx); err != nil {
		return err
	}
	if err := r.move(ctx, key, p.records != nil); err != nil {
		return err
	}
	r.stats.Objects++
	r.log.InfoContext(ctx, "replayed", "object", key, "events", r.stats.Events-before.Events, "rejected", r.stats.Rejected-before.Rejected)
	return nil
}

// move first copies and then deletes, the lines before their records: whatever is left at an interruption, no line is without
// records, and orphan finishes it.
func (r *replay) move(ctx context.Context, key string, records bool) error {
	if records {
		if err := r.bucket.Copy(ctx, r.under(replayedPrefix, key+recordsSuffix), key+recordsSuffix); err != nil {
			return err
		}
	}
	if err := r.bucket.Copy(ctx, r.under(replayedPrefix, key), key); err != nil {
		return err
	}
	if err := r.bucket.Delete(ctx, key); err != nil || !records {
		return err
	}
	return r.bucket.Delete(ctx, key+recordsSuffix)
}

func (r *replay) under(folder, key string) string {
	return r.prefix + folder + strings.TrimPrefix(key, r.prefix)
}

// orphan deals with records that have no lines: a move that was interrupted, or an upload that failed or is going on.
func (r *replay) orphan(ctx context.Context, key, ms string) error {
	for _, where := range []string{key, r.under(replayedPrefix, key)} {
		switch found, err := r.bucket.Exists(ctx, where); {
		case err != nil:
			return err
		case found && where == key: // it has come since the listing: for the next run
			return nil
		case found:
			return r.bucket.Delete(ctx, key+recordsSuffix)
		}
	}
	r.stats.Orphans++
	if n, err := strconv.ParseInt(ms, 10, 64); err == nil && time.Since(time.UnixMilli(n)) > orphanAge {
		r.log.InfoContext(ctx, "records of an upload that failed are removed", "object", key+recordsSuffix)
		return r.bucket.Delete(ctx, key+recordsSuffix)
	}
	return nil
}

// pass is the way through one object.
type pass struct {
	*replay
	key     string
	records *bufio.Reader // nil: there are none

	chunk []item
	bytes int

	rejected, rejectedRecords []byte
	corrupt                   bool
}

// item is one line on its way.
type item struct {
	number  int // of the line, from 1
	line    []byte
	records []byte // its line there, if any
	record  kafka.Record
}

func (p *pass) run(ctx context.Context, object io.Reader) error {
	lines, err := unpack(object)
	more := true
	for number := 1; more && err == nil; number++ {
		more, err = p.line(ctx, lines, number)
	}
	if corrupt(err) {
		p.log.ErrorContext(ctx, "object is damaged: its readable part is sent, and it is kept whole as rejected", "object", p.key, "err", err)
		p.stats.Rejected++
		p.corrupt, err = true, nil
	}
	if err != nil {
		return err
	}
	return p.send(ctx)
}

// line takes one line on its way; more is false after the last.
func (p *pass) line(ctx context.Context, lines *bufio.Reader, number int) (more bool, err error) {
	it := item{number: number}
	it.line, err = readLine(lines)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil && !errors.Is(err, errLineTooLong) {
		return false, err
	}
	if err := p.readRecords(&it); err != nil {
		return false, err
	}
	if err == nil {
		it.record, err = p.recordOf(ctx, &it)
	}
	if err != nil {
		p.reject(ctx, &it, err)
		return true, nil
	}
	p.chunk = append(p.chunk, it)
	p.bytes += len(it.line)
	if p.bytes >= chunkBytes || len(p.chunk) >= chunkRecords {
		return true, p.send(ctx)
	}
	return true, nil
}

// readRecords reads the line of records that belongs to it.
func (p *pass) readRecords(it *item) (err error) {
	if p.records == nil {
		return nil
	}
	if it.records, err = readLine(p.records); errors.Is(err, io.EOF) || errors.Is(err, errLineTooLong) {
		return nil
	}
	return err
}

// recordOf is the record as it was, or the caller's.
func (p *pass) recordOf(ctx context.Context, it *item) (kafka.Record, error) {
	if p.records != nil {
		record, err := parseRecord(it.records, it.line)
		if err == nil {
			return record, nil
		}
		p.log.WarnContext(ctx, "topic, key and headers cannot be read: the event is routed anew", "object", p.key+recordsSuffix, "line", it.number, "err", err)
	}
	p.stats.Routed++
	return p.route(it.line)
}

// send produces the chunk and empties it.
func (p *pass) send(ctx context.Context) error {
	recs := make([]kafka.Record, len(p.chunk))
	for i := range p.chunk {
		recs[i] = p.chunk[i].record
	}
	var results []error
	if len(recs) > 0 {
		results = p.to.SendEach(ctx, recs)
	}
	for i := range p.chunk {
		switch {
		case results == nil || results[i] == nil:
			p.stats.Events++
		case kafka.IsTooLarge(results[i]):
			p.reject(ctx, &p.chunk[i], results[i])
		default:
			return fmt.Errorf("line %d: %w", p.chunk[i].number, results[i])
		}
	}
	p.chunk, p.bytes = p.chunk[:0], 0
	return nil
}

func (p *pass) reject(ctx context.Context, it *item, why error) {
	p.log.WarnContext(ctx, "line is rejected", "object", p.key, "line", it.number, "err", why)
	p.stats.Rejected++
	p.rejected = append(append(p.rejected, it.line...), '\n')
	p.rejectedRecords = append(append(p.rejectedRecords, it.records...), '\n')
}

// keepRejected stores what could not be sent, in the form of what was spooled.
func (p *pass) keepRejected(ctx context.Context) error {
	if len(p.rejected) == 0 && !p.corrupt {
		return nil
	}
	key := p.under(rejectedPrefix, p.key)
	keep := func(key, from string, rejected []byte) error {
		if p.corrupt {
			return p.bucket.Copy(ctx, key, from)
		}
		return p.bucket.Put(ctx, key, rejected, "application/jsonl")
	}
	if p.records != nil {
		if err := keep(key+recordsSuffix, p.key+recordsSuffix, p.rejectedRecords); err != nil {
			return err
		}
	}
	return keep(key, p.key, p.rejected)
}

// unpack looks whether the object is compressed, as its name says.
func unpack(object io.Reader) (*bufio.Reader, error) {
	lines := bufio.NewReaderSize(object, 64<<10)
	if head, _ := lines.Peek(2); !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return lines, nil
	}
	z, err := gzip.NewReader(lines)
	if err != nil {
		return nil, err
	}
	return bufio.NewReaderSize(z, 64<<10), nil
}

// corrupt tells errors of the compression from those of the connection.
func corrupt(err error) bool {
	_, damaged := errors.AsType[flate.CorruptInputError](err)
	return damaged || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader)
}

// readLine reads a line without its end, which the last line may lack. A line that is too long is read and dropped.
func readLine(r *bufio.Reader) (line []byte, err error) {
	n := 0
	for {
		part, err := r.ReadSlice('\n')
		n += len(part)
		if n <= maxLine {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (n == 0 || !errors.Is(err, io.EOF)):
			return nil, err
		case n > maxLine:
			return nil, errLineTooLong
		}
		return bytes.TrimSuffix(line, []byte("\n")), nil
	}
}
