package types

import (
	"testing"

	"github.com/weirstream/weir/engine/batch"
)

func TestTypesAreWrittenAsSQLHasThem(t *testing.T) {
	for _, c := range []struct {
		typ  Type
		want string
	}{
		{Null(), "NULL"},
		{Null().NotNull(), "NULL"},
		{Boolean(), "BOOLEAN"},
		{TinyInt(), "TINYINT"},
		{SmallInt(), "SMALLINT"},
		{Int().NotNull(), "INT NOT NULL"},
		{BigInt(), "BIGINT"},
		{Float(), "FLOAT"},
		{Double(), "DOUBLE"},
		{Decimal(10, 2).NotNull(), "DECIMAL(10, 2) NOT NULL"},
		{Char(3), "CHAR(3)"},
		{VarChar(20), "VARCHAR(20)"},
		{String(), "STRING"},
		{Binary(16), "BINARY(16)"},
		{VarBinary(16), "VARBINARY(16)"},
		{Bytes(), "BYTES"},
		{Date(), "DATE"},
		{Time(0), "TIME(0)"},
		{Timestamp(3), "TIMESTAMP(3)"},
		{TimestampLTZ(9), "TIMESTAMP_LTZ(9)"},
		{Array(Int().NotNull()).NotNull(), "ARRAY<INT NOT NULL> NOT NULL"},
		{Map(String().NotNull(), Array(Decimal(4, 0))), "MAP<STRING NOT NULL, ARRAY<DECIMAL(4, 0)>>"},
		{Row(Field{"a", Int()}, Field{"b`c", String().NotNull()}), "ROW<`a` INT, `b``c` STRING NOT NULL>"},
	} {
		if got := c.typ.SQL(); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	if got := Decimal(10, 2).NotNull().String(); got != "DECIMAL(10, 2)" {
		t.Errorf("without its own NOT NULL it is %s", got)
	}
}

func TestTypesAreEqualByAllThatTheyAre(t *testing.T) {
	all := []Type{
		Null(), Boolean(), Int(), BigInt(), Decimal(10, 2), Decimal(10, 3), Decimal(11, 2), Char(3), VarChar(3), VarChar(4), Timestamp(0), Timestamp(3), TimestampLTZ(3),
		Array(Int()), Array(Int().NotNull()), Map(Int(), Int()), Map(Int(), String()), Map(String(), Int()), Row(Field{"a", Int()}), Row(Field{"b", Int()}), Row(Field{"a", Int()}, Field{"b", Int()}),
	}
	for i, a := range all {
		for k, b := range all {
			if a.Equal(b) != (i == k) || a.Same(b) != (i == k) {
				t.Errorf("%s and %s: equal is %v, the same but for NULL %v", a.SQL(), b.SQL(), a.Equal(b), a.Same(b))
			}
		}
		without := a.NotNull()
		if a.Is(KindNull) {
			if !without.Equal(a) {
				t.Errorf("a bare NULL without NULL is %s", without.SQL())
			}
			continue
		}
		if without.Equal(a) || !without.Same(a) || !without.WithNull(true).Equal(a) {
			t.Errorf("%s without NULL is %s", a.SQL(), without.SQL())
		}
	}
}

func TestAValueOfATypeIsNotChangedThroughAnother(t *testing.T) {
	fields := []Field{{"a", Int()}}
	row := Row(fields...)
	fields[0].Name = "b"
	if got := row.SQL(); got != "ROW<`a` INT>" {
		t.Errorf("the row has become %s", got)
	}
	text := String()
	if _ = text.NotNull(); !text.Nullable() {
		t.Error("NotNull has changed the type that it was asked of")
	}
}

func TestPartsOfTypes(t *testing.T) {
	d, m := Decimal(10, 2), Map(String(), Array(Int()))
	if d.Precision() != 10 || d.Scale() != 2 || VarChar(7).Length() != 7 || Timestamp(6).Precision() != 6 {
		t.Error("a parameter is another one")
	}
	if !m.Key().Equal(String()) || !m.Element().Equal(Array(Int())) || !m.Element().Element().Equal(Int()) {
		t.Errorf("%s has keys of %s and values of %s", m.SQL(), m.Key().SQL(), m.Element().SQL())
	}
	if f := Row(Field{"a", Int()}, Field{"b", Date()}).Fields(); len(f) != 2 || f[1].Name != "b" || !f[1].Type.Equal(Date()) {
		t.Errorf("the fields are %v", f)
	}
}

func TestParametersAreWithinTheirBounds(t *testing.T) {
	for name, make := range map[string]func() Type{
		"no digits":              func() Type { return Decimal(0, 0) },
		"too many digits":        func() Type { return Decimal(39, 0) },
		"more behind than all":   func() Type { return Decimal(5, 6) },
		"an empty string":        func() Type { return VarChar(0) },
		"less than a nanosecond": func() Type { return Timestamp(10) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it is made")
				}
			}()
			make()
		})
	}
}

func TestWhichTypesColumnsHave(t *testing.T) {
	for _, c := range []struct {
		typ  Type
		want batch.Layout // 0: none
	}{
		{Boolean(), batch.Bool}, {Int(), batch.Int32}, {Date(), batch.Int32}, {BigInt(), batch.Int64}, {Timestamp(3), batch.Int64}, {Timestamp(0), batch.Int64},
		{Double(), batch.Float64}, {String(), batch.Text}, {String().NotNull(), batch.Text},
		{Null(), 0}, {TinyInt(), 0}, {Decimal(4, 2), 0}, {VarChar(5), 0}, {Timestamp(6), 0}, {TimestampLTZ(3), 0}, {Array(Int()), 0}, {Row(), 0},
	} {
		got, ok := c.typ.Layout()
		if ok != (c.want != 0) || ok && got != c.want {
			t.Errorf("%s: layout %d, %v; want %d", c.typ.SQL(), got, ok, c.want)
		}
	}
	layout := Schema{{"a", Int().NotNull()}, {"b", String()}}.Layout()
	if f := layout.Fields; len(f) != 2 || f[0] != (batch.Field{Name: "a", Layout: batch.Int32}) || f[1] != (batch.Field{Name: "b", Layout: batch.Text}) {
		t.Errorf("the layout is %v", f)
	}
}
