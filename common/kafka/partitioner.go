package kafka

import "hash/crc32"

// Partitioner gives the partition of a key, in [0, partitions).
type Partitioner func(key []byte, partitions int32) int32

// CRC32 is librdkafka's "consistent": CRC-32 (IEEE) of the key.
func CRC32(key []byte, partitions int32) int32 {
	return int32(crc32.ChecksumIEEE(key) % uint32(partitions))
}

// Murmur2 is the default of the Java client and KafkaJS, librdkafka's "murmur2".
func Murmur2(key []byte, partitions int32) int32 {
	return int32(murmur2(key)&0x7fffffff) % partitions
}

// murmur2 is Austin Appleby's hash with the seed of org.apache.kafka.common.utils.Utils.
func murmur2(data []byte) uint32 {
	const (
		seed = 0x9747b28c
		m    = 0x5bd1e995
		r    = 24
	)
	h := uint32(seed) ^ uint32(len(data))
	for len(data) >= 4 {
		k := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24
		k *= m
		k ^= k >> r
		k *= m
		h = h*m ^ k
		data = data[4:]
	}
	switch len(data) {
	case 3:
		h ^= uint32(data[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(data[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(data[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}

// keyless tells, for a partitioner named as librdkafka names them, which records go to a random partition.
type keyless uint8

const (
	keylessNone  keyless = iota // every record is hashed, a missing key as an empty one
	keylessNull                 // records without a key
	keylessEmpty                // records without a key, or with an empty one
	keylessAll                  // every record
)

// partitionerNamed knows the names that ProducerConfig allows. consistent_random treats an empty key as none, murmur2_random
// does not: so librdkafka's documentation of the property "partitioner".
func partitionerNamed(name string) (Partitioner, keyless) {
	switch name {
	case "murmur2_random":
		return Murmur2, keylessNull
	case "murmur2":
		return Murmur2, keylessNone
	case "consistent":
		return CRC32, keylessNone
	case "random":
		return CRC32, keylessAll
	default:
		return CRC32, keylessEmpty
	}
}

func (k keyless) matches(key []byte) bool {
	switch k {
	case keylessNull:
		return key == nil
	case keylessEmpty:
		return len(key) == 0
	case keylessAll:
		return true
	default:
		return false
	}
}
