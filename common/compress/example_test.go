package compress_test

import (
	"errors"
	"fmt"

	"github.com/hog-go/hog/common/compress"
)

func ExampleGunzip() {
	packed := []byte("\x1f\x8b\b\x00\x00\x00\x00\x00\x00\xff\xcaH\xcd\xc9\xc9\xd7Q@\xa6\x00\x01\x00\x00\xff\xff\x9f\xa1\xca\t\x13\x00\x00\x00")
	var buffer [1024]byte // from a pool, say
	out, err := compress.Gunzip(buffer[:0], packed, 100)
	fmt.Println(string(out), err)

	_, err = compress.Gunzip(buffer[:0], packed, 10)
	fmt.Println(err)
	if tooLarge, ok := errors.AsType[*compress.TooLargeError](err); ok {
		fmt.Println("limit", tooLarge.Limit)
	}
	// Output:
	// hello, hello, hello <nil>
	// decompressed output exceeded limit (11 > 10 bytes)
	// limit 10
}
