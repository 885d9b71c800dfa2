package changejson_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/changejson"
	"github.com/weirstream/weir/engine/connector/table"
	"github.com/weirstream/weir/engine/types"
)

func TestEachFormSaysWhetherARowComesOrGoes(t *testing.T) {
	schema := types.Schema{{Name: "k", Type: types.String()}, {Name: "n", Type: types.BigInt()}, {Name: "at", Type: types.Timestamp(3)}}
	rows := batch.NewColumns(schema.Layout())
	for i, k := range []string{"a", "b", "b", "c"} {
		rows.Cols[0].(*batch.Strings).AppendString(k)
		if i == 1 {
			rows.Cols[1].AppendNull()
		} else {
			rows.Cols[1].(*batch.Fixed[int64]).Append(int64(i))
		}
		rows.Cols[2].(*batch.Fixed[int64]).Append(1500)
		rows.N++
	}
	kinds := []batch.RowKind{batch.Insert, batch.UpdateBefore, batch.UpdateAfter, batch.Delete}
	for _, c := range []struct {
		name    string
		options map[string]string
		want    string
	}{
		{"debezium-json", nil, `{"before":null,"after":{"k":"a","n":0,"at":"1970-01-01 00:00:01.5"},"op":"c"}
{"before":{"k":"b","n":null,"at":"1970-01-01 00:00:01.5"},"after":null,"op":"d"}
{"before":null,"after":{"k":"b","n":2,"at":"1970-01-01 00:00:01.5"},"op":"c"}
{"before":{"k":"c","n":3,"at":"1970-01-01 00:00:01.5"},"after":null,"op":"d"}
`},
		{"canal-json", map[string]string{"canal-json.encode.ignore-null-fields": "true"}, `{"data":[{"k":"a","n":0,"at":"1970-01-01 00:00:01.5"}],"type":"INSERT"}
{"data":[{"k":"b","at":"1970-01-01 00:00:01.5"}],"type":"DELETE"}
{"data":[{"k":"b","n":2,"at":"1970-01-01 00:00:01.5"}],"type":"INSERT"}
{"data":[{"k":"c","n":3,"at":"1970-01-01 00:00:01.5"}],"type":"DELETE"}
`},
		{"maxwell-json", map[string]string{"maxwell-json.timestamp-format.standard": "ISO-8601"}, `{"data":{"k":"a","n":0,"at":"1970-01-01T00:00:01.5"},"type":"insert"}
{"data":{"k":"b","n":null,"at":"1970-01-01T00:00:01.5"},"type":"delete"}
{"data":{"k":"b","n":2,"at":"1970-01-01T00:00:01.5"},"type":"insert"}
{"data":{"k":"c","n":3,"at":"1970-01-01T00:00:01.5"},"type":"delete"}
`},
	} {
		o := table.NewOptions("t", "q.sql:1:1")
		for key, value := range c.options {
			o.Set(key, value, "q.sql:1:1", false)
		}
		f, err := changejson.FromOptions(c.name)(o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Encoder(schema).(codec.ChangelogEncoder).AppendChanges(nil, rows, kinds)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, string(got)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if f.Name() != c.name {
			t.Errorf("the format %s calls itself %s", c.name, f.Name())
		}
	}
}

func TestWrongOptionsOfAFormAreRefused(t *testing.T) {
	o := table.NewOptions("t", "q.sql:1:1")
	o.Set("canal-json.timestamp-format.standard", "ISO", "q.sql:1:9", false)
	if _, err := changejson.FromOptions("canal-json")(o); err == nil {
		t.Error("a timestamp format that there is not is accepted")
	}
}
