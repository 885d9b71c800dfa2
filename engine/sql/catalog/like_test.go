package catalog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/sql/parser"
)

const base = `CREATE TABLE b (k INT, s STRING, ts TIMESTAMP(3), d AS k * 2, PRIMARY KEY (k) NOT ENFORCED, WATERMARK FOR ts AS ts - INTERVAL '2' SECOND) WITH ('connector' = 'x', 'path' = 'p');
`

// shown is all that a table has taken, in short.
func shown(t *Table) string {
	var out []string
	for i, f := range t.Physical {
		column := f.Name
		if _, declared := t.NotNull(i); declared {
			column += "!"
		}
		out = append(out, column)
	}
	out = append(out, t.ComputedNames...)
	if t.RowTime >= 0 {
		out = append(out, fmt.Sprintf("time %s-%d", t.Schema()[t.RowTime].Name, t.DelayMS))
	}
	for _, o := range t.Options {
		out = append(out, o.Key+"="+o.Value)
	}
	return strings.Join(out, " ")
}

// The results are those of Flink 2.3's documentation of LIKE.
func TestATableIsLikeAnother(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"CREATE TABLE t LIKE b", "k! s ts d time ts-2000 connector=x path=p"},
		{"CREATE TABLE t WITH ('path' = 'q') LIKE b", "k! s ts d time ts-2000 connector=x path=q"},
		{"CREATE TABLE t (e STRING, f AS d + k) COMMENT 'more' WITH ('path' = 'q', 'format' = 'csv') LIKE b", "k! s ts e d f time ts-2000 connector=x path=q format=csv"},
		{"CREATE TABLE t WITH ('connector' = 'y') LIKE b (EXCLUDING ALL)", "k s ts connector=y"},
		{"CREATE TABLE t (PRIMARY KEY (s) NOT ENFORCED) LIKE b (EXCLUDING CONSTRAINTS)", "k s! ts d time ts-2000 connector=x path=p"},
		{"CREATE TABLE t WITH ('connector' = 'y') LIKE b (EXCLUDING ALL INCLUDING WATERMARKS)", "k s ts time ts-2000 connector=y"},
		{"CREATE TABLE t (WATERMARK FOR ts AS ts) LIKE b (OVERWRITING WATERMARKS)", "k! s ts d time ts-0 connector=x path=p"},
		{"CREATE TABLE t (WATERMARK FOR ts AS ts) LIKE b (EXCLUDING WATERMARKS EXCLUDING GENERATED)", "k! s ts time ts-0 connector=x path=p"},
		{"CREATE TABLE t (d AS k * 3) LIKE b (OVERWRITING GENERATED)", "k! s ts d time ts-2000 connector=x path=p"},
		{"CREATE TABLE t (d AS k * 3) LIKE b (EXCLUDING GENERATED)", "k! s ts d time ts-2000 connector=x path=p"},
		{"CREATE TABLE u (e INT) LIKE b; CREATE TABLE t (f INT) LIKE u (EXCLUDING WATERMARKS)", "k! s ts e f d connector=x path=p"},
		{"CREATE TABLE t WITH ('format' = 'csv') LIKE b (INCLUDING ALL)", "k! s ts d time ts-2000 connector=x path=p format=csv"},
		{"CREATE TABLE t WITH ('path' = 'q') LIKE b (INCLUDING ALL OVERWRITING OPTIONS)", "k! s ts d time ts-2000 connector=x path=q"},
		{"CREATE TABLE t LIKE b (INCLUDING METADATA EXCLUDING PARTITIONS)", "k! s ts d time ts-2000 connector=x path=p"},
	} {
		catalog, err := declare(base + c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := shown(catalog.Table(parser.Name{Text: "t"})); got != c.want {
			t.Errorf("%s: %s, want %s", c.text, got, c.want)
		}
		if got := shown(catalog.Table(parser.Name{Text: "b"})); got != "k! s ts d time ts-2000 connector=x path=p" {
			t.Errorf("%s has changed what it is like: %s", c.text, got)
		}
	}
}

func TestWhatATableCannotTakeIsRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"CREATE TABLE t LIKE c", "2:21: there is no table c; declare it before it is used"},
		{"CREATE TABLE t LIKE t", "2:21: there is no table t; declare it before it is used"},
		{"CREATE TABLE t (k INT) LIKE b", "2:17: the table b, which t is like, has a column k; give it another name"},
		{"CREATE TABLE t (d INT) LIKE b (OVERWRITING GENERATED)", "2:17: the tables t and b, which it is like, both have a column d; write LIKE b (EXCLUDING GENERATED)"},
		{"CREATE TABLE t (d AS k) LIKE b", "2:17: the tables t and b, which it is like, both have a column d; write LIKE b (EXCLUDING GENERATED), or OVERWRITING"},
		{"CREATE TABLE t (PRIMARY KEY (s) NOT ENFORCED) LIKE b", "2:30: the tables t and b, which it is like, both have a primary key; write LIKE b (EXCLUDING CONSTRAINTS)"},
		{"CREATE TABLE t (WATERMARK FOR ts AS ts) LIKE b", "2:17: the tables t and b, which it is like, both have a watermark; write LIKE b (EXCLUDING WATERMARKS), or OVERWRITING"},
		{"CREATE TABLE t WITH ('path' = 'q') LIKE b (INCLUDING OPTIONS)", "2:22: the tables t and b, which it is like, both have the option 'path'; write LIKE b (EXCLUDING OPTIONS), or OVERWRITING"},
		{"CREATE TABLE t WITH ('path' = 'q') LIKE b (INCLUDING ALL)", "2:22: the tables t and b, which it is like, both have the option 'path'; write LIKE b (EXCLUDING OPTIONS), or OVERWRITING"},
		{"CREATE TABLE t LIKE b (EXCLUDING OPTIONS)", "2:14: table t has no connector; add 'connector' = 'filesystem' or the like to WITH"},
		{"CREATE TABLE t LIKE b (EXCLUDING OPTIONS INCLUDING OPTIONS)", "2:42: LIKE says twice what to do with OPTIONS; say it once"},
		{"CREATE TABLE t WITH ('password' = 'hunter2') LIKE b", "2:35: the option 'password' of table t holds a secret in the text; leave it out: credentials are taken from the environment, in pods from spec.checkpoint.credentialsSecret"},
		{"CREATE TABLE t LIKE b (EXCLUDING GENERATED); CREATE TABLE u (e AS d) LIKE t", "2:67: there is no column d; the columns are k, s, ts"},
	} {
		if _, err := declare(base + c.text); err == nil || err.Error() != c.want {
			t.Errorf("%s\ngot  %v\nwant %s", c.text, err, c.want)
		}
	}
}
