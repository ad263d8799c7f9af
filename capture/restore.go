package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hog-go/hog/capture/internal/lane"
	"github.com/hog-go/hog/capture/internal/replay"
	"github.com/hog-go/hog/capture/internal/resolve"
	"github.com/hog-go/hog/capture/internal/spool"
	"github.com/hog-go/hog/common/blob"
	"github.com/hog-go/hog/common/event"
	"github.com/hog-go/hog/common/kafka"
)

// Restored is what a call of Restore did.
type Restored = spool.Stats

// Restore sends the events that were kept in object storage while Kafka was down to Kafka, and waits until it has them.
// Settings are those of the service that kept them; S3_FALLBACK_ENABLED does not matter. It may be run while services are
// at work, but by one caller at a time. An event that is restored twice, because a call was broken off, is the same to
// consumers, who go by its uuid.
func Restore(ctx context.Context, cfg Config, log *slog.Logger) (Restored, error) {
	if cfg.Spool.Bucket == "" {
		return Restored{}, errors.New("S3_FALLBACK_BUCKET is empty: name the bucket, or file:///folder, that holds the events")
	}
	bucket, err := blob.Open(ctx, cfg.Spool.bucket())
	if err != nil {
		return Restored{}, fmt.Errorf("S3_FALLBACK_BUCKET: %w", err)
	}
	defer bucket.Close()
	producer, err := kafka.NewProducer(cfg.Kafka.producer(), log, nil)
	if err != nil {
		return Restored{}, fmt.Errorf("kafka producer: %w", err)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- producer.Run(running) }()
	defer func() { stop(); <-done }()
	return spool.Replay(ctx, bucket, cfg.Spool.Prefix, cfg.kafkaSink(producer, nil), cfg.recordOf, log)
}

// recordOf makes the record of an event whose topic, key and headers were not kept with it, as other captures leave them
// out: what a restriction or a limit had made of it is lost.
func (c *Config) recordOf(line []byte) (kafka.Record, error) {
	var e event.Captured
	if err := json.Unmarshal(line, &e); err != nil {
		return kafka.Record{}, fmt.Errorf("read an event: %w", err)
	}
	topics := c.topics()
	rec := kafka.Record{Value: line}
	if e.Event == replay.EventName {
		var data struct {
			Properties struct {
				SessionID string `json:"$session_id"`
			} `json:"properties"`
		}
		if err := json.Unmarshal([]byte(e.Data), &data); err != nil || data.Properties.SessionID == "" {
			return rec, fmt.Errorf("recording %s has no session id", e.UUID)
		}
		e.SessionID = data.Properties.SessionID
		rec.Topic, rec.Key = topics.ReplayMain, []byte(e.SessionID)
	} else {
		sorted := resolve.Event{Lane: lane.Sorter{AIByPrefix: c.aiByPrefix()}.Lane([]byte(e.Event), e.Historical)}
		rec.Topic, _ = topics.Topic(&sorted)
		rec.Key = []byte(e.Key())
	}
	h := e.Headers()
	for _, header := range h.Append(nil) {
		rec.Headers = append(rec.Headers, kafka.Header{Key: header.Name, Value: header.Value})
	}
	return rec, nil
}

// RestoreAll is Restore for a command: it tells in the log what was done, and what is left to do.
func RestoreAll(ctx context.Context, cfg Config, log *slog.Logger) error {
	start := time.Now()
	done, err := Restore(ctx, cfg, log)
	attrs := []any{"objects", done.Objects, "events", done.Events, "rejected", done.Rejected, "took", time.Since(start).Round(time.Millisecond)}
	if err != nil {
		log.ErrorContext(ctx, "the restore was broken off: run it again", append(attrs, "err", err)...)
		return err
	}
	if done.Rejected > 0 {
		log.WarnContext(ctx, "restored, but for events that Kafka cannot take: they are under rejected/ in the bucket", attrs...)
		return nil
	}
	log.InfoContext(ctx, "restored", attrs...)
	return nil
}
