package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/stream"
	"github.com/weirstream/weir/job"
)

func TestWordsAreCountedOnceThroughAKillAndARescale(t *testing.T) {
	lines, counts := enginetest.NewInput[Line](), enginetest.NewLedger[Count]()
	c := enginetest.Start(t, func(j *stream.Job) {
		stream.To(WordCount(enginetest.Rows(j, "lines", lines)), "counts", counts)
	}, enginetest.Parallelism(2))
	lines.Push(0, Line{"To be, or not"})
	c.Settle()
	lines.Push(0, Line{"to be!"})
	c.Kill()
	c.Rescale(3)
	lines.Push(0, Line{"– that"})
	lines.End()
	c.Wait()
	counts.Exactly(t, Count{"to", 1}, Count{"be", 1}, Count{"or", 1}, Count{"not", 1}, Count{"to", 2}, Count{"be", 2}, Count{"that", 1})
}

// TestTheProgramReadsAndWritesFiles builds what main runs, and runs it.
func TestTheProgramReadsAndWritesFiles(t *testing.T) {
	in, out := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(in, "a.jsonl"), []byte("{\"text\": \"ho ho\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	enginetest.Start(t, func(j *stream.Job) {
		if err := build(&job.Program{Job: j, Args: []string{"--input=" + in, "--output=" + out}}); err != nil {
			t.Fatal(err)
		}
	}).Wait()
	files, err := filepath.Glob(filepath.Join(out, "part-*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if want := "{\"word\":\"ho\",\"times\":1}\n{\"word\":\"ho\",\"times\":2}\n"; err != nil || string(text) != want {
		t.Errorf("it wrote %q, %v", text, err)
	}
}
