package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// buffer is what a command writes, while others read it.
type buffer struct {
	mu struct {
		sync.Mutex
		bytes.Buffer
	}
	// written is told of every write; nil: nobody waits.
	written chan struct{}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.written != nil {
		select {
		case b.written <- struct{}{}:
		default:
		}
	}
	return b.mu.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.String()
}

// process is a command's process, without the process.
type process struct {
	*app
	stdout, stderr *buffer
	signals        chan os.Signal
	env            map[string]string
}

// newProcess returns a process in an empty folder of the test's own.
func newProcess(t *testing.T) *process {
	t.Helper()
	folder := t.TempDir()
	t.Chdir(folder)
	return joinProcess(map[string]string{"XDG_RUNTIME_DIR": t.TempDir()})
}

// joinProcess returns another process of the same user, in the same folder.
func joinProcess(env map[string]string) *process {
	p := &process{stdout: &buffer{}, stderr: &buffer{written: make(chan struct{}, 1)}, signals: make(chan os.Signal, 2), env: env}
	p.app = &app{
		stdin: strings.NewReader(""), stdout: p.stdout, stderr: p.stderr,
		getenv: func(name string) string { return p.env[name] }, signals: p.signals,
		width: func() int { return 0 }, runJob: runJob, identityPause: identityPause,
	}
	return p
}

// run runs a command to its end.
func (p *process) run(args ...string) int { return p.main(context.Background(), args) }

// write puts a file into the working directory.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const (
	// endless runs until somebody ends it.
	endless = `CREATE TABLE g (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000',
  'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '1000000000');
CREATE TABLE o (id BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO o SELECT id FROM g;
`
	// printing ends by itself.
	printing = `CREATE TABLE g (id BIGINT) WITH ('connector' = 'datagen',
  'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '3');
CREATE TABLE o (id BIGINT) WITH ('connector' = 'print');
INSERT INTO o SELECT id * 10 FROM g WHERE id <> 2;
`
	// manifestOf goes before SQL that is indented by four.
	manifestOf = `apiVersion: weir.stream/v1alpha1
kind: StreamJob
metadata:
  name: delays
spec:
  parallelism: 2
  sql: |
`
)

func indented(sql string) string { return "    " + strings.ReplaceAll(sql, "\n", "\n    ") + "\n" }
