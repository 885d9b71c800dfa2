package filesystem

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/jsonl"
	"github.com/weirstream/weir/engine/types"
)

// packed is a format that is no text, and a file of which is one record, as one is whose rows are found only from its end. A file
// begins with a magic of its own, which for all that it knows may mean something else in text. A row is its number, and
// its text behind the length.
type packed struct{ magic string }

func (packed) Name() string                            { return "packed" }
func (p packed) Framing() codec.Framing                { return p }
func (p packed) Decoder(types.Schema) codec.Decoder    { return &packedDecoder{magic: p.magic} }
func (p packed) Encoder(types.Schema) codec.Encoder    { return p }
func (packed) Text() bool                              { return false }
func (packed) Content(record []byte) []byte            { return record }
func (packed) Ends() codec.Ends                        { return nil }
func (p packed) AppendHeader(b []byte) ([]byte, error) { return append(b, p.magic...), nil }

func (packed) Next(data []byte, last bool) (n, lines int) {
	if !last {
		return 0, 0
	}
	return len(data), 0
}

func (packed) Append(dst []byte, c *batch.Columns) ([]byte, error) {
	for i := range c.N {
		text := c.Cols[1].(*batch.Strings).At(i)
		dst = binary.AppendUvarint(dst, uint64(c.Cols[0].(*batch.Fixed[int64]).V[i]))
		dst = append(binary.AppendUvarint(dst, uint64(len(text))), text...)
	}
	return dst, nil
}

type packedDecoder struct {
	magic string
	into  *batch.Columns
}

func (d *packedDecoder) Into(c *batch.Columns) { d.into = c }
func (d *packedDecoder) Skipped() int64        { return 0 }

func (d *packedDecoder) Decode(record []byte) (bool, error) {
	if !strings.HasPrefix(string(record), d.magic) {
		return false, &codec.Error{Reason: fmt.Sprintf("the file does not begin with %q", d.magic)}
	}
	in := input{rest: record[len(d.magic):]}
	for len(in.rest) > 0 {
		n, text := in.number(), in.text()
		if in.bad {
			return false, &codec.Error{At: len(record) - len(in.rest), Reason: "it is cut"}
		}
		d.into.Cols[0].(*batch.Fixed[int64]).Append(n)
		d.into.Cols[1].(*batch.Strings).AppendString(text)
		d.into.N++
	}
	return d.into.N > 0, nil
}

func TestEveryByteOfAFileThatIsNoTextIsItsFormats(t *testing.T) {
	for name, magic := range map[string]string{
		"its own": "PKD1", "that of gzip": "\x1f\x8b", "that of zstd": "\x28\xb5\x2f\xfd", "a byte order mark": "\xef\xbb\xbf", "that of UTF-16": "\xff\xfe",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var want []string
			for file := range 2 {
				put(t, dir, fmt.Sprint("part-", file), magic+testLines(packed{magic}, 100*file, 100))
				for i := range 100 {
					want = append(want, testRow(testBatch(100*file+i, 1).Data, 0))
				}
			}
			for _, blocks := range []int{0, 1, 7} {
				rows, err := readAll(t, newSource(t, SourceConfig{Path: dir, Format: packed{magic}, SplitBytes: 10}), blocks)
				if diff := cmp.Diff(want, rows); diff != "" || err != nil {
					t.Errorf("blocks of %d bytes: %v %s", blocks, err, diff)
				}
			}
		})
	}
}

func TestAnErrorInAFileThatIsNoTextNamesNoLine(t *testing.T) {
	dir := t.TempDir()
	content := "PKD1\n\n\n" + testLines(packed{}, 0, 3)
	put(t, dir, "a", content[:len(content)-1])
	_, err := readAll(t, newSource(t, SourceConfig{Path: dir, Format: packed{"PKD1\n\n\n"}}), 0)
	wantPermanent(t, err, "a: byte ", "it is cut")
	if strings.Contains(fmt.Sprint(err), "line") {
		t.Errorf("%v names a line", err)
	}
}

func TestARecordThatIsLargerThanAReaderTakesIsRefused(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a", strings.Repeat("x", maxRecordBytes+1))
	for format, remedy := range map[codec.Format]string{packed{}: "write smaller files", jsonl.Format{}: "check that the file has lines"} {
		_, err := readAll(t, newSource(t, SourceConfig{Path: dir, Format: format}), 0)
		wantPermanent(t, err, "a at byte 0: ", "the record is longer than 16 MiB", remedy)
	}
}
