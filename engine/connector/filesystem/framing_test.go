package filesystem

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/csv"
	"github.com/weirstream/weir/engine/codec/jsonl"
	"github.com/weirstream/weir/engine/connector"
)

// readAll reads all that a source finds.
func readAll(t *testing.T, s *Source, blocks int) ([]string, error) {
	t.Helper()
	d, err := discover(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return readSplits(t, s, blocks, d.Splits...)
}

func TestQuotedLineBreaksAreReadWholeInEveryBlockSize(t *testing.T) {
	texts := []string{"plain", "a\nb", "\n", "x\r\ny\r", `"`, `,"` + "\n", "", "#no comment", strings.Repeat("long\n", 40)}
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 8))
		c := batch.NewColumns(testSchema.Layout())
		var want []string
		for range rng.IntN(30) {
			n, text := rng.Int64N(100), texts[rng.IntN(len(texts))]
			c.Cols[0].(*batch.Fixed[int64]).Append(n)
			c.Cols[1].(*batch.Strings).AppendString(text)
			c.N++
			want = append(want, fmt.Sprintf("%d %s", n, text))
		}
		f := csv.New()
		f.Header = seed%2 == 0
		e := f.Encoder(testSchema)
		content, err := e.AppendHeader(nil)
		if err == nil {
			content, err = e.Append(content, c)
		}
		if err != nil {
			t.Fatal(err)
		}
		if seed%3 == 0 {
			content = append([]byte("\xef\xbb\xbf"), content...)
		}
		dir := t.TempDir()
		put(t, dir, "a", string(content))
		for range 8 {
			s := newSource(t, SourceConfig{Path: dir, Format: f, SplitBytes: int64(1 + rng.IntN(len(content)+10))})
			rows, err := readAll(t, s, 1+rng.IntN(64))
			if diff := cmp.Diff(want, rows); diff != "" || err != nil {
				t.Fatalf("seed %d: %v %s", seed, err, diff)
			}
		}
	}
}

func TestFilesAreOneSplitWhereRecordsMaySpanLines(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a", "1,a\n2,b\n3,c\n")
	single := csv.New()
	single.SingleLine = true
	bare := csv.New()
	bare.Quote = 0
	for name, c := range map[string]struct {
		format codec.Format
		splits int
	}{"quotes": {csv.New(), 1}, "no line breaks": {single, 3}, "no quotes": {bare, 3}, "json": {jsonl.Format{}, 3}} {
		d, err := discover(t, newSource(t, SourceConfig{Path: dir, Format: c.format, SplitBytes: 4}), nil)
		if err != nil || len(d.Splits) != c.splits {
			t.Errorf("%s: %d splits, want %d, %v", name, len(d.Splits), c.splits, err)
		}
	}
}

func TestASplitOfAnEarlierVersionEndsWhereItEnded(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a", "1,a\n2,\"b\"\n3,c\n4,\"d\"\n")
	lines := newSource(t, SourceConfig{Path: dir, SplitBytes: 6}) // as JSON it is split anywhere
	d, err := discover(t, lines, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readSplits(t, newSource(t, SourceConfig{Path: dir, Format: csv.New()}), 3, d.Splits...)
	if diff := cmp.Diff([]string{"1 a", "2 b", "3 c", "4 d"}, got); diff != "" || err != nil || len(d.Splits) < 3 {
		t.Errorf("%d splits: %v %s", len(d.Splits), err, diff)
	}
}

func TestQuotesThatAreNeverClosedAreAnErrorOfTheirLine(t *testing.T) {
	dir := t.TempDir()
	rest := strings.Repeat("5,"+strings.Repeat("x", 997)+"\n", maxRecordBytes/1000+10)
	for name, content := range map[string]string{"to the end of the file": "1,a\n2,\"b\n3,c\n", "in the largest record": "1,a\n2,\"b\n3,c\n" + rest} {
		t.Run(name, func(t *testing.T) {
			put(t, dir, "a", content)
			defer func() {
				if err := os.Remove(filepath.Join(dir, "a")); err != nil {
					t.Error(err)
				}
			}()
			_, err := readAll(t, newSource(t, SourceConfig{Path: dir, Format: csv.New()}), 0)
			wantPermanent(t, err, "a: line 2, byte 6: ", "never closed")
			f := csv.New()
			f.IgnoreParseErrors = true
			rows, err := readAll(t, newSource(t, SourceConfig{Path: dir, Format: f}), 0)
			if err != nil || len(rows) < 2 || rows[0] != "1 a" || rows[1] != "3 c" || len(rows) != 2+len(content)/1000 {
				t.Errorf("%d rows, %v", len(rows), err)
			}
		})
	}
}

func TestEveryFileHasItsHeader(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a", "\xef\xbb\xbf\"n\",text\n1,a\n2,b\n")
	put(t, dir, "b", "n,text\r\n3,c\r\n")
	put(t, dir, "c", "n,text") // and nothing else
	f := csv.New()
	f.Header, f.SingleLine = true, true
	for split := range int64(20) {
		s := newSource(t, SourceConfig{Path: dir, Format: f, SplitBytes: split + 1})
		rows, err := readAll(t, s, 3)
		if diff := cmp.Diff([]string{"1 a", "2 b", "3 c"}, rows); diff != "" || err != nil {
			t.Fatalf("splits of %d bytes: %v %s", split+1, err, diff)
		}
	}
}

