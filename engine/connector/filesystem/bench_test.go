package filesystem

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec/jsonl"
	"github.com/weirstream/weir/engine/connector"
)

// BenchmarkRead reads a local file of JSON lines to its end, read-ahead and decoding included.
func BenchmarkRead(b *testing.B) {
	const rows = 200_000
	dir := b.TempDir()
	chunk := []byte(testLines(jsonl.Format{}, 0, 1000))
	content := bytes.Repeat(chunk, rows/1000)
	if err := os.WriteFile(filepath.Join(dir, "a.json"), content, 0o600); err != nil {
		b.Fatal(err)
	}
	s, err := NewSource(SourceConfig{Path: dir, Format: jsonl.Format{}, Schema: testSchema})
	if err != nil {
		b.Fatal(err)
	}
	e, err := s.Enumerator(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	found, err := e.Discover(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	into := batch.Of(s.Payload())
	n := 0
	for b.Loop() {
		r, err := s.Reader(b.Context(), connector.ReaderContext{Parallelism: 1, BatchRows: batch.TargetRows})
		if err != nil {
			b.Fatal(err)
		}
		for _, split := range found.Splits {
			if err := r.Add(split, nil); err != nil {
				b.Fatal(err)
			}
		}
		for {
			into.Reset()
			p, err := r.Next(b.Context(), into)
			if err != nil {
				b.Fatal(err)
			}
			n += into.Len()
			if p.Wait != nil {
				<-p.Wait
			} else if p.Split == "" {
				break
			}
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
}
