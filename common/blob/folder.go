package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
)

func openFolder(folder string) (*Bucket, error) {
	// Files are written beside their place: the directory for temporary files may be on another disk, whence none can be renamed.
	bucket, err := fileblob.OpenBucket(folder, &fileblob.Options{CreateDir: true, NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		return nil, fmt.Errorf("open folder %s as a bucket: %w", folder, err)
	}
	return &Bucket{name: "file://" + folder, bucket: bucket, folder: folder}, nil
}

// writeFile writes as fileblob does, to a temporary file that is renamed, and makes both steps last through a power cut.
func (b *Bucket) writeFile(ctx context.Context, key string, body io.Reader, options *blob.WriterOptions) error {
	ctx, cancel := context.WithCancel(ctx) // a write whose context has ended is not renamed into place
	defer cancel()
	var file *os.File
	options.BeforeWrite = func(as func(any) bool) error {
		if !as(&file) {
			return errors.New("fileblob does not show its file")
		}
		return nil
	}
	w, err := b.bucket.NewWriter(ctx, key, options)
	if err != nil {
		return err
	}
	if _, err = io.Copy(w, body); err == nil {
		err = file.Sync()
	}
	if err != nil {
		cancel()
		_ = w.Close() // removes the temporary file
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return b.syncDirs(filepath.Dir(file.Name()))
}

// syncDirs makes the entries of dir, and of those above it up to the folder itself, last.
func (b *Bucket) syncDirs(dir string) error {
	for ; len(dir) >= len(b.folder); dir = filepath.Dir(dir) {
		d, err := os.Open(dir)
		if err != nil {
			return err
		}
		err = errors.Join(d.Sync(), d.Close())
		if err != nil {
			return err
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
	return nil
}

func (b *Bucket) copyFile(ctx context.Context, dst, src string) error {
	r, err := b.bucket.NewReader(ctx, src, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	return b.writeFile(ctx, dst, r, &blob.WriterOptions{ContentType: "application/octet-stream"})
}

// Names that fileblob gives to files: those that are not complete end in the time and .tmp; letters of a key that a file name
// cannot hold become their number.
var (
	temporary = regexp.MustCompile(`\.[0-9a-f]{16}\.tmp$`)
	escaped   = regexp.MustCompile(`__0x[0-9a-f]+__`)
)

func unescape(name string) string {
	return escaped.ReplaceAllStringFunc(name, func(s string) string {
		n, err := strconv.ParseInt(s[4:len(s)-2], 16, 32)
		if err != nil {
			return s
		}
		return string(rune(n))
	})
}

// list gives the objects in and below the directory dir, whose keys begin with at, and tells whether to go on. fileblob's own
// listing goes by file names, which puts a folder before a file that S3 has first, and leaves such files out from its second page
// on; and it fails when a file goes away under it.
func (b *Bucket) list(ctx context.Context, dir, at, prefix string, yield func(Object, error) bool) bool {
	entries, err := os.ReadDir(dir)
	if err == nil {
		err = ctx.Err()
	}
	if errors.Is(err, fs.ErrNotExist) { // gone since it was seen, or not there yet
		return true
	}
	if err != nil {
		yield(Object{}, b.fail("list", prefix, err))
		return false
	}
	keys := make(map[string]fs.DirEntry, len(entries))
	for _, e := range entries {
		switch key := at + unescape(e.Name()); {
		case e.IsDir() && (strings.HasPrefix(key+"/", prefix) || strings.HasPrefix(prefix, key+"/")):
			keys[key+"/"] = e
		case e.Type().IsRegular() && strings.HasPrefix(key, prefix) && !temporary.MatchString(key):
			keys[key] = e
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if keys[key].IsDir() {
			if !b.list(ctx, filepath.Join(dir, keys[key].Name()), key, prefix, yield) {
				return false
			}
			continue
		}
		info, err := keys[key].Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			yield(Object{}, b.fail("list", prefix, err))
			return false
		}
		if !yield(Object{Key: key, Size: info.Size(), Modified: info.ModTime()}, nil) {
			return false
		}
	}
	return true
}

func probeFolder(folder string) error {
	f, err := os.CreateTemp(folder, "probe.*.0000000000000000.tmp")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
