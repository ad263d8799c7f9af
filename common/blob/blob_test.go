package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hog-go/hog/common/blob"
	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(testkit.Wrap(m)) }

func open(t *testing.T, cfg blob.Config) *blob.Bucket {
	t.Helper()
	b, err := blob.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func s3Config(s *testkit.S3Server) blob.Config {
	return blob.Config{
		Bucket: s.Bucket, Endpoint: s.Endpoint, Region: s.Region, AccessKey: s.AccessKey, SecretKey: config.Secret(s.SecretKey), MaxAttempts: 1,
	}
}

func TestConformance(t *testing.T) {
	t.Run("folder", func(t *testing.T) {
		conformance(t, open(t, blob.Config{Bucket: filepath.Join(t.TempDir(), "not", "there", "yet")}))
	})
	t.Run("s3", func(t *testing.T) { conformance(t, open(t, s3Config(testkit.S3(t)))) })
}

// conformance is what every kind of bucket does. b is empty.
func conformance(t *testing.T, b *blob.Bucket) {
	ctx := t.Context()
	require.NoError(t, b.Probe(ctx))
	require.Empty(t, keys(t, b, ""), "a probe leaves nothing")

	t.Run("put, get, replace", func(t *testing.T) {
		key := `a b/ü+%2F&"?=~.json.gz`
		require.NoError(t, b.Put(ctx, key, []byte("one"), "application/json"))
		require.NoError(t, b.Put(ctx, key, []byte("two"), ""))
		body, err := b.Get(ctx, key)
		require.NoError(t, err)
		require.Equal(t, "two", string(body))
		require.Equal(t, []string{key}, keys(t, b, "a b/"))
		require.NoError(t, b.Put(ctx, "empty", nil, ""))
		body, err = b.Get(ctx, "empty")
		require.NoError(t, err)
		require.Empty(t, body)
	})
	t.Run("large", func(t *testing.T) {
		large := bytes.Repeat([]byte("0123456789abcdef"), 12<<16) // 12 MiB: more than one part of an upload
		require.NoError(t, b.Put(ctx, "large", large, ""))
		r, err := b.Reader(ctx, "large")
		require.NoError(t, err)
		body, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.True(t, bytes.Equal(large, body))
	})
	t.Run("create", func(t *testing.T) {
		require.NoError(t, b.Create(ctx, "new", []byte("mine"), "text/plain"))
		require.ErrorIs(t, b.Create(ctx, "new", []byte("theirs"), "text/plain"), blob.ErrExists)
		body, err := b.Get(ctx, "new")
		require.NoError(t, err)
		require.Equal(t, "mine", string(body))
	})
	t.Run("absent", func(t *testing.T) {
		_, err := b.Get(ctx, "no/such")
		require.ErrorIs(t, err, blob.ErrNotFound)
		require.ErrorContains(t, err, "get no/such in "+b.String()+": no such object")
		_, err = b.Reader(ctx, "no/such")
		require.ErrorIs(t, err, blob.ErrNotFound)
		_, err = b.ReadRange(ctx, "no/such", 0, 1)
		require.ErrorIs(t, err, blob.ErrNotFound)
		_, err = b.Stat(ctx, "no/such")
		require.ErrorIs(t, err, blob.ErrNotFound)
		require.ErrorIs(t, b.Copy(ctx, "x", "no/such"), blob.ErrNotFound)
		ok, err := b.Exists(ctx, "no/such")
		require.NoError(t, err)
		require.False(t, ok)
		require.NoError(t, b.Delete(ctx, "no/such"), "deleting twice is deleting")
	})
	t.Run("ranges", func(t *testing.T) {
		require.NoError(t, b.Put(ctx, "range", []byte("0123456789"), ""))
		for _, tt := range []struct {
			offset, length int64
			want           string
			err            error
		}{{0, 3, "012", nil}, {3, 4, "3456", nil}, {8, 10, "89", nil}, {0, 1 << 40, "0123456789", nil}, {10, 1, "", io.EOF}, {11, 5, "", io.EOF}} {
			body, err := b.ReadRange(ctx, "range", tt.offset, tt.length)
			require.ErrorIs(t, err, tt.err, "%+v", tt)
			require.Equal(t, tt.want, string(body), "%+v", tt)
		}
		_, err := b.ReadRange(ctx, "range", -1, 5)
		require.ErrorContains(t, err, "no range of 5 bytes from -1 on")
	})
	t.Run("stat, copy, delete", func(t *testing.T) {
		require.NoError(t, b.Put(ctx, "from", []byte("body"), ""))
		o, err := b.Stat(ctx, "from")
		require.NoError(t, err)
		require.Equal(t, int64(4), o.Size)
		require.WithinDuration(t, time.Now(), o.Modified, time.Minute)
		require.NoError(t, b.Put(ctx, "to/there", []byte("older"), ""))
		require.NoError(t, b.Copy(ctx, "to/there", "from"))
		require.NoError(t, b.Delete(ctx, "from"))
		ok, err := b.Exists(ctx, "from")
		require.NoError(t, err)
		require.False(t, ok)
		body, err := b.Get(ctx, "to/there")
		require.NoError(t, err)
		require.Equal(t, "body", string(body))
	})
	t.Run("list", func(t *testing.T) {
		var want []string
		var puts sync.WaitGroup
		for worker := range 8 {
			puts.Go(func() {
				for i := worker; i < 1203; i += 8 {
					if err := b.Put(ctx, fmt.Sprintf("list/%02d/%04d", i/100, i), []byte("x"), ""); err != nil {
						t.Error(err)
					}
				}
			})
		}
		puts.Wait()
		for i := range 1203 { // more than one page
			want = append(want, fmt.Sprintf("list/%02d/%04d", i/100, i))
		}
		require.NoError(t, b.Put(ctx, "list.other", []byte("x"), ""))
		require.Equal(t, want, keys(t, b, "list/"))
		require.Equal(t, want[100:200], keys(t, b, "list/01"), "a prefix need not end with a folder")
		require.Empty(t, keys(t, b, "nothing/"))
		for _, key := range []string{"order/a/1", "order/a.b", "order/a-b", "order/a//2", "order/b\x01", "order/Z"} {
			require.NoError(t, b.Put(ctx, key, []byte("x"), ""))
		}
		require.Equal(t, []string{"order/Z", "order/a-b", "order/a.b", "order/a//2", "order/a/1", "order/b\x01"}, keys(t, b, "order"))
		var first []string
		for o, err := range b.List(ctx, "list/") {
			require.NoError(t, err)
			require.NoError(t, b.Delete(ctx, o.Key), "deleting what the listing shows does not disturb it")
			if first = append(first, o.Key); len(first) == 1100 {
				break
			}
		}
		require.Equal(t, want[:1100], first)
		require.Equal(t, want[1100:], keys(t, b, "list/"))
	})
	t.Run("a context that has ended", func(t *testing.T) {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		require.ErrorIs(t, b.Put(ended, "ended", []byte("x"), ""), context.Canceled)
		ok, err := b.Exists(ctx, "ended")
		require.NoError(t, err)
		require.False(t, ok)
	})
}

func keys(t *testing.T, b *blob.Bucket, prefix string) (out []string) {
	t.Helper()
	for o, err := range b.List(t.Context(), prefix) {
		require.NoError(t, err)
		out = append(out, o.Key)
	}
	return out
}

func TestServerAway(t *testing.T) {
	s := testkit.S3(t)
	s.Stop()
	b := open(t, s3Config(s))
	for name, err := range map[string]error{
		"probe": b.Probe(t.Context()), "put": b.Put(t.Context(), "k", []byte("x"), ""), "get": second(b.Get(t.Context(), "k")),
		"list": firstError(b, t.Context()),
	} {
		require.ErrorContains(t, err, "connection refused", name)
		require.ErrorContains(t, err, "s3://testkit at "+s.Endpoint, name)
		require.True(t, blob.IsTemporary(err), name)
		require.Equal(t, "connection_error", blob.Reason(err), name)
	}
	s.Start()
	require.NoError(t, b.Probe(t.Context()), "it recovers by itself")
}

func TestWrongKey(t *testing.T) {
	s := testkit.S3(t)
	for name, mend := range map[string]func(*blob.Config){
		"InvalidAccessKeyId":    func(c *blob.Config) { c.AccessKey = "other" },
		"SignatureDoesNotMatch": func(c *blob.Config) { c.SecretKey = "other" },
	} {
		cfg := s3Config(s)
		mend(&cfg)
		b := open(t, cfg)
		err := b.Put(t.Context(), "k", []byte("x"), "")
		require.ErrorIs(t, err, blob.ErrAccess, name)
		require.ErrorContains(t, err, "check the access key")
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), s.SecretKey)
		require.False(t, blob.IsTemporary(err), name)
		require.Equal(t, "status_403", blob.Reason(err))
		require.ErrorIs(t, b.Probe(t.Context()), blob.ErrAccess, name)
		require.ErrorIs(t, firstError(b, t.Context()), blob.ErrAccess, name)
	}
}

