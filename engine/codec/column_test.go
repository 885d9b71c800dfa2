package codec

import (
	"math"
	"testing"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec/sqltime"
	"github.com/weirstream/weir/engine/types"
)

func TestTextThatIsNoValueIsRefusedWithItsReason(t *testing.T) {
	for _, c := range []struct {
		text string
		typ  types.Type
		want string
	}{
		{"x", types.Int(), "it is not an INT"},
		{"", types.Int(), "it is not an INT"},
		{"1.5", types.Int(), "it is not an INT"},
		{"2147483648", types.Int(), "the number does not fit INT"},
		{"99999999999999999999", types.Int(), "the number does not fit INT"},
		{"-9223372036854775809", types.BigInt(), "the number does not fit BIGINT"},
		{"9223372036854775808x", types.BigInt(), "it is not a BIGINT"},
		{"-", types.BigInt(), "it is not a BIGINT"},
		{"0x1p4", types.Double(), "it is not a DOUBLE"},
		{"maybe", types.Boolean(), "it is not a BOOLEAN"},
		{"2001-02-30", types.Date(), "it is not a DATE, which is written yyyy-MM-dd"},
		{"2001-02-03T04:05:06", types.Timestamp(3), "it is not a TIMESTAMP(3), which is written yyyy-MM-dd HH:mm:ss[.SSS]"},
		{"a\xff", types.String(), "it is not UTF-8"},
	} {
		s := types.Schema{{Name: "c", Type: c.typ}}
		into := batch.NewColumns(s.Layout())
		col := &NewColumns(s)[0]
		col.Bind(into.Cols[0])
		if err := col.AppendText([]byte(c.text), sqltime.SQL); err == nil || err.Error() != c.want {
			t.Errorf("%q as %v: %v, want %q", c.text, c.typ, err, c.want)
		}
		if n := into.Cols[0].Len(); n != 0 {
			t.Errorf("%q as %v: %d values beside the error", c.text, c.typ, n)
		}
	}
}

func TestDoublesAreReadAsJavaReadsThem(t *testing.T) {
	for text, want := range map[string]float64{
		"1": 1, "+1": 1, "-0": math.Copysign(0, -1), "1e3": 1000, ".5": .5, "5.": 5, "1d": 1, "1F": 1, "1.5e-3D": .0015,
		"Infinity": math.Inf(1), "-Infinity": math.Inf(-1), "+Infinity": math.Inf(1),
	} {
		if v, ok := ParseDouble([]byte(text)); !ok || v != want || math.Signbit(v) != math.Signbit(want) {
			t.Errorf("%q: %v, %v, want %v", text, v, ok, want)
		}
	}
	for _, text := range []string{"NaN", "-NaN", "+NaN"} {
		if v, ok := ParseDouble([]byte(text)); !ok || !math.IsNaN(v) {
			t.Errorf("%q: %v, %v", text, v, ok)
		}
	}
	for _, text := range []string{"", "+", "nan", "inf", "-inf", "INFINITY", "infinity", "1_0", "0x1p3", "1e400", "d", "1dd", "Infinityd", "NaNf", "1L"} {
		if v, ok := ParseDouble([]byte(text)); ok {
			t.Errorf("%q is read as %v", text, v)
		}
	}
}

func TestDoublesAreWrittenAsJavaDoes(t *testing.T) {
	for v, want := range map[float64]string{
		3: "3.0", -0.5: "-0.5", 0: "0.0", math.Copysign(0, -1): "-0.0", 9999999: "9999999.0", 1e7: "1.0E7", 1.25e-3: "0.00125", 1e-4: "1.0E-4",
		1.5e300: "1.5E300", math.Inf(1): "Infinity", math.Inf(-1): "-Infinity",
	} {
		if got := string(AppendJavaDouble(nil, v)); got != want {
			t.Errorf("%g is written %s, want %s", v, got, want)
		}
	}
	if got := string(AppendJavaDouble(nil, math.NaN())); got != "NaN" {
		t.Errorf("NaN is written %s", got)
	}
}
