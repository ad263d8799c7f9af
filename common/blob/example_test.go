package blob_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/hog-go/hog/common/blob"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	bucket, err := blob.Open(ctx, blob.Config{Bucket: dir}) // or a bucket's name, with an Endpoint if it is not at AWS
	if err != nil {
		panic(err)
	}
	defer bucket.Close()

	for _, key := range []string{"maps/b.js.map", "maps/a.js.map", "other"} {
		if err := bucket.Put(ctx, key, []byte("{}"), "application/json"); err != nil {
			panic(err)
		}
	}
	for object, err := range bucket.List(ctx, "maps/") {
		fmt.Println(object.Key, object.Size, err)
	}
	_, err = bucket.Get(ctx, "maps/c.js.map")
	fmt.Println(errors.Is(err, blob.ErrNotFound))
	// Output:
	// maps/a.js.map 2 <nil>
	// maps/b.js.map 2 <nil>
	// true
}