func TestAHeaderIsNotLookedForAfterARestore(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a", "n,text\n1,a\n2,b\n")
	f := csv.New()
	f.Header = true
	s := newSource(t, SourceConfig{Path: dir, Format: f})
	d, err := discover(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.Reader(t.Context(), connector.ReaderContext{Parallelism: 1, BatchRows: batch.TargetRows})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := made.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := made.Add(d.Splits[0], position{offset: 11, lines: 2}.append(nil)); err != nil {
		t.Fatal(err)
	}
	into := batch.Of(s.Payload())
	for into.Len() == 0 {
		p, err := made.Next(t.Context(), into)
		if err != nil {
			t.Fatal(err)
		}
		if p.Wait != nil {
			<-p.Wait
		} else if p.Done {
			break
		}
	}
	if into.Len() != 1 || testRow(into.Data, 0) != "2 b" {
		t.Errorf("%d rows", into.Len())
	}
	if place := made.(connector.Locator).Locate(0); !strings.HasSuffix(place, "a: line 3, byte 11") {
		t.Errorf("the row is at %s", place)
	}
}

func TestAFileThatIsNoTextIsRefusedWhateverItsName(t *testing.T) {
	for content, want := range map[string]string{
		"\x1f\x8b\x08\x00": "gzip", "\x28\xb5\x2f\xfdx": "zstd", "\xfd7zXZ\x00": "xz", "\xff\xfe1\x00": "UTF-16", "\xfe\xff\x001": "UTF-16",
	} {
		dir := t.TempDir()
		put(t, dir, "a.csv", content)
		f := csv.New()
		f.IgnoreParseErrors = true
		_, err := readAll(t, newSource(t, SourceConfig{Path: dir, Format: f}), 0)
		wantPermanent(t, err, "a.csv: the file is ", want, "UTF-8")
	}
}

func TestAFaultInARecordOfSeveralLinesNamesTheLineOfTheFault(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a", "1,\"a\nb\"\n2,\"c\nd\"x\n")
	_, err := readAll(t, newSource(t, SourceConfig{Path: dir, Format: csv.New()}), 0)
	wantPermanent(t, err, "a: line 4, byte 15: ", "closing quote")
}

func TestRowsOfAnArrayHaveThePlaceOfTheirRecord(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a", "{\"n\":1}\n[{\"n\":2},{\"n\":3}]\n{\"n\":4}\n")
	s := newSource(t, SourceConfig{Path: dir})
	d, err := discover(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.Reader(t.Context(), connector.ReaderContext{Parallelism: 1, BatchRows: batch.TargetRows})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := made.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := made.Add(d.Splits[0], nil); err != nil {
		t.Fatal(err)
	}
	into := batch.Of(s.Payload())
	for into.Len() == 0 {
		p, err := made.Next(t.Context(), into)
		if err != nil {
			t.Fatal(err)
		}
		if p.Wait != nil {
			<-p.Wait
		}
	}
	for row, want := range []string{"line 1, byte 0", "line 2, byte 8", "line 2, byte 8", "line 3, byte 26"} {
		if got := made.(connector.Locator).Locate(row); !strings.HasSuffix(got, want) {
			t.Errorf("row %d is at %s, want %s", row, got, want)
		}
	}
}

func TestEachFileOfASinkBeginsWithTheHeader(t *testing.T) {
	dir := t.TempDir()
	f := csv.New()
	f.Header = true
	s, err := NewSink(SinkConfig{Path: dir, Format: f, Schema: testSchema, FileBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	committables := prepare(t, s, testBatch(0, 2), testBatch(0, 0), testBatch(2, 1))
	if err := newCommitter(t, s, "sink/out").Commit(t.Context(), committables); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "part-*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || strings.Count(string(text), "n,text\n") != 1 || !strings.HasPrefix(string(text), "n,text\n") {
			t.Errorf("%s: %q, %v", file, text, err)
		}
	}
	rows, err := readAll(t, newSource(t, SourceConfig{Path: dir, Format: f}), 0)
	if err != nil || len(rows) != 3 {
		t.Errorf("%d rows are read back, %v", len(rows), err)
	}
}

func TestARowThatCouldNotBeReadBackEndsTheJob(t *testing.T) {
	f := csv.New()
	f.Quote = 0
	s, err := NewSink(SinkConfig{Path: t.TempDir(), Format: f, Schema: testSchema})
	if err != nil {
		t.Fatal(err)
	}
	b := testBatch(0, 1)
	text := b.Data.(*batch.Columns).Cols[1].(*batch.Strings)
	text.Reset()
	text.AppendString("a,b")
	err = newWriter(t, s).Write(t.Context(), b)
	wantPermanent(t, err, "filesystem sink ", `field "text"`, "needs quotes", "csv.escape-character")
	var bad *codec.Error
	if !errors.As(err, &bad) {
		t.Errorf("%T is no codec error", err)
	}
}
