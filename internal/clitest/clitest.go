// Package clitest is how commands are tested: a command's process without the process, jobs that run beside the test, and
// what a pod finds.
package clitest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/internal/commands"
)

// Buffer is what a command writes, while others read it.
type Buffer struct {
	mu struct {
		sync.Mutex
		bytes.Buffer
	}
	// Written is told of every write; nil: nobody waits.
	Written chan struct{}
}

// Write adds to what is written.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Written != nil {
		select {
		case b.Written <- struct{}{}:
		default:
		}
	}
	return b.mu.Write(p)
}

// String is all that was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.String()
}

// Process is a command's process, without the process. Before it runs a command, a test may change what is in it.
type Process struct {
	*cli.Process
	commands.Parts
	// Root, unless nil, is the command line of another program than weir.
	Root           func(*cli.Process) *cobra.Command
	Stdout, Stderr *Buffer
	Signals        chan os.Signal
	Env            map[string]string
}

// New returns a process in an empty folder of the test's own.
func New(t *testing.T) *Process {
	t.Helper()
	folder := t.TempDir()
	t.Chdir(folder)
	return Join(map[string]string{"XDG_RUNTIME_DIR": t.TempDir()})
}

// Join returns another process of the same user, in the same folder.
func Join(env map[string]string) *Process {
	p := &Process{Parts: commands.Real(), Stdout: &Buffer{}, Stderr: &Buffer{Written: make(chan struct{}, 1)}, Signals: make(chan os.Signal, 2), Env: env}
	p.Process = &cli.Process{
		Stdin: strings.NewReader(""), Stdout: p.Stdout, Stderr: p.Stderr,
		Getenv: func(name string) string { return p.Env[name] }, Signals: p.Signals,
		Width: func() int { return 0 }, Version: "dev",
	}
	return p
}

// Run runs a command to its end, and returns its exit code.
func (p *Process) Run(args ...string) int {
	if p.Root != nil {
		return p.Main(context.Background(), p.Root(p.Process), args)
	}
	return p.Main(context.Background(), commands.Weir(p.Process, p.Parts), args)
}

// Write puts a file into the working directory.
func Write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What jobs are made of.
const (
	// Endless runs until somebody ends it.
	Endless = `CREATE TABLE g (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000',
  'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '1000000000');
CREATE TABLE o (id BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO o SELECT id FROM g;
`
	// Printing ends by itself.
	Printing = `CREATE TABLE g (id BIGINT) WITH ('connector' = 'datagen',
  'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '3');
CREATE TABLE o (id BIGINT) WITH ('connector' = 'print');
INSERT INTO o SELECT id * 10 FROM g WHERE id <> 2;
`
	// ManifestOf goes before SQL that is Indented by four.
	ManifestOf = `apiVersion: weir.stream/v1alpha1
kind: StreamJob
metadata:
  name: delays
spec:
  parallelism: 2
  sql: |
`
)

// Indented is SQL as it goes below ManifestOf.
func Indented(sql string) string { return "    " + strings.ReplaceAll(sql, "\n", "\n    ") + "\n" }
