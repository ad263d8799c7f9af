package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// ProduceJSON sends items as JSON to one topic and waits, as ProduceEach does: one result per item in the order of items, a nil slice
// when all were delivered. An item that has no JSON form fails for itself with "failed to serialize: …". key and headers may be nil.
func ProduceJSON[T any](ctx context.Context, p *Producer, topic string, items []T, key func(T) []byte, headers func(T) []Header) []error {
	recs := make([]Record, 0, len(items))
	where := make([]int, 0, len(items)) // index in items
	var errs []error
	for i, item := range items {
		value, err := json.Marshal(item)
		if err != nil {
			if errs == nil {
				errs = make([]error, len(items))
			}
			errs[i] = fmt.Errorf("failed to serialize: %w", err)
			continue
		}
		r := Record{Topic: topic, Value: value}
		if key != nil {
			r.Key = key(item)
		}
		if headers != nil {
			r.Headers = headers(item)
		}
		recs, where = append(recs, r), append(where, i)
	}
	sent := p.ProduceEach(ctx, recs)
	if errs == nil {
		return sent // every item has a record, or there is nothing to tell
	}
	for j, err := range sent {
		errs[where[j]] = err
	}
	return errs
}

// ErrEmptyPayload is DecodeJSON's answer to a message without a value.
var ErrEmptyPayload = errors.New("Received empty payload") //nolint:staticcheck // the original's words

// DecodeJSON decodes the value of m. Both of its errors, ErrEmptyPayload and "Serde error: …", mean a poison pill: reading it again
// changes nothing, so a handler counts it and goes on.
func DecodeJSON[T any](m *Message) (v T, err error) {
	if m.Value == nil {
		return v, ErrEmptyPayload
	}
	if err := json.Unmarshal(m.Value, &v); err != nil {
		return v, fmt.Errorf("Serde error: %w", err) //nolint:staticcheck // the original's words
	}
	return v, nil
}
