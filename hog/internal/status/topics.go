package status

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/hog-go/hog/common/kafka"
)

// fresh is how long a list of topics is shown before Kafka is asked again, however many look at the page.
const fresh = time.Second

// askTimeout bounds how long the page waits for Kafka before it says that it does not answer.
const askTimeout = 2 * time.Second

// topics asks Kafka what it holds, for all who look at the same time once.
type topics struct {
	at     kafka.ClientConfig
	ours   []string
	log    *slog.Logger
	flight singleflight.Group
	newest atomic.Pointer[topicList]
}

type topicList struct {
	topics  []Topic
	problem string // why there are none, or not all
	read    time.Time
}

func (t *topics) list(ctx context.Context) *topicList {
	if l := t.newest.Load(); l != nil && time.Since(l.read) < fresh {
		return l
	}
	l, _, _ := t.flight.Do("", func() (any, error) {
		l := t.ask(ctx)
		l.read = time.Now()
		t.newest.Store(l)
		return l, nil
	})
	return l.(*topicList)
}

func (t *topics) ask(ctx context.Context) *topicList {
	if len(t.at.Brokers) == 0 {
		return &topicList{}
	}
	at := t.at
	at.DialTimeout = askTimeout
	admin, err := kafka.NewAdmin(at, t.log)
	if err != nil {
		return &topicList{problem: err.Error()}
	}
	defer admin.Close()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	l := &topicList{}
	infos, err := admin.Topics(ctx)
	if err != nil {
		l.problem = err.Error()
	}
	for i := range infos {
		if info := &infos[i]; !info.Internal {
			l.topics = append(l.topics, Topic{
				Name: info.Name, Partitions: len(info.Partitions), Records: info.Records(), Ours: slices.Contains(t.ours, info.Name),
			})
		}
	}
	return l
}
