package physical

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/sql/bind"
	"github.com/weirstream/weir/engine/sql/parser"
)

const tables = `CREATE TABLE t (k INT, s STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'x');
CREATE TABLE u (k INT, s STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'x');
CREATE TABLE plain (k INT, twice AS k * 2) WITH ('connector' = 'x');
CREATE TABLE o (k INT) WITH ('connector' = 'x');
CREATE TABLE w (k INT, at TIMESTAMP(3)) WITH ('connector' = 'x');
`

const hour = "TABLE(TUMBLE(TABLE %s, DESCRIPTOR(ts), INTERVAL '1' HOUR))"

func over(relation string) string { return fmt.Sprintf(hour, relation) }

// describe writes each node with what it reads (< as it is, # by key) and what it does.
func describe(p *Plan) string {
	var b strings.Builder
	for _, n := range p.Nodes {
		b.WriteString(n.UID)
		for _, in := range n.Inputs {
			sign := "<"
			if in.Keyed {
				sign = "#"
			}
			b.WriteString(" " + sign + " " + in.From.UID)
		}
		switch op := n.Op.(type) {
		case *Calc:
			fmt.Fprintf(&b, ": %d of %d", len(op.Spec.Filter), len(op.Spec.Out))
		case *Assign:
			fmt.Fprintf(&b, ": columns %v, late rows stay: %v", op.Spec.Out, op.Spec.KeepLate)
		case *KeyBy:
			fmt.Fprintf(&b, ": key %v, row %v", op.Spec.Keys, op.Spec.Out)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestHowAPlanIsCarriedOut(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"computed columns without event time are an operator", "INSERT INTO o SELECT twice FROM plain",
			`source/plain
source/plain/computed.1 < source/plain
o/calc.1 < source/plain/computed.1: 0 of 1
sink/o < o/calc.1
`},
		{"a filter stands below the window that it does not read", "INSERT INTO w SELECT k + 1, window_end FROM " + over("t") + " WHERE k > 3",
			`source/t
w/calc.1 < source/t: 1 of 1
w/window.1 < w/calc.1: columns [0 -2], late rows stay: true
sink/w < w/window.1
`},
		{"a choice of columns is the window's own work", "INSERT INTO w SELECT k, window_start FROM " + over("t"), `source/t
w/window.1 < source/t: columns [0 -1], late rows stay: true
sink/w < w/window.1
`},
		{"a filter over window columns stands above", "INSERT INTO w SELECT k, window_start FROM " + over("t") + " WHERE window_end > ts", `source/t
w/window.1 < source/t: columns [0 1 2 -1 -2 -3], late rows stay: true
w/calc.1 < w/window.1: 1 of 2
sink/w < w/calc.1
`},
		{"late rows are dropped for an aggregate alone", "CREATE VIEW v AS SELECT * FROM " + over("t") + "; INSERT INTO w SELECT k, ts FROM v; INSERT INTO o SELECT MAX(k) FROM v GROUP BY s, window_start, window_end", `source/t
v/window.1 < source/t: columns [0 1 2 -1 -2 -3], late rows stay: true
w/calc.1 < v/window.1: 0 of 2
v/window.2 < source/t: columns [0 1 2 -1 -2 -3], late rows stay: false
o/calc.1 < v/window.2: 0 of 2
o/key.1 < o/calc.1: key [0], row [1]
o/aggregate.1 # o/key.1
o/calc.2 < o/aggregate.1: 0 of 1
sink/w < w/calc.1
sink/o < o/calc.2
`},
		{"each branch of a union has its window, one aggregate takes all", "CREATE VIEW v AS SELECT k, ts FROM t UNION ALL SELECT k, ts FROM u; INSERT INTO o SELECT MAX(k) FROM " + over("v") + " GROUP BY k, window_start, window_end", `source/t
v/union.1/calc.1 < source/t: 0 of 2
source/u
v/union.2/calc.1 < source/u: 0 of 2
o/window.1 < v/union.1/calc.1: columns [0 0], late rows stay: false
o/window.2 < v/union.2/calc.1: columns [0 0], late rows stay: false
o/key.1 < o/window.1: key [0], row [1]
o/key.2 < o/window.2: key [0], row [1]
o/aggregate.1 # o/key.1 # o/key.2
o/calc.1 < o/aggregate.1: 0 of 1
sink/o < o/calc.1
`},
	} {
		script, err := parser.Parse(tables + c.text)
		if err != nil {
			t.Fatal(err)
		}
		p, err := bind.Script(script)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		run, err := Build(p, "q.sql")
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := describe(run); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}
