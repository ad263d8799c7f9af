package embedded

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// After a kill the broker finds no snapshot of a partition that fits its segments. It would then hold all its segments in
// memory while it loads them: three full partitions took 770 MB, and a machine that is too small for that kills it again,
// for ever. So the snapshot is made here first, in one pass over the files, and a start takes 90 MB, killed or not. The
// format is kfake's, of the version in go.mod; a snapshot that does not fit is ignored by it.

// partitionSnapshot is the part of kfake's snapshot.json that it reads.
type partitionSnapshot struct {
	Version          int               `json:"version"`
	HighWatermark    int64             `json:"high_watermark"`
	LastStableOffset int64             `json:"last_stable_offset"`
	LogStartOffset   int64             `json:"log_start_offset"`
	Epoch            int32             `json:"epoch"`
	CreatedAt        time.Time         `json:"created_at"`
	AbortedTxns      []json.RawMessage `json:"aborted_txns,omitempty"`
	Segments         []segmentSnapshot `json:"segments"`
}

type segmentSnapshot struct {
	BaseOffset int64 `json:"base_offset"`
	Size       int64 `json:"size"`
	MinEpoch   int32 `json:"min_epoch,omitempty"`
	MaxEpoch   int32 `json:"max_epoch,omitempty"`
}

const snapshotVersion = 1

// recoverPartition cuts off what a kill left half written at the end of the last segment and writes the snapshot, unless
// there is one that fits. It leaves to the broker what only the broker can do: transactions, and damage further in.
func recoverPartition(dir string, segs []segment) error {
	file := filepath.Join(dir, "snapshot.json")
	var old partitionSnapshot
	raw, err := os.ReadFile(file)
	if ignoreMissing(err) != nil {
		return err
	}
	if err == nil && json.Unmarshal(raw, &old) == nil && fits(old, segs) {
		return nil
	}
	now := partitionSnapshot{Version: snapshotVersion, LogStartOffset: old.LogStartOffset, CreatedAt: old.CreatedAt}
	for i, s := range segs {
		found, err := scanSegment(segmentFile(dir, s))
		last := i == len(segs)-1
		switch {
		case err != nil:
			return err
		case found.transactional || found.whole < s.size && !last || len(old.AbortedTxns) > 0:
			return nil
		case found.whole < s.size:
			if err := os.Truncate(segmentFile(dir, s), found.whole); err != nil {
				return err
			}
		}
		if found.whole == 0 {
			continue // of the first write to a new segment nothing is left: the broker goes on in the one before
		}
		if len(now.Segments) == 0 {
			now.LogStartOffset = max(now.LogStartOffset, found.first)
		}
		now.HighWatermark, now.Epoch = found.next, found.epoch
		now.Segments = append(now.Segments, segmentSnapshot{BaseOffset: s.first, Size: found.whole, MaxEpoch: found.epoch})
	}
	if len(now.Segments) < len(segs) {
		if err := removeSegment(dir, segs[len(segs)-1]); err != nil {
			return err
		}
	}
	now.LastStableOffset = now.HighWatermark
	now.LogStartOffset = min(now.LogStartOffset, now.HighWatermark)
	return replaceFile(file, func(w io.Writer) error { return json.NewEncoder(w).Encode(now) })
}

// fits tells whether the snapshot speaks of just these files.
func fits(s partitionSnapshot, segs []segment) bool {
	return s.Version == snapshotVersion && slices.EqualFunc(s.Segments, segs, func(a segmentSnapshot, b segment) bool {
		return a.BaseOffset == b.first && a.Size == b.size
	})
}

// scanned is what a segment file holds, up to the first batch that is cut short or damaged.
type scanned struct {
	whole         int64 // bytes of whole batches
	first, next   int64 // offset of the first record, and the one after the last
	epoch         int32 // of the last batch
	transactional bool  // one of the batches is part of a transaction
}

// The header of a record batch, as Kafka's message format v2 has it (big endian): base offset 8 bytes, length of what
// follows 4, leader epoch 4, magic 1, CRC-32C of the rest 4, attributes 2, last offset delta 4, and so on.
const (
	batchPrefix   = 12 // base offset and length
	batchHeader   = 61
	maxBatch      = 1 << 30
	transactional = 0x10 // in the attributes
)

func scanSegment(file string) (s scanned, err error) {
	f, err := os.Open(file)
	if err != nil {
		return s, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 256<<10)
	header := make([]byte, batchHeader)
	crc := crc32.New(castagnoli)
	for {
		if _, err := io.ReadFull(r, header); err != nil {
			return s, ignoreEnd(err)
		}
		length := int64(binary.BigEndian.Uint32(header[8:]))
		if length < batchHeader-batchPrefix || length > maxBatch {
			return s, nil
		}
		crc.Reset()
		crc.Write(header[21:])
		if _, err := io.CopyN(crc, r, length-(batchHeader-batchPrefix)); err != nil {
			return s, ignoreEnd(err)
		}
		if crc.Sum32() != binary.BigEndian.Uint32(header[17:]) {
			return s, nil
		}
		base := int64(binary.BigEndian.Uint64(header))
		if s.whole == 0 {
			s.first = base
		}
		s.whole += batchPrefix + length
		s.epoch = int32(binary.BigEndian.Uint32(header[12:]))
		s.next = base + int64(binary.BigEndian.Uint32(header[23:])) + 1
		s.transactional = s.transactional || binary.BigEndian.Uint16(header[21:])&transactional != 0
	}
}

// ignoreEnd is for a file that ends between two batches or within one.
func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

func segmentFile(dir string, s segment) string {
	return filepath.Join(dir, strconv.FormatInt(s.first, 10)+".dat")
}

// removeSegment removes a segment with its index, which kfake keeps beside it.
func removeSegment(dir string, s segment) error {
	index := filepath.Join(dir, strconv.FormatInt(s.first, 10)+".idx")
	if err := errors.Join(os.Remove(segmentFile(dir, s)), ignoreMissing(os.Remove(index))); err != nil {
		return fmt.Errorf("remove a segment: %w", err)
	}
	return nil
}
