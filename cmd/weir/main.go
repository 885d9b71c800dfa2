// Command weir runs stateful streaming jobs, and watches and asks those that run. Its verbs are packages below
// internal/cli, what pods run is below internal/daemon.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/internal/commands"
)

// version is set by the linker.
var version = "dev"

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	p := &cli.Process{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Signals: signals, SameSignal: 500 * time.Millisecond,
		Width: terminalWidth, StdoutIsTerminal: term.IsTerminal(int(os.Stdout.Fd())), Version: version,
	}
	os.Exit(p.Main(context.Background(), commands.Weir(p, commands.Real()), os.Args[1:]))
}

func terminalWidth() int {
	fd := int(os.Stderr.Fd())
	if !term.IsTerminal(fd) {
		return 0
	}
	width, _, err := term.GetSize(fd)
	if err != nil || width <= 0 {
		return 80
	}
	return width
}
