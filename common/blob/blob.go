// Package blob is object storage: a bucket of S3, or of a store that speaks its protocol, or a folder.
//
//	production    s3://posthog, or just posthog    S3; with an Endpoint: MinIO, SeaweedFS, R2, Ceph …
//	one machine   file:///var/lib/hog, or a path   a file for each object, named as its key
//
// Both behave alike: an object is there whole or not at all, is replaced by the next Put, and is listed as soon as Put has
// returned. What Put has taken into a folder is on the disk, not just with the operating system. A folder keeps no attributes:
// content types are forgotten there.
//
// Limits: in a folder a key cannot lie below another (a and a/b). Keys with an empty part (a//b), with ../ or with control
// characters are stored under another name, which reads and listings undo; objects that others stored so are not found. S3
// copies objects of up to 5 GiB.
//
// Open reaches for nothing, so a service starts while its store is away; [Bucket.Probe] tells whether the store is there.
// Every call goes by its context alone, so give it a deadline. Requests that fail for a reason that may pass are sent again up
// to Config.MaxAttempts times; [IsTemporary] tells such errors from lasting ones.
package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
)

// Bucket is safe for concurrent use. Make it with Open.
type Bucket struct {
	name   string // for errors and logs
	bucket *blob.Bucket

	// One of these two.
	folder string
	s3     *s3Client

	// plainCreate is set once the store has said that it has no conditional writes.
	plainCreate atomic.Bool
}

// s3Client is what gocloud.dev leaves to its caller.
type s3Client struct {
	client     *s3.Client
	bucketName string
	transport  *http.Transport
}

// Object is one entry of a listing.
type Object struct {
	Key      string
	Size     int64 // bytes
	Modified time.Time
}

// String names the bucket and where it is; it holds no secret.
func (b *Bucket) String() string { return b.name }

// URL is the address of the object under key, s3://bucket/key or file:///folder/key, for others to find it by.
func (b *Bucket) URL(key string) string {
	if b.s3 != nil {
		return "s3://" + b.s3.bucketName + "/" + key
	}
	return "file://" + b.folder + "/" + key
}

// Put stores body under key, in place of what was there.
func (b *Bucket) Put(ctx context.Context, key string, body []byte, contentType string) error {
	return b.fail("put", key, b.write(ctx, key, body, contentType, false))
}

// Create is Put unless there is an object under key already, which is ErrExists. Where a store knows no conditional writes it
// is Put. In a folder two processes may both succeed if they come within the same microseconds.
func (b *Bucket) Create(ctx context.Context, key string, body []byte, contentType string) error {
	if !b.plainCreate.Load() {
		err := b.write(ctx, key, body, contentType, true)
		if !unimplemented(err) {
			return b.fail("create", key, err)
		}
		b.plainCreate.Store(true)
	}
	return b.Put(ctx, key, body, contentType)
}

// write stores body; create makes that fail where there is an object.
func (b *Bucket) write(ctx context.Context, key string, body []byte, contentType string, create bool) error {
	options := &blob.WriterOptions{ContentType: contentType, IfNotExist: create}
	if contentType == "" {
		options.ContentType = "application/octet-stream"
	}
	if b.folder != "" {
		return b.writeFile(ctx, key, bytes.NewReader(body), options)
	}
	return b.bucket.Upload(ctx, key, bytes.NewReader(body), options) // a reader that can seek is not copied
}

// Get reads the object under key whole.
func (b *Bucket) Get(ctx context.Context, key string) ([]byte, error) {
	body, err := b.bucket.ReadAll(ctx, key)
	return body, b.fail("get", key, err)
}

// ReadAll is Get, under the name by which package hypercache asks for it.
func (b *Bucket) ReadAll(ctx context.Context, key string) ([]byte, error) { return b.Get(ctx, key) }

// Reader reads the object under key piece by piece, under ctx until Close.
func (b *Bucket) Reader(ctx context.Context, key string) (io.ReadCloser, error) {
	r, err := b.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, b.fail("read", key, err)
	}
	return r, nil
}

// ReadRange reads length bytes of the object from offset on, fewer where it ends before that. At its end or beyond the error is
// io.EOF itself.
func (b *Bucket) ReadRange(ctx context.Context, key string, offset, length int64) ([]byte, error) {
	if offset < 0 || length <= 0 {
		return nil, fmt.Errorf("read %s in %s: no range of %d bytes from %d on", key, b.name, length, offset)
	}
	r, err := b.bucket.NewRangeReader(ctx, key, offset, length, nil)
	if beyondEnd(err) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, b.fail("read", key, err)
	}
	defer r.Close()
	if offset >= r.Size() {
		return nil, io.EOF
	}
	body := make([]byte, min(length, r.Size()-offset))
	n, err := io.ReadFull(r, body)
	return body[:n], b.fail("read", key, err)
}

// pageSize is what S3 gives at most for one request.
const pageSize = 1000

// List gives the objects whose keys begin with prefix, in the order of their keys' bytes. Objects that come or go meanwhile may
// be in it or not. After an error it ends.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	if b.folder != "" {
		return func(yield func(Object, error) bool) { b.list(ctx, b.folder, "", prefix, yield) }
	}
	return func(yield func(Object, error) bool) {
		for token := blob.FirstPageToken; token != nil; {
			page, next, err := b.bucket.ListPage(ctx, token, pageSize, &blob.ListOptions{Prefix: prefix})
			if err != nil {
				yield(Object{}, b.fail("list", prefix, err))
				return
			}
			for _, o := range page {
				if !yield(Object{Key: o.Key, Size: o.Size, Modified: o.ModTime}, nil) {
					return
				}
			}
			token = next
		}
	}
}

// Stat looks an object up without reading it.
func (b *Bucket) Stat(ctx context.Context, key string) (Object, error) {
	a, err := b.bucket.Attributes(ctx, key)
	if err != nil {
		return Object{}, b.fail("look up", key, err)
	}
	return Object{Key: key, Size: a.Size, Modified: a.ModTime}, nil
}

// Exists tells whether there is an object under key. S3 does not say here that the bucket is missing: the answer is then false.
func (b *Bucket) Exists(ctx context.Context, key string) (bool, error) {
	_, err := b.Stat(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Delete removes the object under key. That there is none is no error.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	err := b.fail("delete", key, b.bucket.Delete(ctx, key))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// Copy stores the object under src under dst too, in place of what was there, without its bytes passing through a service.
func (b *Bucket) Copy(ctx context.Context, dst, src string) error {
	if b.folder != "" {
		return b.fail("copy", src, b.copyFile(ctx, dst, src))
	}
	return b.fail("copy", src, b.bucket.Copy(ctx, dst, src, nil))
}

// Probe tells why the bucket cannot be used: it asks S3 for it, or writes a file into the folder.
func (b *Bucket) Probe(ctx context.Context) error {
	if b.folder != "" {
		return b.fail("write into", "", probeFolder(b.folder))
	}
	_, err := b.s3.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(b.s3.bucketName)})
	if kind(err) == ErrNotFound { // the answer to HEAD has no body that would tell the two apart
		return &opError{op: "look for " + b.name, kind: ErrNoBucket, err: err}
	}
	return b.fail("look for", "", err)
}

// Close ends idle connections.
func (b *Bucket) Close() error {
	if b.s3 != nil {
		b.s3.transport.CloseIdleConnections()
	}
	return b.bucket.Close()
}
