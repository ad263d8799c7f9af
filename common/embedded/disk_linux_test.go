package embedded_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/embedded"
)

// smallDisk is a file system of the given size, in the notation of mount.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := postgresDir(t)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=755,size="+size); err != nil {
		t.Skipf("no small file system to fill (%v); what is said about a full disk is also tested by TestExplain", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

func TestDiskIsFullAtStart(t *testing.T) {
	for server, start := range servers {
		t.Run(server, func(t *testing.T) {
			dir := smallDisk(t, map[string]string{"kafka": "4k", "redis": "4k", "postgres": "1m"}[server])
			err := start(t.Context(), dir)
			require.ErrorIs(t, err, syscall.ENOSPC)
			require.ErrorContains(t, err, dir)
			require.ErrorContains(t, err, "the disk is full: free some space")
		})
	}
}

// TestKafkaDiskFillsUp: a record that finds no room is refused, and those answered before are there afterwards.
func TestKafkaDiskFillsUp(t *testing.T) {
	dir := smallDisk(t, "1m")
	k := startKafka(t, embedded.KafkaOptions{Dir: dir})
	w := newWriter(t, k.Addr(), "events")
	w.MaxAttempts = 1
	var answered []string
	for n := range 100 {
		value := fmt.Sprintf("%d-%s", n, strings.Repeat("x", 50_000))
		if err := w.WriteMessages(t.Context(), kafka.Message{Value: []byte(value)}); err != nil {
			break
		}
		answered = append(answered, value)
	}
	require.NotEmpty(t, answered)
	require.Less(t, len(answered), 100)
	require.Equal(t, answered, consume(t, k.Addr(), "events"))
	require.NoError(t, k.Stop(t.Context()))

	// Somebody makes room.
	require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=8m"))
	k = startKafka(t, embedded.KafkaOptions{Dir: dir})
	require.Equal(t, answered, consume(t, k.Addr(), "events"))
	produce(t, k.Addr(), "events", "after")
	require.NoError(t, k.Stop(t.Context()))
}
