package kafka_test

import (
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/kafka"
)

// TestPartitionerCheckValues has the values that the original's clients (librdkafka, the Java client, KafkaJS) give.
func TestPartitionerCheckValues(t *testing.T) {
	for _, tt := range []struct {
		key                    string
		crc                    uint32
		crcOf8, crcOf64        int32
		murmur, murmur8, mur64 int32
	}{
		{"phc_abc:user-1", 177023028, 4, 52, 2030464301, 5, 45},
		{"phc_abc:user-2", 2474932622, 6, 14, 1725392436, 4, 52},
		{"phc_abc:203.0.113.7", 3639661617, 1, 49, 1294535270, 6, 38},
		{"42", 841265288, 0, 8, 417700972, 4, 44},
	} {
		t.Run("crc32 and murmur2 "+tt.key, func(t *testing.T) {
			require.Equal(t, tt.crc, crc32.ChecksumIEEE([]byte(tt.key)))
			require.Equal(t, tt.crcOf8, kafka.CRC32([]byte(tt.key), 8))
			require.Equal(t, tt.crcOf64, kafka.CRC32([]byte(tt.key), 64))
			require.Equal(t, tt.murmur, kafka.Murmur2([]byte(tt.key), 1<<31-1))
			require.Equal(t, tt.murmur8, kafka.Murmur2([]byte(tt.key), 8))
			require.Equal(t, tt.mur64, kafka.Murmur2([]byte(tt.key), 64))
		})
	}
	for _, tt := range []struct {
		key    string
		hash   int64 // as the Java client prints it: signed
		counts map[int32]int32
	}{
		{"21", -973932308, nil},
		{"foobar", -790332482, nil},
		{"a-little-bit-long-string", -985981536, nil},
		{"abc", 479470107, nil},
		{"phc_test:user-1", 65977924, map[int32]int32{4: 0, 16: 4, 64: 4, 128: 68, 1024: 580}},
		{"phc_test:user-2", 2743497551, map[int32]int32{4: 3, 16: 15, 64: 15, 128: 79, 1024: 847}},
		{"token1:id1", 4207607622, map[int32]int32{4: 2, 16: 6, 64: 6, 128: 70, 1024: 838}},
		{"session-abc", 570094716, map[int32]int32{4: 0, 16: 12, 64: 60, 128: 124, 1024: 124}},
	} {
		t.Run("murmur2 "+tt.key, func(t *testing.T) {
			require.Equal(t, int32(uint32(tt.hash)&0x7fffffff)%(1<<31-1), kafka.Murmur2([]byte(tt.key), 1<<31-1))
			for n, want := range tt.counts {
				require.Equal(t, want, kafka.Murmur2([]byte(tt.key), n), "of %d", n)
			}
		})
	}
}
