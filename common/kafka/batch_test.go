package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/stretchr/testify/require"
)

// randomRecord has every kind of key, value and header: null, empty, short, long.
func randomRecord(r *rand.Rand) Record {
	blob := func() []byte {
		switch r.IntN(4) {
		case 0:
			return nil
		case 1:
			return []byte{}
		case 2:
			return bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(100))
		default:
			return bytes.Repeat([]byte("The quick brown fox. "), r.IntN(400))
		}
	}
	rec := Record{Topic: "t", Key: blob(), Value: blob()}
	for range r.IntN(10) {
		rec.Headers = append(rec.Headers, Header{Key: fmt.Sprintf("header-%d", r.IntN(50)), Value: blob()})
	}
	return rec
}

func encoded(t testing.TB, c codec, records []Record) []byte {
	t.Helper()
	b := new(batch)
	now := time.UnixMilli(1_700_000_000_000)
	b.reset(now)
	for i := range records {
		size := recordSize(&records[i])
		before := len(b.raw)
		b.add(now.UnixMilli()+int64(i), &records[i], size, waiter{})
		require.LessOrEqual(t, len(b.raw)-before, size, "a record is never larger than it counts")
	}
	require.NoError(t, b.seal(&compressor{codec: c}))
	return bytes.Clone(b.payload())
}

// asProtocol reads a record set as kafka-go does.
func asProtocol(t testing.TB, payload []byte) []Record {
	t.Helper()
	var rs protocol.RecordSet
	_, err := rs.ReadFrom(bytes.NewBuffer(payload))
	require.NoError(t, err)
	require.EqualValues(t, 2, rs.Version)
	var out []Record
	for i := 0; ; i++ {
		r, err := rs.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		require.EqualValues(t, i, r.Offset)
		require.EqualValues(t, 1_700_000_000_000+i, r.Time.UnixMilli())
		key, err := protocol.ReadAll(r.Key)
		require.NoError(t, err)
		value, err := protocol.ReadAll(r.Value)
		require.NoError(t, err)
		rec := Record{Topic: "t", Key: key, Value: value}
		for _, h := range r.Headers {
			rec.Headers = append(rec.Headers, Header(h))
		}
		out = append(out, rec)
	}
}

// asOurs reads a record set as our consumer does, at offset 5.
func asOurs(t testing.TB, payload []byte) []Record {
	t.Helper()
	set := bytes.Clone(payload[4:])
	binary.BigEndian.PutUint64(set, 5)
	messages, next, err := new(decoder).decode(nil, "t", &fetchedPartition{records: set}, 0)
	require.NoError(t, err)
	require.EqualValues(t, 5+len(messages), next)
	var out []Record
	for i, m := range messages {
		require.EqualValues(t, 5+i, m.Offset)
		require.EqualValues(t, 1_700_000_000_000+i, m.Time.UnixMilli())
		out = append(out, Record{Topic: m.Topic, Key: m.Key, Value: m.Value, Headers: m.Headers})
	}
	return out
}

// TestBatchRoundTrip: what we encode is what kafka-go and our own decoder read, for every codec.
func TestBatchRoundTrip(t *testing.T) {
	for _, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(60) {
				r := rand.New(rand.NewPCG(seed, 1))
				records := make([]Record, 1+r.IntN(70))
				for i := range records {
					records[i] = randomRecord(r)
				}
				payload := encoded(t, codecNamed(name), records)
				require.Equal(t, len(payload)-4, int(binary.BigEndian.Uint32(payload)))
				require.Equal(t, records, asOurs(t, payload))
				require.Equal(t, records, asProtocol(t, payload))
			}
		})
	}
}

func TestBatchSplitKeepsOrderAndRecords(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for count := 2; count < 140; count += 17 {
		b, other := new(batch), new(batch)
		now := time.UnixMilli(1_700_000_000_000)
		b.reset(now)
		other.reset(now)
		var records []Record
		for i := range count {
			rec := randomRecord(r)
			records = append(records, rec)
			b.add(now.UnixMilli(), &rec, recordSize(&rec), waiter{index: int32(i)})
		}
		size := b.size
		require.NoError(t, b.split(other))
		require.EqualValues(t, count, b.count+other.count)
		require.Equal(t, size, b.size+other.size)

		var got []Record
		for _, half := range []*batch{b, other} {
			require.NoError(t, half.seal(&compressor{}))
			messages, _, err := new(decoder).decode(nil, "t", &fetchedPartition{records: half.payload()[4:]}, 0)
			require.NoError(t, err)
			for i, m := range messages {
				require.EqualValues(t, i, m.Offset)
				require.EqualValues(t, len(got), half.waiters[i].index)
				got = append(got, Record{Topic: m.Topic, Key: m.Key, Value: m.Value, Headers: m.Headers})
			}
		}
		require.Equal(t, records, got)
	}
}

