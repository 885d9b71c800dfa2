package typed_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/connectortest"
	"github.com/weirstream/weir/engine/connector/typed"
	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/stream"
)

type numbered struct {
	N    int64  `json:"n"`
	Text string `json:"text"`
}

// TestFilesAreReadAsTheSuiteDemands runs the suite of sources on files that are read as rows.
func TestFilesAreReadAsTheSuiteDemands(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for f := range 3 {
		var text strings.Builder
		for i := range 700 {
			row := numbered{int64(f*1000 + i), strings.Repeat("ä", i%7)}
			fmt.Fprintf(&text, "{\"n\": %d, \"text\": %q}\n", row.N, row.Text)
			want = append(want, fmt.Sprint(row))
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.jsonl", f)), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	connectortest.RunSource(t, connectortest.Source{
		New: func(t *testing.T) connector.Source {
			s, err := typed.Source[numbered](typed.Options{"connector": "filesystem", "path": dir, "format": "json"})
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		Row:  func(p batch.Payload, i int) string { return fmt.Sprint(p.(*batch.Rows[numbered]).V[i]) },
		Want: want,
	})
}

// all has a field of every type that a column has.
type all struct {
	Text     string     `json:"text"`
	Truth    bool       `json:"truth"`
	Int      int        `json:"int"`
	Int32    int32      `json:"int32"`
	Int64    int64      `json:"int64"`
	Float    float64    `json:"float"`
	At       time.Time  `json:"at"`
	MayText  *string    `json:"may_text"`
	MayTruth *bool      `json:"may_truth"`
	MayInt   *int32     `json:"may_int"`
	MayAt    *time.Time `json:"may_at"`
	Not      func()     `json:"-"`
	Plain    int64
}

// TestRowsOfEveryTypeAreWrittenAndReadBack writes rows to files in a job, and reads them in another.
func TestRowsOfEveryTypeAreWrittenAndReadBack(t *testing.T) {
	at := time.Date(2026, 11, 29, 13, 0, 0, 123e6, time.UTC)
	text, truth, number := "t", true, int32(-7)
	rows := []all{
		{Text: "a\"b\nc", Truth: true, Int: -1, Int32: 1 << 30, Int64: -1 << 62, Float: 1.25, At: at, MayText: &text, MayTruth: &truth, MayInt: &number, MayAt: &at, Plain: 9},
		{At: time.UnixMilli(0).UTC()},
		{Text: "ä", At: at.Add(time.Millisecond), MayText: new(string)},
	}
	files := typed.Options{"connector": "filesystem", "path": t.TempDir(), "format": "json"}
	input := enginetest.NewInput[all]()
	input.Push(0, rows...)
	input.End()
	enginetest.Start(t, func(j *stream.Job) {
		sink, err := typed.Sink[all](files)
		if err != nil {
			t.Fatal(err)
		}
		stream.To(enginetest.Rows(j, "in", input), "out", sink)
	}).Wait()

	ledger := enginetest.NewLedger[all]()
	enginetest.Start(t, func(j *stream.Job) {
		source, err := typed.Source[all](files)
		if err != nil {
			t.Fatal(err)
		}
		stream.To(stream.From[all](j, "in", source), "out", ledger)
	}).Wait()
	if diff := cmp.Diff(rows, ledger.Rows(), cmp.AllowUnexported(all{}), cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Not" }, cmp.Ignore())); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

// TestWhatTheConnectorCanIsNotLost: a job is still refused that would read its own output.
func TestWhatTheConnectorCanIsNotLost(t *testing.T) {
	files := typed.Options{"connector": "filesystem", "path": t.TempDir(), "format": "json"}
	sink, err := typed.Sink[numbered](files)
	if err != nil {
		t.Fatal(err)
	}
	places, placed := sink.(connector.PlaceWriter)
	if _, tells := sink.(connector.VisibleSink); !placed || !tells {
		t.Fatalf("%T tells no places", sink)
	}
	files["source.monitor-interval"] = "1 s"
	source, err := typed.Source[numbered](files)
	if err != nil {
		t.Fatal(err)
	}
	if reader, ok := source.(connector.PlaceReader); !ok || !reader.Reads(places.Writes("job", "out")) || source.Bounded() {
		t.Errorf("%T does not tell that it would read the output", source)
	}
	readers, err := source.Reader(context.Background(), connector.ReaderContext{Parallelism: 1, BatchRows: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := readers.(connector.Locator); !ok {
		t.Errorf("%T does not tell where a row stands", readers)
	}
	if err := readers.Close(); err != nil {
		t.Error(err)
	}
}

// TestRowsOfAnotherPlaceAreAnotherSource: positions in a topic or folder mean nothing in another (P9).
func TestRowsOfAnotherPlaceAreAnotherSource(t *testing.T) {
	topic := typed.Options{"connector": "kafka", "topic": "a", "properties.bootstrap.servers": "127.0.0.1:1", "format": "json", "scan.startup.mode": "earliest-offset"}
	source, err := typed.Source[numbered](topic)
	if err != nil {
		t.Fatal(err)
	}
	if _, lags := source.(connector.LagMeter); !lags {
		t.Errorf("%T does not know how far it is behind", source)
	}
	one := source.(connector.Identified).Identity()
	topic["properties.bootstrap.servers"] = "127.0.0.1:2"
	if same, err := typed.Source[numbered](topic); err != nil || same.(connector.Identified).Identity() != one {
		t.Errorf("at another address it is another source: %v", err)
	}
	topic["topic"] = "b"
	if other, err := typed.Source[numbered](topic); err != nil || other.(connector.Identified).Identity() == one || !strings.Contains(one, "topic a") {
		t.Errorf("another topic is the same source %q: %v", one, err)
	}

	files := func(dir string) func(*stream.Job) {
		return func(j *stream.Job) {
			source, err := typed.Source[numbered](typed.Options{"connector": "filesystem", "path": dir, "format": "json", "source.monitor-interval": "1 s"})
			if err != nil {
				t.Fatal(err)
			}
			stream.To(stream.From[numbered](j, "files", source), "out", enginetest.NewLedger[numbered]())
		}
	}
	first, second := t.TempDir(), t.TempDir()
	c := enginetest.Start(t, files(first))
	c.Checkpoint()
	if why := c.Refuses(files(first)); why != "" {
		t.Errorf("the same program is refused: %s", why)
	}
	if why := c.Refuses(files(second)); !strings.Contains(why, first) || !strings.Contains(why, "files") {
		t.Errorf("a program that reads another folder is not refused: %q", why)
	}
}

func TestWrongOptionsAndRowsAreRefusedWithTheirPlace(t *testing.T) {
	type odd struct{ C chan int }
	type empty struct{ c int }
	good := func(more ...string) typed.Options {
		o := typed.Options{"connector": "filesystem", "path": "/data", "format": "json"}
		for i := 0; i < len(more); i += 2 {
			o[more[i]] = more[i+1]
		}
		return o
	}
	_ = empty{}.c
	for name, c := range map[string]struct {
		open func() error
		want string
	}{
		"no connector":                     {func() error { _, err := typed.Source[numbered](nil); return err }, "there is no connector ''"},
		"a misspelt option":                {func() error { _, err := typed.Source[numbered](good("source.monitor-intervall", "1 s")); return err }, "did you mean 'source.monitor-interval'?"},
		"an option that is not the sink's": {func() error { _, err := typed.Sink[numbered](good("paht", "x")); return err }, "option 'paht' of table typed_test.numbered: there is no such option"},
		"a rate":                           {func() error { _, err := typed.Source[numbered](good("source.rows-per-second", "5")); return err }, "stream.RowsPerSecond"},
		"no struct":                        {func() error { _, err := typed.Source[int](good()); return err }, "rows of int have no columns"},
		"a type of no column":              {func() error { _, err := typed.Sink[odd](good()); return err }, "field C of typed_test.odd is of type chan int"},
		"no field":                         {func() error { _, err := typed.Sink[empty](good()); return err }, "typed_test.empty has no exported field"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.open(); err == nil || !strings.HasPrefix(err.Error(), "typed_test.go:") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("it says %v, and not %q with its place", err, c.want)
			}
		})
	}
}
