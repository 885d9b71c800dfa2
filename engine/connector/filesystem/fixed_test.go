package filesystem

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/types"
)

// fixedWidth is a format without lines: records have a fixed number of bytes, whatever they hold, and the place of a record
// in its file says where it begins. It shows that nothing of how a file splits is known by the connector.
type fixedWidth struct{}

// What a record has of testSchema. Texts are filled up with line feeds, which end nothing here.
const (
	fixedNumber = 6
	fixedRecord = 64
)

func (fixedWidth) Name() string                          { return "fixed" }
func (fixedWidth) Framing() codec.Framing                { return fixedWidth{} }
func (fixedWidth) Decoder(types.Schema) codec.Decoder    { return &fixedDecoder{} }
func (fixedWidth) Encoder(types.Schema) codec.Encoder    { return fixedWidth{} }
func (fixedWidth) Text() bool                            { return false }
func (fixedWidth) Content(record []byte) []byte          { return record }
func (fixedWidth) Ends() codec.Ends                      { return fixedWidth{} }
func (fixedWidth) AppendHeader(b []byte) ([]byte, error) { return b, nil }

func (fixedWidth) Next(data []byte, last bool) (n, lines int) {
	if len(data) >= fixedRecord {
		return fixedRecord, 1
	}
	if last {
		return len(data), 1
	}
	return 0, 0
}

func (fixedWidth) First(data []byte, offset int64) int {
	if n := fixedRecord - int(offset%fixedRecord); n <= len(data) {
		return n
	}
	return 0
}

func (fixedWidth) Last(data []byte, offset int64) int {
	return max(0, len(data)-int((offset+int64(len(data)))%fixedRecord))
}

func (fixedWidth) Append(dst []byte, c *batch.Columns) ([]byte, error) {
	for i := range c.N {
		text := c.Cols[1].(*batch.Strings).At(i)
		dst = fmt.Appendf(dst, "%*d%s%s", fixedNumber, c.Cols[0].(*batch.Fixed[int64]).V[i], text,
			strings.Repeat("\n", fixedRecord-fixedNumber-len(text)))
	}
	return dst, nil
}

type fixedDecoder struct{ into *batch.Columns }

func (d *fixedDecoder) Into(c *batch.Columns) { d.into = c }

func (d *fixedDecoder) Decode(record []byte) (bool, error) {
	if len(record) != fixedRecord {
		return false, &codec.Error{Reason: fmt.Sprintf("a record of %d bytes", len(record))}
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(record[:fixedNumber])), 10, 64)
	if err != nil {
		return false, &codec.Error{Reason: err.Error()}
	}
	d.into.Cols[0].(*batch.Fixed[int64]).Append(n)
	d.into.Cols[1].(*batch.Strings).AppendString(string(bytes.TrimRight(record[fixedNumber:], "\n")))
	d.into.N++
	return true, nil
}

func (d *fixedDecoder) Skipped() int64 { return 0 }

func TestRecordsThatAreNoLinesAreReadWholeInEverySplitAndBlockSize(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 4))
		n := rng.IntN(30)
		content := testLines(fixedWidth{}, 0, n)
		var want []string
		for i := range n {
			want = append(want, testRow(testBatch(i, 1).Data, 0))
		}
		dir := t.TempDir()
		put(t, dir, "a", content)
		for range 8 {
			s := newSource(t, SourceConfig{Path: dir, Format: fixedWidth{}, SplitBytes: int64(1 + rng.IntN(len(content)+10))})
			rows, err := readAll(t, s, 1+rng.IntN(3*fixedRecord))
			if diff := cmp.Diff(want, rows); diff != "" || err != nil {
				t.Fatalf("seed %d: %v %s", seed, err, diff)
			}
		}
	}
}

func TestAFileThatEndsWithinARecordIsAnErrorOfItsPlace(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a", testLines(fixedWidth{}, 0, 3)[:3*fixedRecord-1])
	for split := range int64(3 * fixedRecord) {
		_, err := readAll(t, newSource(t, SourceConfig{Path: dir, Format: fixedWidth{}, SplitBytes: 1 + split}), 0)
		wantPermanent(t, err, "a: ", "byte 128: ", "a record of 63 bytes")
	}
}
