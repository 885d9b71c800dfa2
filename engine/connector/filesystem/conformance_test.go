package filesystem

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/csv"
	"github.com/weirstream/weir/engine/codec/jsonl"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/connectortest"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storagetest"
	"github.com/weirstream/weir/engine/storage/storageurl"
	"github.com/weirstream/weir/engine/types"
)

var testSchema = types.Schema{{Name: "n", Type: types.BigInt()}, {Name: "text", Type: types.String()}}

// testText makes records of different lengths.
func testText(i int) string { return strings.Repeat("x", i*i%37) }

func testBatch(from, n int) *batch.Batch {
	c := batch.NewColumns(testSchema.Layout())
	for i := from; i < from+n; i++ {
		c.Cols[0].(*batch.Fixed[int64]).Append(int64(i))
		c.Cols[1].(*batch.Strings).AppendString(testText(i))
	}
	c.N = n
	return batch.Of(c)
}

func testRow(p batch.Payload, i int) string {
	c := p.(*batch.Columns)
	return fmt.Sprintf("%d %s", c.Cols[0].(*batch.Fixed[int64]).V[i], c.Cols[1].(*batch.Strings).At(i))
}

func testLines(f codec.Format, from, n int) string {
	lines, err := f.Encoder(testSchema).Append(nil, testBatch(from, n).Data.(*batch.Columns))
	if err != nil {
		panic(err) // all of it can be written
	}
	return string(lines)
}

// put writes a file into a place.
func put(t *testing.T, place, key, content string) {
	t.Helper()
	b := open(t, place)
	w, err := b.Writer(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, place string) storage.Bucket {
	t.Helper()
	b, err := storage.Open(context.Background(), place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

var placeNumber atomic.Int64

// places are the stores that the connector is tested on; each call of the function gives an empty place.
func places(t *testing.T) map[string]func(t *testing.T) string {
	s3 := storagetest.StartS3(t)
	return map[string]func(*testing.T) string{
		"file": func(t *testing.T) string { return t.TempDir() },
		"mem": func(t *testing.T) string {
			return fmt.Sprintf("mem://filesystem-%d/in", placeNumber.Add(1)) // a name is a bucket of the whole process
		},
		"s3": func(t *testing.T) string {
			place, err := storageurl.Join(s3.URL, fmt.Sprint("place", placeNumber.Add(1)))
			if err != nil {
				t.Fatal(err)
			}
			return place
		},
	}
}

func TestSourceConformance(t *testing.T) {
	for store, newPlace := range places(t) {
		for _, c := range []struct {
			name   string
			format codec.Format
			split  int64
			order  connector.SplitOrder
			// portion is how many splits are handed out at once.
			portion int
		}{
			{"json in one split for each file", jsonl.Format{}, 0, connector.OrderNone, portionSplits},
			{"json in one split for each file, handed out one by one", jsonl.Format{}, 0, connector.OrderNone, 1},
			{"json in many splits", jsonl.Format{}, 1000, connector.OrderPath, portionSplits},
			{"csv in splits shorter than a record", csv.New(), 17, connector.OrderNone, 2},
			{"records that are no lines, in splits shorter than one", fixedWidth{}, 17, connector.OrderNone, 2},
			{"records that are no lines, in many splits", fixedWidth{}, 1000, connector.OrderPath, portionSplits},
		} {
			t.Run(store+"/"+c.name, func(t *testing.T) {
				place := newPlace(t)
				var want []string
				n := 300
				if c.split > 0 && c.split < 100 {
					n = 20
				}
				for file := range 3 {
					put(t, place, fmt.Sprintf("day=%d/part", file), testLines(c.format, file*n, n))
					for i := range n {
						want = append(want, testRow(testBatch(file*n+i, 1).Data, 0))
					}
				}
				put(t, place, "_SUCCESS", "no data")
				put(t, place, "day=1/.hidden", "no data")
				connectortest.RunSource(t, connectortest.Source{
					New: func(t *testing.T) connector.Source {
						s, err := NewSource(SourceConfig{Path: place, Format: c.format, Schema: testSchema, SplitBytes: c.split, Order: c.order})
						if err != nil {
							t.Fatal(err)
						}
						s.portion = c.portion
						return s
					},
					Row: testRow, Want: want,
				})
			})
		}
	}
}

func TestSinkConformance(t *testing.T) {
	for store, newPlace := range places(t) {
		for _, size := range []int64{0, 100} { // 100 bytes: several files for each checkpoint
			t.Run(fmt.Sprintf("%s/files of %d bytes", store, size), func(t *testing.T) {
				connectortest.RunSink(t, connectortest.Sink{
					New: func(t *testing.T, place string) connector.Sink {
						s, err := NewSink(SinkConfig{Path: place, Format: jsonl.Format{}, Schema: testSchema, FileBytes: size})
						if err != nil {
							t.Fatal(err)
						}
						return s
					},
					Place:   newPlace,
					Batch:   testBatch,
					Row:     func(i int) string { return strings.TrimSuffix(testLines(jsonl.Format{}, i, 1), "\n") },
					Visible: func(t *testing.T, place string) map[string][]string { return lines(t, place, false) },
					Staged:  func(t *testing.T, place string) int { return len(lines(t, place, true)) },
				})
			})
		}
	}
}

// lines returns the lines of the files that are staged, or of those that are visible.
func lines(t *testing.T, place string, staged bool) map[string][]string {
	t.Helper()
	b := open(t, place)
	objects, err := b.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, o := range objects {
		if strings.HasPrefix(o.Key, stagingFolder) != staged {
			continue
		}
		body, err := b.Read(t.Context(), o.Key)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(o.Key)] = strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	}
	return out
}
