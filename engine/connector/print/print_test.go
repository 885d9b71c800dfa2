package print

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec/codectest"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/connectortest"
	"github.com/weirstream/weir/engine/fault"
)

func someRows() *batch.Batch {
	c := batch.NewColumns(codectest.Schema.Layout())
	for _, v := range c.Cols {
		v.AppendNull()
	}
	c.Cols[0].(*batch.Strings).AppendString("a b")
	c.Cols[1].(*batch.Fixed[bool]).Append(true)
	c.Cols[2].(*batch.Fixed[int32]).Append(-1)
	c.Cols[3].(*batch.Fixed[int64]).Append(2)
	c.Cols[4].(*batch.Fixed[float64]).Append(3)
	c.Cols[5].(*batch.Fixed[int32]).Append(1)
	c.Cols[6].(*batch.Fixed[int64]).Append(1500)
	c.N = 2
	return batch.Of(c)
}

func TestConformance(t *testing.T) {
	connectortest.RunPlainSink(t, func(*testing.T) connector.Sink { return New(new(bytes.Buffer), "", codectest.Schema) }, someRows)
}

func TestRowsArePrintedAsFlinkDoes(t *testing.T) {
	const first, second = "[null, null, null, null, null, null, null]\n", "[a b, true, -1, 2, 3.0, 1970-01-02, 1970-01-01T00:00:01.500]\n"
	for _, c := range []struct {
		name, identifier string
		parallelism      int
		kinds            []batch.RowKind
		want             string
	}{
		{"one subtask", "", 1, nil, "+I" + first + "+I" + second},
		{"an identifier", "out", 1, nil, "out> +I" + first + "out> +I" + second},
		{"several subtasks", "", 3, nil, "2> +I" + first + "2> +I" + second},
		{"both", "out", 3, nil, "out:2> +I" + first + "out:2> +I" + second},
		{"updates", "", 1, []batch.RowKind{batch.UpdateBefore, batch.UpdateAfter}, "-U" + first + "+U" + second},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			w, err := New(&out, c.identifier, codectest.Schema).Writer(t.Context(), connector.WriterContext{Subtask: 1, Parallelism: c.parallelism})
			if err != nil {
				t.Fatal(err)
			}
			b := someRows()
			b.Kind = c.kinds
			if err := w.Write(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if out.String() != c.want {
				t.Errorf("%swant %s", out.String(), c.want)
			}
		})
	}
}

func TestTimestampsHaveOnlyTheSecondsThatCount(t *testing.T) {
	for ms, want := range map[int64]string{
		0: "1970-01-01T00:00", 1000: "1970-01-01T00:00:01", 100: "1970-01-01T00:00:00.100", 120: "1970-01-01T00:00:00.120",
		123: "1970-01-01T00:00:00.123", -1: "1969-12-31T23:59:59.999", -500: "1969-12-31T23:59:59.500", -60000: "1969-12-31T23:59",
	} {
		if got := string(appendTimestamp(nil, ms)); got != want {
			t.Errorf("%d: %s, want %s", ms, got, want)
		}
	}
}

func TestRowsOfAGoTypeArePrinted(t *testing.T) {
	var out bytes.Buffer
	s := Rows(&out, "", func(dst []byte, n *int) []byte { return strconv.AppendInt(dst, int64(*n), 10) })
	w, err := s.Writer(t.Context(), connector.WriterContext{Parallelism: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(t.Context(), batch.Of(&batch.Rows[int]{V: []int{1, 2}})); err != nil || out.String() != "+I[1]\n+I[2]\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := w.Write(t.Context(), someRows()); err == nil || !strings.Contains(err.Error(), "Rows[int]") {
		t.Errorf("columns are taken for rows: %v", err)
	}
}

type broken struct{}

var errBroken = errors.New("broken pipe")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestAStreamThatFailsFailsTheWriter(t *testing.T) {
	w, err := New(broken{}, "", codectest.Schema).Writer(t.Context(), connector.WriterContext{Parallelism: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(t.Context(), someRows()); !errors.Is(err, errBroken) || fault.ClassOf(err) != fault.Permanent {
		t.Errorf("%v, want it to be permanent", err)
	}
}
