package kafka

import "time"

// Header is one record header. A nil Value is a null header, which Kafka tells from an empty one.
type Header struct {
	Key   string
	Value []byte
}

// Record is what Produce sends. A nil Key is no key, which Kafka tells from an empty one; a nil Value is a tombstone.
// Partition and timestamp are the producer's business: the partitioner chooses the first, the time of the call is the second.
type Record struct {
	Topic   string
	Key     []byte
	Value   []byte
	Headers []Header
}

// Message is a record as it was read. Its byte slices alias the buffer of one fetch: they are never written again and may be
// kept, but keeping one keeps its whole buffer alive (up to ConsumerConfig.FetchMaxBytes), so copy what outlives the batch.
type Message struct {
	Topic     string
	Partition int32
	Offset    int64
	Time      time.Time // as stored by the broker, whole milliseconds
	Key       []byte
	Value     []byte
	Headers   []Header
}

// Header gives the value of the first header named key.
func (m *Message) Header(key string) (value []byte, ok bool) {
	for i := range m.Headers {
		if m.Headers[i].Key == key {
			return m.Headers[i].Value, true
		}
	}
	return nil, false
}