func TestMissingBucket(t *testing.T) {
	cfg := s3Config(testkit.S3(t))
	cfg.Bucket = "s3://elsewhere"
	b := open(t, cfg)
	for name, err := range map[string]error{
		"probe": b.Probe(t.Context()), "put": b.Put(t.Context(), "k", []byte("x"), ""), "get": second(b.Get(t.Context(), "k")),
		"list": firstError(b, t.Context()),
	} {
		require.ErrorIs(t, err, blob.ErrNoBucket, name)
		require.NotErrorIs(t, err, blob.ErrNotFound, name)
		require.ErrorContains(t, err, "s3://elsewhere at http://")
		require.False(t, blob.IsTemporary(err), name)
	}
}

func TestAttempts(t *testing.T) {
	s := testkit.S3(t)
	requests := 0
	s.Meddle(func(w http.ResponseWriter, _ *http.Request) bool {
		if requests++; requests > 2 {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	once := open(t, s3Config(s))
	err := once.Put(t.Context(), "k", []byte("x"), "")
	require.Error(t, err)
	require.True(t, blob.IsTemporary(err))
	require.Equal(t, "status_503", blob.Reason(err))
	require.Equal(t, 1, requests)
	cfg := s3Config(s)
	cfg.MaxAttempts = 0
	require.NoError(t, open(t, cfg).Put(t.Context(), "k", []byte("x"), ""), "three by default")
	require.Equal(t, 3, requests)
}

func TestSlowServer(t *testing.T) {
	s := testkit.S3(t)
	s.Meddle(func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true })
	b := open(t, s3Config(s))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := b.Get(ctx, "k")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.True(t, blob.IsTemporary(err))
	require.Equal(t, "timeout", blob.Reason(err))
}

func TestCreateWithoutConditionalWrites(t *testing.T) {
	s := testkit.S3(t)
	s.Meddle(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("If-None-Match") == "" {
			return false
		}
		w.WriteHeader(http.StatusNotImplemented)
		_, _ = io.WriteString(w, `<Error><Code>NotImplemented</Code><Message>A header you provided implies functionality that is not implemented</Message></Error>`)
		return true
	})
	b := open(t, s3Config(s))
	require.NoError(t, b.Create(t.Context(), "k", []byte("one"), ""))
	require.NoError(t, b.Create(t.Context(), "k", []byte("two"), ""))
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	b := open(t, blob.Config{Bucket: "file://" + dir})
	require.Equal(t, "file://"+dir, b.String())
	require.NoError(t, b.Put(t.Context(), "a/b.json", []byte("x"), "application/json"))
	body, err := os.ReadFile(filepath.Join(dir, "a", "b.json"))
	require.NoError(t, err)
	require.Equal(t, "x", string(body))
	entries, err := os.ReadDir(filepath.Join(dir, "a"))
	require.NoError(t, err)
	require.Len(t, entries, 1, "no side files")

	// What a killed process left behind is no object.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a", "c.json.18b2f3c4d5e6f708.tmp"), []byte("half"), 0o600))
	require.Equal(t, []string{"a/b.json"}, keys(t, b, ""))

	// A key cannot leave the folder.
	require.NoError(t, b.Put(t.Context(), "../out", []byte("x"), ""))
	require.NoFileExists(t, filepath.Join(filepath.Dir(dir), "out"))

	require.NoError(t, os.RemoveAll(dir))
	require.ErrorContains(t, b.Probe(t.Context()), "write into file://"+dir)
	require.NoError(t, b.Put(t.Context(), "k", []byte("x"), ""), "the folder comes back with the next object")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	_, err = blob.Open(t.Context(), blob.Config{Bucket: filepath.Join(dir, "file")})
	require.ErrorContains(t, err, "open folder "+dir+"/file as a bucket")
}

// Listing goes on while files come and go.
func TestFolderListedUnderLoad(t *testing.T) {
	b := open(t, blob.Config{Bucket: t.TempDir()})
	require.NoError(t, b.Put(t.Context(), "stays", []byte("x"), ""))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			key := fmt.Sprintf("comes/%d", i%7)
			if err := errors.Join(b.Put(context.WithoutCancel(ctx), key, []byte("x"), ""), b.Delete(context.WithoutCancel(ctx), key)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 200 {
		require.True(t, slices.ContainsFunc(keys(t, b, ""), func(k string) bool { return k == "stays" }))
	}
	cancel()
	require.NoError(t, <-done)
}

func TestOpenRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg  blob.Config
		want string
	}{
		"no name":             {blob.Config{}, "it has no name"},
		"relative path":       {blob.Config{Bucket: "some/folder"}, "neither the name of a bucket nor an absolute path"},
		"relative URL":        {blob.Config{Bucket: "file://folder"}, "file:///absolute/path"},
		"other scheme":        {blob.Config{Bucket: "gs://bucket"}, "neither the name"},
		"endpoint, no scheme": {blob.Config{Bucket: "b", Endpoint: "minio:9000"}, `endpoint "minio:9000" does not begin with http://`},
		"half a key":          {blob.Config{Bucket: "b", AccessKey: "k"}, "together or not at all"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := blob.Open(t.Context(), tt.cfg)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestEnv(t *testing.T) {
	var env blob.Env
	require.NoError(t, config.LoadFrom(&env, []string{
		"OBJECT_STORAGE_BUCKET=posthog", "OBJECT_STORAGE_ENDPOINT=http://objectstorage:19000", "OBJECT_STORAGE_ACCESS_KEY_ID=k",
		"OBJECT_STORAGE_SECRET_ACCESS_KEY=s", "OBJECT_STORAGE_FORCE_PATH_STYLE=true",
	}))
	require.Equal(t, blob.Config{
		Bucket: "posthog", Endpoint: "http://objectstorage:19000", Region: "us-east-1", AccessKey: "k", SecretKey: "s", PathStyle: true,
	}, env.Config())
	require.Equal(t, "s3://posthog at http://objectstorage:19000", open(t, env.Config()).String())
	require.False(t, strings.Contains(fmt.Sprintf("%+v", env), "SECRET"))
}

// Without a key of its own a bucket uses what AWS's clients use.
func TestAmbientKey(t *testing.T) {
	s := testkit.S3(t)
	t.Setenv("AWS_ACCESS_KEY_ID", s.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s.SecretKey)
	t.Setenv("AWS_REGION", "")
	require.NoError(t, open(t, blob.Config{Bucket: s.Bucket, Endpoint: s.Endpoint}).Probe(t.Context()))
}

func second(_ []byte, err error) error { return err }

func firstError(b *blob.Bucket, ctx context.Context) error {
	for _, err := range b.List(ctx, "") {
		if err != nil {
			return err
		}
	}
	return nil
}
