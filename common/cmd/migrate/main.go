// Command migrate creates the databases of the main app's tables that the services use, and brings them to
// the newest version: migrate all|main|persons [--fresh].
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/hog-go/hog/common/postgres/migrator"
	"github.com/hog-go/hog/common/schema"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return migrator.Command{
		Name:    "migrate",
		Targets: schema.Targets(),
		Args:    os.Args[1:],
		Getenv:  os.Getenv,
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
	}.Run(ctx)
}
