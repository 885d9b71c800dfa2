// Command weir runs stateful streaming jobs, and watches and asks those that run. Its verbs are packages below
// internal/cli, what pods run is below internal/daemon.
package main

import (
	"context"
	"os"

	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/internal/commands"
)

// version is set by the linker.
var version = "dev"

func main() {
	p := cli.OfOS(version)
	os.Exit(p.Main(context.Background(), commands.Weir(p, commands.Real()), os.Args[1:]))
}
