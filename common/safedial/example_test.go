package safedial_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/hog-go/hog/common/safedial"
)

func ExampleNewClient() {
	client := safedial.NewClient(safedial.Options{}, 30*time.Second)
	_, err := client.Get("http://169.254.169.254/latest/meta-data/") // a cloud's metadata service
	fmt.Println(errors.Is(err, safedial.ErrNoPublicIPv4))
	// Output: true
}
