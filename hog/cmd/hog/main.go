// Command hog runs PostHog's services in one process: see the module's README, or hog --help.
package main

import (
	"os"

	"github.com/hog-go/hog/hog/internal/cli"
)

var version string // set by the build: -ldflags "-X main.version=1.2.3"

func main() { os.Exit(cli.Main(version)) }
