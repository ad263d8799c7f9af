package app_test

import (
	"context"
	"fmt"

	"github.com/hog-go/hog/common/app"
)

func ExampleApp() {
	worker := func(name string) app.Component {
		return app.Component{Name: name, Run: func(ctx context.Context) error {
			<-ctx.Done()
			fmt.Println(name, "stopped")
			return nil
		}}
	}
	a := app.New(app.Options{Name: "capture"})
	a.ReadyWhen("kafka", func() (bool, string) { return true, "" })
	a.Add(worker("producer"), worker("http")) // http is the first to stop, while the producer still works

	ctx, cancel := context.WithCancel(context.Background())
	fmt.Println(a.Ready())
	cancel()
	fmt.Println(a.Run(ctx))
	// Output:
	// false starting
	// http stopped
	// producer stopped
	// <nil>
}
