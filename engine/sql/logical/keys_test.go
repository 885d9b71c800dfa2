package logical_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/window"
)

// keysOf writes the keys of what each INSERT of a script gives, by the names of the table's columns.
func keysOf(t *testing.T, text string) (unique, upsert []string) {
	t.Helper()
	in := bound(t, text).Inserts[0]
	k := logical.Keying{}.Of(in.Input)
	names := func(keys []logical.Key) (out []string) {
		for _, key := range keys {
			var columns []string
			for _, c := range key {
				columns = append(columns, in.Into.Physical[c].Name)
			}
			out = append(out, strings.Join(columns, "+"))
		}
		return out
	}
	return names(k.Unique), names(k.Upsert)
}

func TestByWhatRowsAreToldApart(t *testing.T) {
	const tables = `CREATE TABLE t (k INT, v INT, s STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'x');
		CREATE TABLE o (a INT, b INT, n BIGINT, x TIMESTAMP(3), y TIMESTAMP(3)) WITH ('connector' = 'x');
		CREATE VIEW agg AS SELECT k, v, COUNT(*) AS n, window_start AS ws, window_end AS we, window_time AS wt
			FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY k, v, window_start, window_end, window_time;`
	const hop = "TABLE(HOP(TABLE agg, DESCRIPTOR(wt), INTERVAL '1' HOUR, INTERVAL '3' HOUR))"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"rows of a table are not", "SELECT k, v, 1, ts, ts FROM t", nil},
		{"a group has one result in a window, whose columns all name it", "SELECT k, v, n, ws, we FROM agg", []string{"a+b+x", "a+b+y"}},
		{"its last moment names a window too", "SELECT k, v, n, wt, ts FROM (SELECT k, v, n, wt, wt AS ts FROM agg)", []string{"a+b+x"}},
		{"a filter takes no key away", "SELECT k, v, n, ws, we FROM agg WHERE n > 3", []string{"a+b+x", "a+b+y"}},
		{"a key goes with one of its columns", "SELECT k, k, n, ws, we FROM agg", nil},
		{"and with what is made of one", "SELECT k, v + 1, n, ws, we FROM agg", nil},
		{"columns may change their places", "SELECT v, k, n, we, we FROM agg", []string{"a+b+x"}},
		{"a group without columns is told by its window", "SELECT 1, 2, COUNT(*), window_start, window_end FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY window_start, window_end", []string{"x", "y"}},
		{"branches may give the same row", "SELECT * FROM (SELECT k, v, n, ws, we FROM agg UNION ALL SELECT k, v, n, ws, we FROM agg)", nil},
		{"windows that do not overlap have a row once", "SELECT k, v, n, ws, window_end FROM " + strings.Replace(hop, "HOP(TABLE agg, DESCRIPTOR(wt), INTERVAL '1' HOUR,", "TUMBLE(TABLE agg, DESCRIPTOR(wt),", 1), []string{"a+b+x"}},
		{"windows that overlap have it several times", "SELECT k, v, n, ws, window_end FROM " + hop, []string{"a+b+x+y"}},
		{"the start of windows that cumulate does not tell", "SELECT k, v, n, window_start, window_end FROM " + strings.Replace(hop, "HOP(", "CUMULATE(", 1), nil},
		{"but their end does, with what tells the rows", "SELECT k, v, n, ws, window_end FROM " + strings.Replace(hop, "HOP(", "CUMULATE(", 1), []string{"a+b+x+y"}},
		{"nor that of what is aggregated in them", "SELECT k, 1, COUNT(*), window_start, window_end FROM TABLE(CUMULATE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '3' HOUR)) GROUP BY k, window_start, window_end", []string{"a+y"}},
		{"so that it is told apart no more without the window", "SELECT k, v, n, ws, we FROM " + hop, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			unique, upsert := keysOf(t, tables+"INSERT INTO o "+c.text)
			if diff := cmp.Diff(c.want, unique); diff != "" {
				t.Errorf("the unique keys differ: %s", diff)
			}
			if diff := cmp.Diff(c.want, upsert); diff != "" {
				t.Errorf("the upsert keys differ: %s", diff)
			}
		})
	}
}

// keyed is a made-up op whose rows are unique by more than they are in order by, as those of a join are: no text gives one yet.
type keyed struct {
	logical.Op
	keys logical.Keys
}

func (*keyed) Reads() []*logical.Relation            { return nil }
func (k *keyed) RowKeys([]logical.Keys) logical.Keys { return k.keys }

func TestWhatIsUniqueIsNotAlwaysAnUpsertKey(t *testing.T) {
	from := &keyed{keys: logical.Keys{Unique: []logical.Key{{0}, {1, 2}}, Upsert: []logical.Key{{1, 2}}}}
	input := &logical.Relation{Op: from, Columns: make([]logical.Column, 3)}
	column := func(i int) expr.Expr { return &expr.Column{Index: i} }
	for _, c := range []struct {
		name string
		op   logical.Op
		want logical.Keys
	}{
		{"both are projected", &logical.Calc{Input: input, Out: []expr.Expr{column(2), column(1), column(0)}},
			logical.Keys{Unique: []logical.Key{{2}, {0, 1}}, Upsert: []logical.Key{{0, 1}}}},
		{"the upsert key is not", &logical.Calc{Input: input, Out: []expr.Expr{column(0), column(1)}}, logical.Keys{Unique: []logical.Key{{0}}}},
		{"windows that do not overlap", &logical.Window{Input: input, Windowing: logical.NewWindowing("TUMBLE", window.Tumble(1, 0), "ts")}, from.keys},
		{"windows that do", &logical.Window{Input: input, Windowing: logical.NewWindowing("HOP", window.Hop(1, 2, 0), "ts")}, logical.Keys{
			Unique: []logical.Key{{0, 3}, {1, 2, 3}, {0, 4}, {1, 2, 4}, {0, 5}, {1, 2, 5}}, Upsert: []logical.Key{{1, 2, 3}, {1, 2, 4}, {1, 2, 5}},
		}},
		{"a union", &logical.Union{Inputs: []*logical.Relation{input}}, logical.Keys{}},
	} {
		if diff := cmp.Diff(c.want, logical.Keying{}.Of(&logical.Relation{Op: c.op})); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}
