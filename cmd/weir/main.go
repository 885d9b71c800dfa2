// Command weir runs stateful streaming jobs, and watches and asks those that run. It is thin: a file for each verb, which
// reads flags and files, calls the package that does the work, and shows what came of it.
//
// What a command says of its result goes to standard output, all else to standard error. A failure is one line there. The
// exit code is 0 if it is done, 2 if what the user wrote is wrong (flags, manifest, SQL: the same command can never
// succeed), and 1 for any other failure.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/weirstream/weir/controllers"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/manifest"
)

// version is set by the linker.
var version = "dev"

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	a := &app{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		getenv: os.Getenv, signals: signals, sameSignal: 500 * time.Millisecond, identityPause: identityPause, width: terminalWidth, runJob: runJob, runOperator: controllers.Run,
		stdoutIsTerminal: term.IsTerminal(int(os.Stdout.Fd())),
	}
	os.Exit(a.main(context.Background(), os.Args[1:]))
}

// app is the process that a command runs in.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	// signals are requests to end. One that comes sooner than sameSignal after the first is taken for the same: a terminal
	// or a supervisor may signal the process and then its group.
	signals    <-chan os.Signal
	sameSignal time.Duration
	// identityPause is how often a coordinator looks for another identity.
	identityPause time.Duration
	// width is that of the terminal that stderr is, in columns; 0: it is none.
	width func() int
	// runJob runs a job until it ends.
	runJob func(context.Context, *manifest.Job, runOptions) (job.Result, error)
	// runOperator is an operator until its context is done.
	runOperator func(context.Context, controllers.Options) error
	// stdoutIsTerminal tells that what is printed stands between what is logged.
	stdoutIsTerminal bool
}

// main runs one command and returns the process's exit code.
func (a *app) main(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	// If nobody can be told why, the exit code says at least that.
	_, _ = fmt.Fprintf(a.stderr, "weir: %s\n", oneLine(err.Error()))
	return exitCode(err)
}

// usageError is the user's to mend: the same command can never succeed.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exitCode tells wrong use from failure.
func exitCode(err error) int {
	var (
		usage usageError
		wrong *manifest.Error
	)
	if errors.As(err, &usage) || errors.As(err, &wrong) {
		return 2
	}
	return 1
}

// oneLine is what errors.Join and libraries say in several, in one.
func oneLine(text string) string {
	lines := strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == '\r' })
	for i, l := range lines {
		lines[i] = strings.TrimSpace(l)
	}
	return strings.Join(lines, "; ")
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
