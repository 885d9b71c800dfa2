package expr

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/types"
)

// flinkValues are expressions with the values that Apache Flink 2.3.0 gave them on Java 17, in streaming mode and the zone
// UTC, each computed there over columns that held what stands here as constants. A line is the expression, Flink's value,
// and, where ours is meant to be another one, ours; such differences stand in the SQL reference. A string begins with a
// quote, a DATE with D and its days, a TIMESTAMP with T and its milliseconds; control characters and backslashes are \uXXXX.
//
//go:embed testdata/flink-2.3.0.tsv
var flinkValues string

func TestExpressionsGiveWhatFlinkGave(t *testing.T) {
	for n, line := range strings.Split(strings.TrimSuffix(flinkValues, "\n"), "\n") {
		f := strings.Split(line, "\t")
		if len(f) < 2 || len(f) > 3 {
			t.Fatalf("line %d has %d fields", n+1, len(f))
		}
		if got, want := valueOf(f[0]), f[len(f)-1]; got != want {
			t.Errorf("line %d: %s\tis %s\twant %s", n+1, f[0], got, want)
		}
	}
}

// valueOf computes an expression without columns, and writes its value as flinkValues does.
func valueOf(text string) string {
	e, err := bindText(text)
	if err != nil {
		return "refused"
	}
	r := &Run{}
	r.Start(testRows(1))
	v := Compile(e)(r, []int32{0})
	if r.Err() != nil {
		return "error"
	}
	s := showValue(v, e.Type(), 0)
	switch {
	case v.Null(0):
		return s
	case e.Type().String() == "DATE" || e.Type().String() == "TIMESTAMP(3)":
		return showNumber(v, e.Type())
	case e.Type().String() != "STRING":
		return s
	}
	var out strings.Builder
	out.WriteByte('\'')
	for _, c := range s {
		if c == '\\' || c == '\t' || c == '\n' || c == '\r' {
			fmt.Fprintf(&out, `\u%04x`, c)
		} else {
			out.WriteRune(c)
		}
	}
	return out.String()
}

func showNumber(v batch.Vector, typ types.Type) string {
	if typ.Is(types.KindDate) {
		return fmt.Sprintf("D%d", v.(*batch.Fixed[int32]).V[0])
	}
	return fmt.Sprintf("T%d", v.(*batch.Fixed[int64]).V[0])
}