func TestIncompressibleBatchIsSentAsItIs(t *testing.T) {
	noise := make([]byte, 2000)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	payload := encoded(t, codecLZ4, []Record{{Topic: "t", Value: noise}})
	require.Zero(t, binary.BigEndian.Uint16(payload[25:])&attributeCodec)
}

func TestVarint(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 63, 64, -64, -65, 8191, 8192, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64} {
		want := binary.AppendVarint(nil, v)
		require.Equal(t, want, appendVarint(nil, v))
		require.Equal(t, len(want), varintLen(v), "%d", v)
	}
}

// FuzzEncode compares with kafka-go on records that are all the fuzzer's.
func FuzzEncode(f *testing.F) {
	f.Add([]byte("key"), []byte("value"), "header", []byte("x"), uint8(3), uint8(3))
	f.Add([]byte(nil), []byte(nil), "", []byte(nil), uint8(0), uint8(0))
	f.Fuzz(func(t *testing.T, key, value []byte, name string, header []byte, nulls, c uint8) {
		null := func(bit uint8, b []byte) []byte {
			if nulls&(1<<bit) != 0 {
				return nil
			}
			return append([]byte{}, b...)
		}
		rec := Record{Topic: "t", Key: null(0, key), Value: null(1, value), Headers: []Header{{Key: name, Value: null(2, header)}}}
		payload := encoded(t, codec(c%5), []Record{rec, rec})
		require.Equal(t, []Record{rec, rec}, asProtocol(t, payload))
		require.Equal(t, []Record{rec, rec}, asOurs(t, payload))
	})
}

// FuzzFetchAnswer: no answer, however broken, may do worse than give an error.
func FuzzFetchAnswer(f *testing.F) {
	for c := range codec(5) {
		set := encoded(f, c, []Record{{Topic: "t", Value: bytes.Repeat([]byte("abc"), 50), Headers: []Header{{Key: "h"}}}})[4:]
		f.Add(set, []byte{1, 2})
		f.Add(set[:len(set)-3], []byte{})
	}
	f.Fuzz(func(t *testing.T, set, junk []byte) {
		if len(set) >= batchOverhead { // most mutations would only fail the checksum
			size := min(int(binary.BigEndian.Uint32(set[8:]))+12, len(set))
			if size >= batchOverhead {
				binary.BigEndian.PutUint32(set[17:], crcOf(set[21:size]))
			}
		}
		_, _, _ = new(decoder).decode(nil, "t", &fetchedPartition{records: set}, 0)
		_ = eachFetched(append(make([]byte, 10), junk...), func(*fetchedPartition) {})
		_ = eachFetched(junk, func(*fetchedPartition) {})
	})
}

func crcOf(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// BenchmarkDecode is what a consumer spends on a batch of records as capture writes them.
func BenchmarkDecode(b *testing.B) {
	for c, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		b.Run(name, func(b *testing.B) {
			records := make([]Record, 500)
			for i := range records {
				records[i] = Record{Topic: "t", Key: fmt.Appendf(nil, "key-%d", i), Value: bytes.Repeat(fmt.Appendf(nil, "%d,", i), 250)}
				for _, h := range []string{"token", "distinct_id", "session_id", "timestamp", "event", "uuid", "now", "historical"} {
					records[i].Headers = append(records[i].Headers, Header{Key: h, Value: []byte("0123456789012345678901234567890123456789")})
				}
			}
			set := encoded(b, codec(c), records)[4:]
			var d decoder
			b.ReportAllocs()
			for b.Loop() {
				if m, _, err := d.decode(nil, "t", &fetchedPartition{records: set}, 0); err != nil || len(m) != len(records) {
					b.Fatal(len(m), err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(records)), "ns/record")
		})
	}
}
