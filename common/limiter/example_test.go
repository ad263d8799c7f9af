package limiter_test

import (
	"fmt"
	"time"

	"github.com/hog-go/hog/common/limiter"
)

func ExampleOverflow() {
	o, err := limiter.NewOverflow(limiter.OverflowConfig{PerSecond: 1, Burst: 2, ForcedKeys: "noisy"}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Now()
	for range 3 {
		fmt.Println(o.Check([]byte("token:user"), now) == limiter.Limited)
	}
	fmt.Println(o.Check([]byte("noisy:user"), now) == limiter.Forced)
	// Output:
	// false
	// false
	// true
	// true
}
