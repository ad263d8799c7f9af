package embedded_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/embedded"
)

// TestKafkaKill9 kills the broker under four writers. Every answered record must be there, in both kinds of topic: one
// made at start and one made by its first use.
func TestKafkaKill9(t *testing.T) {
	dir := t.TempDir()
	for _, round := range []string{"first", "second"} {
		child, addr := startChild(t, "kafka", dir)
		var mu sync.Mutex
		answered := map[string][]string{}
		enough := make(chan struct{})
		var writers sync.WaitGroup
		for i := range 4 {
			topic := []string{"given", "made_by_use"}[i%2]
			w := newWriter(t, addr, topic)
			w.MaxAttempts, w.WriteTimeout, w.ReadTimeout = 1, time.Second, time.Second
			writers.Go(func() {
				for n := 0; ; n++ {
					value := fmt.Sprintf("%s-%d-%d", round, i, n)
					if w.WriteMessages(t.Context(), kafka.Message{Value: []byte(value)}) != nil {
						return // killed
					}
					mu.Lock()
					answered[topic] = append(answered[topic], value)
					if topic == "given" && len(answered[topic]) == 200 {
						close(enough)
					}
					mu.Unlock()
				}
			})
		}
		<-enough
		kill(t, child)
		writers.Wait()

		k := startKafka(t, embedded.KafkaOptions{Dir: dir})
		require.Len(t, answered, 2)
		for topic, values := range answered {
			require.Subset(t, consume(t, k.Addr(), topic), values)
		}
		require.NoError(t, k.Stop(t.Context()))
	}
}

// TestRedisKill9 loses at most what was written within SaveEvery of the kill.
func TestRedisKill9(t *testing.T) {
	const slack = time.Second // for the save itself, and for a busy machine
	dir := t.TempDir()
	child, url := startChild(t, "redis", dir)
	c := redisClient(t, url)
	var answered []time.Time
	for start := time.Now(); time.Since(start) < 2*(childSaveEvery+slack); {
		require.NoError(t, c.Set(t.Context(), strconv.Itoa(len(answered)), "x", 0).Err())
		answered = append(answered, time.Now())
	}
	killed := time.Now()
	kill(t, child)

	r, err := embedded.StartRedis(t.Context(), embedded.RedisOptions{Dir: dir})
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Stop(t.Context())) }()
	c = redisClient(t, r.URL())
	kept := 0
	for i, at := range answered {
		if killed.Sub(at) < childSaveEvery+slack {
			break
		}
		kept++
		require.NoError(t, c.Get(t.Context(), strconv.Itoa(i)).Err(), "key %d, written %s before the kill", i, killed.Sub(at))
	}
	require.Positive(t, kept)
}

func redisClient(t *testing.T, url string) *goredis.Client {
	t.Helper()
	o, err := goredis.ParseURL(url)
	require.NoError(t, err)
	c := goredis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}

// TestPostgresKill9 kills under load. What was committed must be there.
func TestPostgresKill9(t *testing.T) {
	dir := postgresDir(t)
	victims := map[string]func(child *os.Process){
		"server and its parent": func(child *os.Process) {
			postmaster := postmasterPID(t, dir)
			require.NoError(t, postmaster.Kill())
			kill(t, child)
			require.FileExists(t, filepath.Join(dir, "data", "postmaster.pid"), "what a kill leaves behind")
		},
		"parent alone": func(child *os.Process) { kill(t, child) }, // the server is told, and may have stopped or not
	}
	committed := 0
	for name, killVictims := range victims {
		t.Run(name, func(t *testing.T) {
			child, url := startChild(t, "postgres", dir)
			conn, err := pgx.Connect(t.Context(), url)
			require.NoError(t, err)
			_, err = conn.Exec(t.Context(), "CREATE TABLE IF NOT EXISTS kept (n int)")
			require.NoError(t, err)
			for range 100 {
				_, err = conn.Exec(t.Context(), "INSERT INTO kept VALUES (1)")
				require.NoError(t, err)
				committed++
			}
			killVictims(child)

			p := startPostgres(t, embedded.PostgresOptions{Dir: dir})
			require.Equal(t, committed, queryInt(t, p.URL("posthog"), "SELECT count(*) FROM kept"))
			require.NoError(t, p.Stop(t.Context()))
		})
	}
}

func postmasterPID(t *testing.T, dir string) *os.Process {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.SplitN(string(raw), "\n", 2)[0])
	require.NoError(t, err)
	p, err := os.FindProcess(pid)
	require.NoError(t, err)
	return p
}
