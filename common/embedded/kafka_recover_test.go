package embedded

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// batch is a record batch of n records that nobody looks into.
func batch(base int64, n uint32, attributes uint16) []byte {
	b := make([]byte, batchHeader+100)
	binary.BigEndian.PutUint64(b, uint64(base))
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-batchPrefix))
	binary.BigEndian.PutUint32(b[12:], 7) // leader epoch
	b[16] = 2                             // magic
	binary.BigEndian.PutUint16(b[21:], attributes)
	binary.BigEndian.PutUint32(b[23:], n-1)
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	return b
}

func concat(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func damaged(b []byte) []byte { b[len(b)-1] ^= 1; return b }

func TestRecoverPartition(t *testing.T) {
	const size = batchHeader + 100
	old := func(s partitionSnapshot) []byte {
		raw, err := json.Marshal(s)
		require.NoError(t, err)
		return raw
	}
	tests := map[string]struct {
		files map[string][]byte
		want  *partitionSnapshot // nil: none is written
		left  map[string]int64   // sizes of the segments afterwards
	}{
		"two whole segments": {
			files: map[string][]byte{"5.dat": concat(batch(5, 2, 0), batch(7, 1, 0)), "8.dat": batch(8, 4, 0)},
			want: &partitionSnapshot{Version: 1, HighWatermark: 12, LastStableOffset: 12, LogStartOffset: 5, Epoch: 7,
				Segments: []segmentSnapshot{{BaseOffset: 5, Size: 2 * size, MaxEpoch: 7}, {BaseOffset: 8, Size: size, MaxEpoch: 7}}},
			left: map[string]int64{"5.dat": 2 * size, "8.dat": size},
		},
		"last batch cut short": {
			files: map[string][]byte{"0.dat": concat(batch(0, 2, 0), batch(2, 1, 0)[:size-1])},
			want: &partitionSnapshot{Version: 1, HighWatermark: 2, LastStableOffset: 2, Epoch: 7,
				Segments: []segmentSnapshot{{Size: size, MaxEpoch: 7}}},
			left: map[string]int64{"0.dat": size},
		},
		"last batch damaged": {
			files: map[string][]byte{"0.dat": concat(batch(0, 2, 0), damaged(batch(2, 1, 0)))},
			want: &partitionSnapshot{Version: 1, HighWatermark: 2, LastStableOffset: 2, Epoch: 7,
				Segments: []segmentSnapshot{{Size: size, MaxEpoch: 7}}},
			left: map[string]int64{"0.dat": size},
		},
		"zeros at the end": {
			files: map[string][]byte{"0.dat": concat(batch(0, 2, 0), make([]byte, 500))},
			want: &partitionSnapshot{Version: 1, HighWatermark: 2, LastStableOffset: 2, Epoch: 7,
				Segments: []segmentSnapshot{{Size: size, MaxEpoch: 7}}},
			left: map[string]int64{"0.dat": size},
		},
		"first batch of a new segment cut short": {
			files: map[string][]byte{"0.dat": batch(0, 2, 0), "2.dat": batch(2, 1, 0)[:20], "2.idx": {1}},
			want: &partitionSnapshot{Version: 1, HighWatermark: 2, LastStableOffset: 2, Epoch: 7,
				Segments: []segmentSnapshot{{Size: size, MaxEpoch: 7}}},
			left: map[string]int64{"0.dat": size},
		},
		"the start that a client set is kept": {
			files: map[string][]byte{"0.dat": concat(batch(0, 2, 0), batch(2, 2, 0)), "snapshot.json": old(partitionSnapshot{Version: 1, LogStartOffset: 1, HighWatermark: 2, Segments: []segmentSnapshot{{Size: size}}})},
			want: &partitionSnapshot{Version: 1, HighWatermark: 4, LastStableOffset: 4, LogStartOffset: 1, Epoch: 7,
				Segments: []segmentSnapshot{{Size: 2 * size, MaxEpoch: 7}}},
			left: map[string]int64{"0.dat": 2 * size},
		},
		"a snapshot that fits stays": {
			files: map[string][]byte{"0.dat": batch(0, 2, 0), "snapshot.json": old(partitionSnapshot{Version: 1, HighWatermark: 99, Segments: []segmentSnapshot{{Size: size}}})},
			want:  &partitionSnapshot{Version: 1, HighWatermark: 99, Segments: []segmentSnapshot{{Size: size}}},
			left:  map[string]int64{"0.dat": size},
		},
		"damage in an earlier segment is the broker's": {
			files: map[string][]byte{"0.dat": damaged(batch(0, 2, 0)), "2.dat": batch(2, 1, 0)},
			left:  map[string]int64{"0.dat": size, "2.dat": size},
		},
		"transactions are the broker's": {
			files: map[string][]byte{"0.dat": batch(0, 2, transactional)},
			left:  map[string]int64{"0.dat": size},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := &retention{dir: t.TempDir(), maxBytes: 1 << 30, maxAge: time.Hour}
			dir := filepath.Join(r.dir, "a-topic-0")
			require.NoError(t, os.Mkdir(dir, 0o755))
			for file, content := range tt.files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, file), content, 0o644))
			}
			_, err := r.prepare(time.Now())
			require.NoError(t, err)

			raw, err := os.ReadFile(filepath.Join(dir, "snapshot.json"))
			if tt.want == nil {
				require.ErrorIs(t, err, os.ErrNotExist)
			} else {
				require.NoError(t, err)
				var got partitionSnapshot
				require.NoError(t, json.Unmarshal(raw, &got))
				require.Equal(t, *tt.want, got)
			}
			left := map[string]int64{}
			segs, err := segments(dir)
			require.NoError(t, err)
			for _, s := range segs {
				left[filepath.Base(segmentFile(dir, s))] = s.size
			}
			require.Equal(t, tt.left, left)
		})
	}
}

func FuzzScanSegment(f *testing.F) {
	f.Add(concat(batch(0, 2, 0), batch(2, 1, 0)))
	f.Add(batch(0, 2, 0)[:70])
	f.Add(make([]byte, 200))
	f.Fuzz(func(t *testing.T, content []byte) {
		file := filepath.Join(t.TempDir(), "0.dat")
		require.NoError(t, os.WriteFile(file, content, 0o644))
		s, err := scanSegment(file)
		require.NoError(t, err)
		require.LessOrEqual(t, s.whole, int64(len(content)))
		require.GreaterOrEqual(t, s.whole, int64(0))
	})
}
