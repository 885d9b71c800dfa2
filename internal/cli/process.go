package cli

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

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/weirstream/weir/manifest"
)

// Process is the process that a command runs in. Nothing of it is changed while one runs.
type Process struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	// Signals are requests to end. One that comes sooner than SameSignal after the first is taken for the same: a terminal
	// or a supervisor may signal the process and then its group.
	Signals    <-chan os.Signal
	SameSignal time.Duration
	// Width is that of the terminal that Stderr is, in columns; 0: it is none.
	Width func() int
	// StdoutIsTerminal tells that what is printed stands between what is logged.
	StdoutIsTerminal bool
	// Version is that of the program.
	Version string
}

// OfOS is the process that this is, of a program with a version.
func OfOS(version string) *Process {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return &Process{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Signals: signals, SameSignal: 500 * time.Millisecond,
		Width: terminalWidth, StdoutIsTerminal: term.IsTerminal(int(os.Stdout.Fd())), Version: version,
	}
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

// Main runs one command of a root and returns the process's exit code.
func (p *Process) Main(ctx context.Context, root *cobra.Command, args []string) int {
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	// If nobody can be told why, the exit code says at least that.
	_, _ = fmt.Fprintf(p.Stderr, "%s: %s\n", root.Name(), OneLine(err.Error()))
	return exitCode(err)
}

// UsageError is the user's to mend: the same command can never succeed.
type UsageError struct{ Err error }

// Error is that of Err.
func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e UsageError) Unwrap() error { return e.Err }

// ExitError ends the process with a code of the verb's own.
type ExitError struct {
	Code int
	Err  error
}

// Error is that of Err.
func (e ExitError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e ExitError) Unwrap() error { return e.Err }

// Usagef returns a UsageError.
func Usagef(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// ErrKilled is the second signal's, for what takes a last checkpoint at the first.
var ErrKilled = errors.New("ended by a second signal, without a last checkpoint; the same command goes on from the newest one")

// exitCode tells wrong use from failure.
func exitCode(err error) int {
	var (
		usage UsageError
		wrong *manifest.Error
		own   ExitError
	)
	if errors.As(err, &own) {
		return own.Code
	}
	if errors.As(err, &usage) || errors.As(err, &wrong) {
		return 2
	}
	return 1
}

// OneLine is what errors.Join and libraries say in several, in one.
func OneLine(text string) string {
	lines := strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == '\r' })
	for i, l := range lines {
		lines[i] = strings.TrimSpace(l)
	}
	return strings.Join(lines, "; ")
}
