package kafka

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
)

func TestEachTopicAndPartitionHasItsTurn(t *testing.T) {
	all := []*cursor{{topic: "a"}, {topic: "a", partition: 1}, {topic: "b"}, {topic: "c"}, {topic: "full"}}
	for _, c := range all {
		c.out = make(chan fetched, 1)
	}
	full := all[4]
	full.out <- fetched{}

	came := map[*cursor]bool{} // first, at some time
	var out []*cursor
	for range all {
		out = withRoom(out[:0], all)
		require.Len(t, out, 4)
		require.NotContains(t, out, full)
		came[out[0]] = true
		ended := map[string]bool{}
		for i := 1; i < len(out); i++ {
			if before := out[i-1].topic; before != out[i].topic {
				ended[before] = true
			}
			require.False(t, ended[out[i].topic], "the partitions of a topic stand together")
		}
		rotate(all)
	}
	require.Len(t, came, 4)
}

// TestAddressThatSwallows: a broker that was restarted under another address is found by the bootstrap server, though connections to
// the old address neither succeed nor fail.
func TestAddressThatSwallows(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { silent.Close() })
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(broker.Close)

	cfg, err := ClientConfig{Brokers: broker.ListenAddrs()}.withDefaults()
	require.NoError(t, err)
	c, err := newCluster(cfg)
	require.NoError(t, err)
	t.Cleanup(c.close)
	c.known = []string{silent.Addr().String()}
	ctx, cancel := context.WithTimeout(t.Context(), 6*minConnectTime)
	defer cancel()
	_, err = c.layout(ctx, nil, false)
	require.NoError(t, err)
}
