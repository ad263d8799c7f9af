package testkit_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/blob"
	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/testkit"
)

func TestS3(t *testing.T) {
	s := testkit.S3(t)
	cfg := blob.Config{
		Bucket: s.Bucket, Endpoint: s.Endpoint, Region: s.Region, AccessKey: s.AccessKey, SecretKey: config.Secret(s.SecretKey), MaxAttempts: 1,
	}
	b, err := blob.Open(t.Context(), cfg)
	require.NoError(t, err)
	defer b.Close()
	require.NoError(t, b.Put(t.Context(), "a b/c+d", []byte("kept"), ""))

	s.Stop()
	_, err = b.Get(t.Context(), "a b/c+d")
	require.ErrorContains(t, err, "connection refused")
	s.Start()
	body, err := b.Get(t.Context(), "a b/c+d")
	require.NoError(t, err)
	require.Equal(t, "kept", string(body), "objects outlive a stop")

	s.Meddle(func(w http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true })
	waiting := make(chan error, 1)
	go func() { waiting <- b.Put(t.Context(), "k", []byte("x"), "") }()
	require.Never(t, func() bool { return len(waiting) > 0 }, 20*time.Millisecond, time.Millisecond)
	s.Stop()
	require.Error(t, <-waiting, "a stop ends requests that wait")
	s.Meddle(nil)
	s.Start()

	cfg.SecretKey += "x"
	stranger, err := blob.Open(t.Context(), cfg)
	require.NoError(t, err)
	defer stranger.Close()
	require.ErrorIs(t, stranger.Put(t.Context(), "k", []byte("x"), ""), blob.ErrAccess)
	require.NotEqual(t, s.Endpoint, testkit.S3(t).Endpoint, "a server each")
}
