package kafka

import (
	"errors"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"
)

// What can become of a record, beside being delivered. A *BrokerError is the rest.
var (
	// ErrQueueFull: the producer holds QueueMessages or QueueBytes already; nothing was enqueued, the caller should shed load.
	ErrQueueFull = errors.New("failed to produce to kafka: local queue full")
	// ErrTimeout: no acknowledgement within MessageTimeout. The record may still have been stored.
	ErrTimeout = errors.New("failed to produce to kafka (timeout)")
	// ErrTooLarge: larger than MessageMaxBytes by our own count; it was never sent.
	ErrTooLarge = errors.New("failed to produce to kafka: message larger than the producer's limit")
	// ErrTooLargeBroker: refused by the broker as too large, although alone in its batch.
	ErrTooLargeBroker = errors.New("failed to produce to kafka: message refused by the broker as too large")
	// ErrConnection: the connection broke after the request was sent, more often than Retries allows. It may have been stored.
	ErrConnection = errors.New("failed to produce to kafka: connection lost")
	// ErrClosed: the producer is flushing or has stopped; it takes no more records.
	ErrClosed = errors.New("failed to produce to kafka: producer is closed")
)

// IsTooLarge tells whether err is about the size of one record, whoever noticed: such a record fails again however often it is sent.
func IsTooLarge(err error) bool {
	return errors.Is(err, ErrTooLarge) || errors.Is(err, ErrTooLargeBroker)
}

// BrokerError is an error code of the Kafka protocol that a broker answered with.
type BrokerError struct {
	Code int16  // of the protocol's table
	What string // the operation that was refused, "produce to events/3"
}

// Error names the operation and the protocol's text for the code.
func (e *BrokerError) Error() string {
	return fmt.Sprintf("%s: broker answered %d %s", e.What, e.Code, kafkago.Error(e.Code).Title())
}

// brokerError gives nil for code 0.
func brokerError(code int16, format string, args ...any) error {
	if code == 0 {
		return nil
	}
	return &BrokerError{Code: code, What: fmt.Sprintf(format, args...)}
}
