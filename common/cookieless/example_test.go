package cookieless_test

import (
	"fmt"

	"github.com/hog-go/hog/common/cookieless"
)

func ExampleRootDomain() {
	fmt.Println(cookieless.RootDomain("https://shop.example.co.uk/basket?id=1"))
	fmt.Println(cookieless.RootDomain("localhost:3000"))
	// Output:
	// example.co.uk
	// 127.0.0.1:3000
}
